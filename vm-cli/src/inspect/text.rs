//! A [`Report`] for people.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use vm_core::interface::{Field, Flags, Function, Record, Type};

use super::{Import, Module, Report, Validation};
use crate::colours::Colours;
use crate::value::{grouped, grouped_count, type_name};

/// The number of a contract's first error (docs/interface.md).
const FIRST_ERROR: u64 = 65_536;

/// Writes the report.
///
/// # Errors
///
/// Those of `out`.
pub fn write(out: &mut dyn fmt::Write, report: &Report, colours: Colours) -> fmt::Result {
    title(out, report, colours)?;
    if let Some(module) = &report.module {
        self::module(out, module, &report.validation, colours)?;
    }
    match &report.interface {
        Some(interface) => self::interface(out, &interface.into(), colours),
        None => writeln!(out, "\n{}\n  none that can be read", colours.strong("interface")),
    }
}

fn title(out: &mut dyn fmt::Write, report: &Report, colours: Colours) -> fmt::Result {
    let what = if report.module.is_some() { "module" } else { "interface" };
    match &report.validation.error {
        None => writeln!(out, "{}: {}", report.source, colours.good(&format!("valid {what}"))),
        Some(refusal) => {
            writeln!(out, "{}: {}", report.source, colours.bad(&format!("{what} that nodes refuse")))?;
            writeln!(out, "  {}: {}", colours.bad(&refusal.name), plain(&refusal.message))?;
            writeln!(out, "  help: {}", refusal.help)
        }
    }
}

fn module(out: &mut dyn fmt::Write, module: &Module, said: &Validation, colours: Colours) -> fmt::Result {
    writeln!(out, "  code hash  {}", module.code_hash)?;
    writeln!(out, "  size       {} bytes", grouped_count(module.bytes))?;
    if let Some(memory) = module.memory {
        let pages = grouped(memory.pages.into());
        match memory.pages_max {
            Some(most) => writeln!(out, "  memory     {pages} to {} pages of 64 KiB", grouped(most.into()))?,
            None => writeln!(out, "  memory     {pages} x 64 KiB, no maximum")?,
        }
    }
    if let Some(start) = said.start {
        let (items, bytes) = (grouped(start.items.into()), grouped(start.data_bytes.into()));
        writeln!(
            out,
            "  start      {items} items, {bytes} bytes of data, stack of {} pages",
            start.stack_pages
        )?;
    }
    if let Some(sizes) = &module.sizes {
        writeln!(out, "\n{}", colours.strong("sections"))?;
        for part in &sizes.sections {
            writeln!(out, "  {:>7}  {}", grouped_count(part.bytes), plain(&part.name))?;
        }
    }
    imports(out, &module.imports, colours)?;
    exports(out, module, colours)
}

fn imports(out: &mut dyn fmt::Write, imports: &[Import], colours: Colours) -> fmt::Result {
    if imports.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", colours.strong("imports"))?;
    for Import { module, name, kind, signature } in imports {
        let ty = signature.as_deref().map_or(format!("  {kind}"), str::to_owned);
        writeln!(out, "  {}.{}{ty}", plain(module), plain(name))?;
    }
    Ok(())
}

/// By kind: a line of names for each.
fn exports(out: &mut dyn fmt::Write, module: &Module, colours: Colours) -> fmt::Result {
    if module.exports.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", colours.strong("exports"))?;
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for export in &module.exports {
        kinds.entry(export.kind).or_default().push(plain(&export.name));
    }
    for (kind, names) in kinds {
        writeln!(out, "  {kind:<8}  {}", names.join(", "))?;
    }
    Ok(())
}

fn interface(
    out: &mut dyn fmt::Write,
    interface: &vm_core::interface::Interface,
    colours: Colours,
) -> fmt::Result {
    writeln!(out, "\n{} {}", colours.strong("interface"), interface.name)?;
    for function in &interface.functions {
        docs(out, &function.docs, colours)?;
        writeln!(out, "  {}", signature(function))?;
    }
    for (title, records) in [("events", &interface.events), ("objects", &interface.objects)] {
        self::records(out, title, records, colours, |_| String::new())?;
    }
    let number = |index: usize| {
        let index = u64::try_from(index).unwrap_or(u64::MAX);
        format!("{}  ", FIRST_ERROR.saturating_add(index))
    };
    self::records(out, "errors", &interface.errors, colours, number)
}

fn records(
    out: &mut dyn fmt::Write,
    title: &str,
    records: &[Record],
    colours: Colours,
    lead: impl Fn(usize) -> String,
) -> fmt::Result {
    if records.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{}", colours.strong(title))?;
    for (index, record) in records.iter().enumerate() {
        docs(out, &record.docs, colours)?;
        writeln!(out, "  {}{}{}", lead(index), record.name, braced(&record.fields))?;
    }
    Ok(())
}

/// `call transfer(to: address, amount: u64) -> bool`, with what else the host enforces.
fn signature(function: &Function) -> String {
    let kind = if function.flags.has(Flags::INIT) {
        "init"
    } else if function.flags.has(Flags::VIEW) {
        "view"
    } else {
        "call"
    };
    let mut text = format!("{kind:<4}  {}({})", function.name, listed(&function.params));
    if function.returns != Type::unit() {
        let written = write!(text, " -> {}", type_name(&function.returns));
        debug_assert!(written.is_ok(), "writing to a String does not fail");
    }
    for (flag, word) in [(Flags::PAYABLE, "payable"), (Flags::REENTRANT, "reentrant")] {
        if function.flags.has(flag) {
            text.push_str("  ");
            text.push_str(word);
        }
    }
    text
}

fn listed(fields: &[Field]) -> String {
    let one = |field: &Field| format!("{}: {}", field.name, type_name(&field.ty));
    fields.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn braced(fields: &[Field]) -> String {
    if fields.is_empty() { String::new() } else { format!(" {{ {} }}", listed(fields)) }
}

/// What a module says must not reach the terminal as a command: control characters are left out.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// What the author says stands above what it is about, as in source.
fn docs(out: &mut dyn fmt::Write, docs: &str, colours: Colours) -> fmt::Result {
    for line in docs.lines() {
        writeln!(out, "  {}", colours.quiet(format!("# {}", plain(line)).trim_end()))?;
    }
    Ok(())
}
