//! What a chain says, for people: names in the place of ids where there are any, amounts in groups of digits.

use std::fmt::{Display, Write as _};

use serde_json::Value;
use vm_chain::api::text::Text;
use vm_chain::api::trace::TransactionTrace;
use vm_chain::api::types::{
    Ending, EventInfo, HeaderInfo, ObjectInfo, Outcome, PayloadInfo, ReceiptInfo, TransactionInfo,
};
use vm_chain::names::Names;
use vm_chain::value::grouped;
use vm_core::interface::Interface;
use vm_core::{Address, ErrorCode};

use crate::colours::Colours;
use crate::tree::Tree;
pub use crate::tree::plain;

/// How things are shown.
#[derive(Clone, Copy, Debug)]
pub struct Show<'a> {
    tree: Tree<'a>,
}

/// An amount.
#[must_use]
pub fn amount(amount: u64) -> String {
    grouped(amount.into())
}

impl<'a> Show<'a> {
    /// With these names and colours.
    #[must_use]
    pub fn new(names: &'a Names, colours: Colours) -> Self {
        Self { tree: Tree::new(names, colours) }
    }

    /// The name of an id, or its digits.
    #[must_use]
    pub fn id<T: Display>(&self, id: &Text<T>) -> String {
        self.tree.names.show(&id.to_string())
    }

    /// A run as a tree; nothing for none.
    #[must_use]
    pub fn trace(&self, trace: Option<&TransactionTrace>) -> String {
        let mut text = String::new();
        if let Some(trace) = trace {
            let written = self.tree.write(&mut text, trace, "  ");
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
        text
    }

    /// How it ended, and what the contract or the VM says of the error.
    #[must_use]
    pub fn ending(
        &self,
        ending: &Ending,
        output: &vm_chain::api::text::HexBytes,
        interface: Option<&Interface>,
    ) -> String {
        let shown = self.tree.ending(ending, output);
        let colours = self.tree.colours;
        if ending.status == "success" {
            return colours.good(&shown);
        }
        let shown = colours.bad(&shown);
        match meaning(ending, interface) {
            Some(docs) => format!("{shown}\n  {docs}"),
            None => shown,
        }
    }

    /// What a run came to.
    #[must_use]
    pub fn outcome(&self, outcome: &Outcome, interface: Option<&Interface>) -> String {
        let mut text = self.ending(&outcome.ending, &outcome.output, interface);
        text.push('\n');
        if let Some(deployed) = &outcome.deployed {
            let _ = writeln!(text, "  contract  {}", self.deployed(deployed));
        }
        if let Some(value) = &outcome.returns {
            let _ = writeln!(text, "  returns   {}", self.tree.value(value));
        }
        for event in &outcome.events {
            let _ = writeln!(text, "  event     {}", self.event(event));
        }
        let _ = writeln!(text, "  gas       {}", gas(outcome.gas_used, outcome.gas_refunded));
        text
    }

    /// A receipt.
    #[must_use]
    pub fn receipt(&self, receipt: &ReceiptInfo, interface: Option<&Interface>) -> String {
        let mut text = self.outcome(&receipt.outcome, interface);
        let _ = writeln!(text, "  hash      {}", receipt.transaction);
        let _ = writeln!(text, "  block     {}, transaction {}", receipt.height, receipt.index);
        text
    }

    /// `@contract Name { ... }`.
    #[must_use]
    pub fn event(&self, event: &EventInfo) -> String {
        let shown = self.tree.event(&plain(&event.name), event.fields.as_ref(), &event.data);
        format!("{} {shown}", self.id(&event.contract))
    }

    /// Who does what, in one line.
    #[must_use]
    pub fn what(&self, transaction: &TransactionInfo) -> String {
        plain(&self.tree.what(&transaction.sender.0, &transaction.payload))
    }

    /// The arguments by name, or their bytes; none of a transaction that has none.
    #[must_use]
    pub fn arguments(&self, payload: &PayloadInfo) -> Option<String> {
        let (PayloadInfo::Call { args, decoded, .. } | PayloadInfo::Deploy { args, decoded, .. }) = payload
        else {
            return None;
        };
        let one = |(name, value): (&String, &Value)| format!("{} = {}", plain(name), self.tree.value(value));
        let shown = match decoded {
            Some(fields) => fields.iter().map(one).collect::<Vec<_>>().join(", "),
            None => args.to_string(),
        };
        (!shown.is_empty()).then_some(shown)
    }

    /// The address of a new contract, with its name if it has one.
    fn deployed(&self, address: &Text<Address>) -> String {
        let named = self.id(address);
        if named.starts_with('@') { format!("{address} ({named})") } else { named }
    }

    /// A block's header.
    #[must_use]
    pub fn header(&self, header: &HeaderInfo) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}", self.tree.colours.strong(&format!("block {}", header.height)));
        let rows: [(&str, String); 9] = [
            ("hash", header.hash.to_string()),
            ("parent", header.parent.to_string()),
            ("time", header.time.to_string()),
            ("proposer", self.id(&header.proposer)),
            ("params", header.params.to_string()),
            ("transactions", header.transactions_root.to_string()),
            ("state", header.state_root.to_string()),
            ("receipts", header.receipts_root.to_string()),
            ("gas", grouped(header.gas_used.into())),
        ];
        for (name, value) in rows {
            let _ = writeln!(text, "  {name:<12}  {value}");
        }
        text
    }

    /// An object with its fields.
    #[must_use]
    pub fn object(&self, object: &ObjectInfo) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}", object.id);
        let _ = writeln!(text, "  contract  {}", self.id(&object.contract));
        let _ =
            writeln!(text, "  owner     {}, since block {}", self.id(&object.owner), object.acquired_height);
        let _ = writeln!(text, "  changed   by its {}", plain(&object.policy));
        for field in &object.fields {
            let name = field.name.as_deref().map_or_else(|| format!("#{}", field.name_hash), plain);
            let value = match &field.decoded {
                Some(value) => self.tree.value(value),
                None => field.value.to_string(),
            };
            let _ = writeln!(text, "  {name} = {value}");
        }
        text
    }

    /// A decoded value.
    #[must_use]
    pub fn value(&self, value: &Value) -> String {
        self.tree.value(value)
    }
}

fn gas(used: u64, refunded: u64) -> String {
    match refunded {
        0 => amount(used),
        refunded => format!("{} (after {} refunded)", amount(used), amount(refunded)),
    }
}

/// What the contract's author or the VM says that the error means.
fn meaning(ending: &Ending, interface: Option<&Interface>) -> Option<String> {
    let error = ending.error.as_ref()?;
    if let Some(code) = u16::try_from(error.code).ok().and_then(|code| ErrorCode::try_from(code).ok()) {
        return Some(code.to_string());
    }
    let docs = crate::arguments::summary(&interface?.error(error.code)?.docs);
    (!docs.is_empty()).then_some(docs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use vm_chain::api::types::FieldInfo;
    use vm_core::{Hash, ObjectId};

    #[test]
    fn an_object_and_arguments_are_shown_in_plain_words() {
        let loud = "l\u{1b}[2Jd";
        let object = ObjectInfo {
            id: ObjectId([1; 32]).into(),
            contract: Address([2; 32]).into(),
            owner: Address([3; 32]).into(),
            policy: loud.to_owned(),
            acquired_height: 1,
            fields: vec![FieldInfo {
                name: Some(loud.to_owned()),
                name_hash: Hash::ZERO.into(),
                decoded: Some(json!(loud)),
                value: vec![1].into(),
            }],
        };
        let names = Names::default();
        let show = Show::new(&names, Colours::Off);
        let shown = show.object(&object);
        assert_eq!(shown.matches("l\u{fffd}[2Jd").count(), 2, "{shown:?}");
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        let Value::Object(fields) = json!({ loud: loud }) else { panic!("no object") };
        let payload = PayloadInfo::Call {
            contract: Address([2; 32]).into(),
            function: "f".to_owned(),
            args: vec![].into(),
            value: 0.into(),
            decoded: Some(fields),
        };
        assert!(!show.arguments(&payload).unwrap().contains('\u{1b}'));
    }

    #[test]
    fn no_contract_or_node_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\u{7}\r\n"), "a\u{fffd}[31mb\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(plain("grün @bob"), "grün @bob");
    }
}
