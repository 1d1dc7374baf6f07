//! A transaction's run as a tree for people: calls with arguments, results and gas, and under each what it did.
//!
//! One renderer serves scenarios, committed transactions and dry calls. Ids that have a name are shown by it; others are
//! cut in the middle (`--json` has them whole).

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use vm_chain::api::text::{HexBytes, Text};
use vm_chain::api::trace::{ChangeInfo, FrameInfo, LoggedInfo, OperationInfo, StepInfo, TransactionTrace};
use vm_chain::api::types::{Ending, PayloadInfo};
use vm_chain::names::Names;
use vm_chain::value::{Human, grouped};
use vm_core::Address;

use crate::colours::Colours;

/// How a tree is written.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    /// The names of ids.
    pub names: &'a Names,
    /// The colours.
    pub colours: Colours,
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

/// Named values on one line: `name = value, ...`.
fn listed(fields: &Map<String, Value>, names: &Names) -> String {
    let field = |(name, value): (&String, &Value)| {
        plain(&format!("{name} = {}", Human::from_json(value).named(names)))
    };
    fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

impl<'a> Tree<'a> {
    /// A tree with these names and colours.
    #[must_use]
    pub fn new(names: &'a Names, colours: Colours) -> Self {
        Self { names, colours }
    }

    /// Writes a run; every line begins with `indent`. A transfer's or an upload's own frame says nothing that the
    /// transaction's line does not, so only what is under it is written.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn fmt::Write, trace: &TransactionTrace, indent: &str) -> fmt::Result {
        let root = &trace.root;
        let mut nodes = match root.kind.as_str() {
            "transfer" | "upload" => {
                let detail = root.detail.as_deref().map(plain).map(Node::leaf);
                detail.into_iter().chain(self.steps(root)).collect()
            }
            _ => vec![self.frame(root)],
        };
        if trace.truncated {
            nodes.push(Node::leaf("the trace was cut here".to_owned()));
        }
        self.nodes(out, &nodes, indent)
    }

    fn nodes(&self, out: &mut dyn fmt::Write, nodes: &[Node], indent: &str) -> fmt::Result {
        for (index, node) in nodes.iter().enumerate() {
            let last = index.saturating_add(1) == nodes.len();
            let (branch, below) = if last { ("└ ", "  ") } else { ("├ ", "│ ") };
            writeln!(out, "{}{}", self.colours.quiet(&format!("{indent}{branch}")), shorten(&node.text))?;
            self.nodes(out, &node.children, &format!("{indent}{below}"))?;
        }
        Ok(())
    }

    /// The name of an id, or its digits.
    fn id<T: fmt::Display>(&self, id: &Text<T>) -> String {
        self.names.show(&id.to_string())
    }

    /// A decoded value.
    #[must_use]
    pub fn value(&self, value: &Value) -> String {
        plain(&Human::from_json(value).named(self.names).to_string())
    }

    /// How something ended: `success`, `reverted: NAME { ... }`, `failed: NAME`.
    #[must_use]
    pub fn ending(&self, ending: &Ending, output: &HexBytes) -> String {
        let status = plain(&ending.status);
        match &ending.error {
            Some(error) if error.fields.is_empty() => format!("{status}: {}", plain(&error.name)),
            Some(error) => {
                let fields = self.value(&Value::Object(error.fields.clone()));
                format!("{status}: {} {fields}", plain(&error.name))
            }
            None if status == "success" || output.0.is_empty() => status,
            None => format!("{status}: {output}"),
        }
    }

    /// `name { field = value, ... }` of an event.
    #[must_use]
    pub fn event(&self, name: &str, fields: Option<&Map<String, Value>>, data: &HexBytes) -> String {
        let name = plain(name);
        match fields {
            Some(fields) => format!("{name} {}", self.value(&Value::Object(fields.clone()))),
            None => format!("{name} {data}"),
        }
    }

    /// Who does what, in one line.
    #[must_use]
    pub fn what(&self, sender: &Address, payload: &PayloadInfo) -> String {
        let sender = self.names.show_address(sender);
        let with = |value: u64| match value {
            0 => String::new(),
            value => format!(" with {}", grouped(value.into())),
        };
        match payload {
            PayloadInfo::Transfer { to, amount } => {
                format!("{sender} sends {} to {}", grouped(amount.0.into()), self.id(to))
            }
            PayloadInfo::Call { contract, function, value, .. } => {
                format!("{sender} calls {}.{}{}", self.id(contract), plain(function), with(value.0))
            }
            PayloadInfo::Deploy { contract, value, .. } => {
                format!("{sender} deploys {}{}", self.id(contract), with(value.0))
            }
            PayloadInfo::Upload { code_bytes, .. } => {
                format!("{sender} uploads a module of {} bytes", grouped((*code_bytes).into()))
            }
        }
    }

    fn frame(&self, frame: &FrameInfo) -> Node {
        let mut text = String::new();
        if frame.kind == "deploy" {
            text.push_str("deploy ");
        }
        let contract = self.id(&frame.contract);
        match &frame.name {
            Some(name) if contract.starts_with("0x") => {
                // Writing to a String cannot fail.
                let _ = write!(text, "{}({contract})", plain(name));
            }
            _ => text.push_str(&contract),
        }
        if !frame.function.is_empty() {
            let args = match &frame.args {
                Some(args) => listed(args, self.names),
                None => frame.raw_args.to_string(),
            };
            let _ = write!(text, ".{}({args})", plain(&frame.function));
        }
        if frame.value.0 > 0 {
            let _ = write!(text, " with {}", grouped(frame.value.0.into()));
        }
        if frame.ending.status == "success" {
            match &frame.returns {
                Some(value) => {
                    let _ = write!(text, " -> {}", self.value(value));
                }
                // Without an interface the bytes are all there is to show.
                None if frame.name.is_none() && !frame.output.0.is_empty() => {
                    let _ = write!(text, " -> {}", frame.output);
                }
                None => {}
            }
        } else {
            let _ = write!(text, "  {}", self.colours.bad(&self.ending(&frame.ending, &frame.output)));
            if let Some(detail) = &frame.detail {
                let _ = write!(text, " ({})", plain(detail));
            }
            if !frame.steps.is_empty() {
                text.push_str("; undone:");
            }
        }
        let gas = self.colours.quiet(&format!("gas {}", grouped(frame.gas_used.into())));
        let _ = write!(text, "  {gas}");
        Node { text, children: self.steps(frame) }
    }

    fn steps(&self, frame: &FrameInfo) -> Vec<Node> {
        frame.steps.iter().map(|step| self.step(step)).collect()
    }

    fn step(&self, step: &StepInfo) -> Node {
        match step {
            StepInfo::Frame(frame) => self.frame(frame),
            StepInfo::Event(LoggedInfo { name, fields, data, .. }) => {
                Node::leaf(format!("event {}", self.event(name, fields.as_ref(), data)))
            }
            StepInfo::Operation(operation) => Node::leaf(self.operation(operation)),
        }
    }

    fn operation(&self, operation: &OperationInfo) -> String {
        match &operation.change {
            Some(change) => self.change(change),
            None => {
                let failed = operation.failed.as_ref().map(|name| format!(": {name}")).unwrap_or_default();
                self.colours.quiet(&plain(&format!("{}{failed}", operation.function)))
            }
        }
    }

    fn change(&self, change: &ChangeInfo) -> String {
        let value = |value: &Option<Value>| {
            value.as_ref().map_or_else(|| "none".to_owned(), |value| self.value(value))
        };
        match change {
            ChangeInfo::Created { object, owner } => {
                format!("created {}, owned by {}", self.id(object), self.id(owner))
            }
            ChangeInfo::Deleted { object } => format!("deleted {}", self.id(object)),
            ChangeInfo::OwnerSet { object, from, to } => {
                format!("{}: owner {} -> {}", self.id(object), self.id(from), self.id(to))
            }
            ChangeInfo::FieldRead { object, field } => {
                self.colours.quiet(&format!("read {}.{}", self.id(object), plain(field)))
            }
            ChangeInfo::FieldSet { object, field, before, after } => {
                format!("{}.{}: {} -> {}", self.id(object), plain(field), value(before), value(after))
            }
            ChangeInfo::Transferred { to, amount } => {
                format!("sent {} to {}", grouped(amount.0.into()), self.id(to))
            }
            ChangeInfo::Refused { object } => {
                self.colours.bad(&format!("refused: the sender may not change {}", self.id(object)))
            }
        }
    }
}

/// A text that a contract or a node gave, without what would steer a terminal.
#[must_use]
pub fn plain(text: &str) -> String {
    // Unicode's own line ends and what turns the direction of a text can pass one row off as another.
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let shown = |c: char| if c.is_control() || turns(c) { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// Cuts the middle out of ids and long bytes.
#[must_use]
pub fn shorten(text: &str) -> String {
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

    /// As deep as the client of a node reads, in a main thread's stack on Linux, where the build is not even optimised.
    #[test]
    fn the_deepest_value_that_a_node_can_give_is_shown() {
        let show = || {
            let deep = (0..1_023).fold(Value::Array(vec![]), |value, _| Value::Array(vec![value]));
            let names = Names::default();
            let shown = Tree::new(&names, Colours::Off).value(&deep);
            let json = serde_json::to_string_pretty(&deep).unwrap();
            (shown.matches('[').count(), json.matches('[').count())
        };
        let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(show).unwrap();
        assert_eq!(thread.join().unwrap(), (1_024, 1_024));
    }

    #[test]
    fn long_hex_is_cut_and_the_rest_kept() {
        let id = format!("0x{}", "ab".repeat(32));
        assert_eq!(shorten(&format!("a {id}, b 0x12 0x")), "a 0xabababab…abab, b 0x12 0x");
        assert_eq!(shorten("grün"), "grün");
    }
}
