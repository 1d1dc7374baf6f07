//! The report for people: a line per transaction, under it the tree of what it did.

use std::fmt::{self, Write as _};

use vm_core::{Payload, Status};
use vm_host::{Change, FrameKind, FrameTrace, Step};

use super::{Lookup, field_name, target};
use crate::expect::{ending, show_event};
use crate::run::{BlockRun, Run, TransactionRun};
use crate::scenario::Scenario;
use crate::value::{Human, grouped};

/// Whether to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colours {
    /// Plain text.
    #[default]
    Off,
    /// ANSI colours.
    On,
}

impl Colours {
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::On => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    fn quiet(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// A line with lines under it.
struct Node {
    text: String,
    children: Vec<Node>,
}

impl Node {
    fn leaf(text: String) -> Self {
        Self { text, children: Vec::new() }
    }
}

/// Writes the report of `run`.
///
/// # Errors
///
/// Those of `out`.
pub fn write(out: &mut dyn fmt::Write, scenario: &Scenario, run: &Run, colours: Colours) -> fmt::Result {
    let lookup = Lookup { scenario, names: &run.names };
    let writer = Writer { lookup, colours };
    writeln!(out, "{}  {}", colours.strong(&scenario.name), scenario.path.display())?;
    for block in &run.blocks {
        writer.block(out, block)?;
    }
    let transactions = run.transactions().count();
    writeln!(out)?;
    writeln!(out, "state root    {}", run.head.state_root)?;
    writeln!(out, "block hash    {}  (height {})", run.head.hash(), run.head.height)?;
    writeln!(out, "transactions  {transactions}")?;
    writeln!(out, "gas           {}", grouped(run.gas_used().into()))?;
    writeln!(out, "fuel          {}", grouped(run.fuel().into()))?;
    writer.expectations(out, run)
}

struct Writer<'a> {
    lookup: Lookup<'a>,
    colours: Colours,
}

impl Writer<'_> {
    fn block(&self, out: &mut dyn fmt::Write, block: &BlockRun) -> fmt::Result {
        let count = block.transactions.len();
        let plural = if count == 1 { "" } else { "s" };
        let title = format!("block {}", block.height);
        writeln!(out)?;
        match &block.refused {
            Some(reason) => {
                writeln!(out, "{}  time {}  refused: {reason}", self.colours.strong(&title), block.time)?;
            }
            None => {
                let title = self.colours.strong(&title);
                writeln!(out, "{title}  time {}  {count} transaction{plural}", block.time)?;
            }
        }
        for (index, transaction) in block.transactions.iter().enumerate() {
            self.transaction(out, index, transaction)?;
        }
        if let Some(header) = &block.header {
            writeln!(out, "  {}", self.colours.quiet(&format!("root {}", header.state_root)))?;
        }
        Ok(())
    }

    fn transaction(&self, out: &mut dyn fmt::Write, index: usize, run: &TransactionRun) -> fmt::Result {
        let receipt = &run.executed.receipt;
        let target = target(self.lookup.scenario, &run.transaction);
        let interface = target.as_ref().and_then(|(address, _)| self.lookup.interface(address));
        let ending = ending(receipt.status, &receipt.output, interface, self.lookup.names).to_string();
        let ending =
            if receipt.status.is_success() { self.colours.good(&ending) } else { self.colours.bad(&ending) };
        let refund = match receipt.gas_refunded {
            0 => String::new(),
            refund => format!(" (after {} refunded)", grouped(refund.into())),
        };
        let gas = grouped(receipt.gas_used.into());
        let fuel = grouped(run.executed.resources.fuel.into());
        let what = shorten(&self.what(run));
        let costs = self.colours.quiet(&format!("gas {gas}{refund}, fuel {fuel}"));
        writeln!(out, "  {index}  {what}  {ending}  {costs}")?;
        if !run.note.is_empty() {
            writeln!(out, "     {}", self.colours.quiet(&format!("# {}", run.note)))?;
        }
        if let Some(trace) = &run.executed.trace {
            let mut roots = match trace.root.kind {
                FrameKind::Call | FrameKind::Deploy => vec![self.frame(&trace.root)],
                FrameKind::Transfer | FrameKind::Upload => {
                    let detail = trace.root.detail.clone().map(Node::leaf);
                    detail.into_iter().chain(self.steps(&trace.root)).collect()
                }
            };
            if trace.truncated {
                roots.push(Node::leaf("the trace was cut here".to_owned()));
            }
            self.tree(out, &roots, "     ")?;
        }
        Ok(())
    }

    /// Who does what, in one line.
    fn what(&self, run: &TransactionRun) -> String {
        let names = self.lookup.names;
        let sender = names.show_address(&run.transaction.sender);
        let with = |value: u64| match value {
            0 => String::new(),
            value => format!(" with {}", grouped(value.into())),
        };
        match &run.transaction.payload {
            Payload::Transfer { to, amount } => {
                format!("{sender} sends {} to {}", grouped((*amount).into()), names.show_address(to))
            }
            Payload::Call { contract, function, value, .. } => {
                format!("{sender} calls {}.{function}{}", names.show_address(contract), with(*value))
            }
            Payload::Deploy { value, .. } => {
                let address = target(self.lookup.scenario, &run.transaction).map(|(address, _)| address);
                let address = address.map(|address| names.show_address(&address)).unwrap_or_default();
                format!("{sender} deploys {address}{}", with(*value))
            }
            Payload::Upload { code } => {
                format!(
                    "{sender} uploads a module of {} bytes",
                    grouped(u128::try_from(code.len()).unwrap_or(0))
                )
            }
        }
    }

    fn frame(&self, frame: &FrameTrace) -> Node {
        let names = self.lookup.names;
        let function = self.lookup.function(frame);
        let mut text = String::new();
        if frame.kind == FrameKind::Deploy {
            text.push_str("deploy ");
        }
        text.push_str(&names.show_address(&frame.contract));
        if !function.is_empty() {
            let args = match self.lookup.args(&frame.contract, function, &frame.args) {
                Human::Table(entries) => {
                    let shown = entries.iter().map(|(name, value)| format!("{name} = {}", value.value));
                    shown.collect::<Vec<_>>().join(", ")
                }
                raw => raw.to_string(),
            };
            // Writing to a String cannot fail.
            let _ = write!(text, ".{function}({args})");
        }
        if frame.value > 0 {
            let _ = write!(text, " with {}", grouped(frame.value.into()));
        }
        let interface = self.lookup.interface(&frame.contract);
        match frame.status {
            Status::Success => {
                if let Some(value) = self.lookup.returned(&frame.contract, function, &frame.output) {
                    let _ = write!(text, " -> {value}");
                }
            }
            Status::Reverted | Status::Failed(_) => {
                let ending = ending(frame.status, &frame.output, interface, names).to_string();
                let _ = write!(text, "  {}", self.colours.bad(&ending));
                if let Some(detail) = &frame.detail {
                    let _ = write!(text, " ({detail})");
                }
                if !frame.steps.is_empty() {
                    text.push_str("; undone:");
                }
            }
        }
        let gas = self.colours.quiet(&format!("gas {}", grouped(frame.gas_used.into())));
        let _ = write!(text, "  {gas}");
        Node { text, children: self.steps(frame) }
    }

    fn steps(&self, frame: &FrameTrace) -> Vec<Node> {
        frame.steps.iter().filter_map(|step| self.step(frame, step)).collect()
    }

    fn step(&self, frame: &FrameTrace, step: &Step) -> Option<Node> {
        Some(match step {
            Step::Frame(inner) => self.frame(inner),
            Step::Event(event) => {
                let interface = self.lookup.interface(&event.contract);
                Node::leaf(format!("event {}", show_event(event, interface, self.lookup.names)))
            }
            Step::Operation(operation) => Node::leaf(match &operation.change {
                Some(change) => self.change(frame, change)?,
                None => {
                    let failed =
                        operation.failed.map(|code| format!(": {}", code.name())).unwrap_or_default();
                    self.colours.quiet(&format!("{}{failed}", operation.function.name()))
                }
            }),
        })
    }

    fn change(&self, frame: &FrameTrace, change: &Change) -> Option<String> {
        let names = self.lookup.names;
        Some(match change {
            Change::Created { object, owner } => {
                format!("created {}, owned by {}", names.show_object(object), names.show_address(owner))
            }
            Change::Deleted { object } => format!("deleted {}", names.show_object(object)),
            Change::OwnerSet { object, from, to } => format!(
                "{}: owner {} -> {}",
                names.show_object(object),
                names.show_address(from),
                names.show_address(to)
            ),
            Change::FieldRead { object, name } => {
                self.colours.quiet(&format!("read {}.{}", names.show_object(object), field_name(name)))
            }
            Change::FieldSet { object, name, before, after } => {
                let show = |value: &Option<Vec<u8>>| match value {
                    Some(value) => self.lookup.field(&frame.contract, name, value).to_string(),
                    None => "none".to_owned(),
                };
                let object = names.show_object(object);
                format!("{object}.{}: {} -> {}", field_name(name), show(before), show(after))
            }
            Change::Transferred { to, amount } => {
                format!("sent {} to {}", grouped((*amount).into()), names.show_address(to))
            }
            Change::Refused { object } => {
                self.colours.bad(&format!("refused: the sender may not change {}", names.show_object(object)))
            }
        })
    }

    fn tree(&self, out: &mut dyn fmt::Write, nodes: &[Node], indent: &str) -> fmt::Result {
        for (index, node) in nodes.iter().enumerate() {
            let last = index.saturating_add(1) == nodes.len();
            let (branch, below) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
            writeln!(out, "{}{}", self.colours.quiet(&format!("{indent}{branch}")), shorten(&node.text))?;
            self.tree(out, &node.children, &format!("{indent}{below}"))?;
        }
        Ok(())
    }

    fn expectations(&self, out: &mut dyn fmt::Write, run: &Run) -> fmt::Result {
        if run.passed() {
            let all = format!("all {} expectations hold", run.checks);
            return writeln!(out, "{}", self.colours.good(&all));
        }
        let title = format!("{} of {} expectations do not hold:", run.failures.len(), run.checks);
        writeln!(out, "{}", self.colours.bad(&title))?;
        for failure in &run.failures {
            writeln!(out)?;
            writeln!(out, "  {}: {}", failure.at, failure.what)?;
            writeln!(out, "    expected  {}", failure.expected)?;
            writeln!(out, "    found     {}", failure.found)?;
        }
        Ok(())
    }
}

/// Cuts the middle out of ids and long bytes; `--json` has all of them.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 20;
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("0x") {
        let (before, from) = rest.split_at(at);
        let digits = from.chars().skip(2).take_while(char::is_ascii_hexdigit).count();
        let (whole, after) = from.split_at(digits.saturating_add(2));
        out.push_str(before);
        match (whole.get(..10), whole.get(whole.len().saturating_sub(4)..)) {
            (Some(head), Some(tail)) if digits > SHOWN => {
                let _ = write!(out, "{head}…{tail}");
            }
            _ => out.push_str(whole),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_hex_is_cut_and_the_rest_kept() {
        let id = format!("0x{}", "ab".repeat(32));
        assert_eq!(shorten(&format!("a {id}, b 0x12 0x")), "a 0xabababab…abab, b 0x12 0x");
        assert_eq!(shorten("grün"), "grün");
    }
}
