//! The report for people: a line per transaction, under it the tree of what it did.

use std::fmt::{self, Write as _};

use vm_chain::decode::Decoder;
use vm_state::ReadError;

use crate::colours::Colours;
use crate::names::Names;
use crate::run::{BlockRun, Run, TransactionRun};
use crate::scenario::Scenario;
use crate::tree::{Tree, shorten};
use crate::value::grouped;

/// The report of `run`.
///
/// # Errors
///
/// None: a scenario's interfaces are in memory, and writing to a text can't fail. The type is that of all that decodes.
pub fn report(scenario: &Scenario, run: &Run, colours: Colours) -> Result<String, ReadError> {
    let decoder = Decoder::new(scenario);
    let writer = Writer { decoder, names: &run.names, colours };
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{}  {}", colours.strong(&scenario.name), scenario.path.display());
    for block in &run.blocks {
        writer.block(&mut out, block)?;
    }
    let _ = writer.totals(&mut out, run);
    Ok(out)
}

struct Writer<'a> {
    decoder: Decoder<&'a Scenario>,
    names: &'a Names,
    colours: Colours,
}

impl Writer<'_> {
    fn block(&self, out: &mut String, block: &BlockRun) -> Result<(), ReadError> {
        let count = block.transactions.len();
        let plural = if count == 1 { "" } else { "s" };
        let title = self.colours.strong(&format!("block {}", block.height));
        let what = match &block.refused {
            Some(reason) => format!("refused: {reason}"),
            None => format!("{count} transaction{plural}"),
        };
        let _ = writeln!(out, "\n{title}  time {}  {what}", block.time);
        for (index, transaction) in block.transactions.iter().enumerate() {
            self.transaction(out, index, transaction)?;
        }
        if let Some(header) = &block.header {
            let _ = writeln!(out, "  {}", self.colours.quiet(&format!("root {}", header.state_root)));
        }
        Ok(())
    }

    fn transaction(&self, out: &mut String, index: usize, run: &TransactionRun) -> Result<(), ReadError> {
        let receipt = &run.executed.receipt;
        let resources = &run.executed.resources;
        let tree = Tree::new(self.names, self.colours);
        let target = self.decoder.target(&run.transaction.payload)?;
        let interface = target.as_ref().and_then(|target| target.interface.as_deref());
        let ending = self.decoder.ending(receipt.status, &receipt.output, interface);
        let ending = tree.ending(&ending, &receipt.output.clone().into());
        let ending =
            if receipt.status.is_success() { self.colours.good(&ending) } else { self.colours.bad(&ending) };
        let refund = match receipt.gas_refunded {
            0 => String::new(),
            refund => format!(" (after {} refunded)", grouped(refund.into())),
        };
        let gas = grouped(receipt.gas_used.into());
        let fuel = grouped(resources.fuel.into());
        let sent = &run.transaction;
        let what = shorten(&tree.what(&sent.sender, &self.decoder.payload(&sent.sender, &sent.payload)?));
        let costs = self.colours.quiet(&format!("gas {gas}{refund}, fuel {fuel}"));
        let _ = writeln!(out, "  {index}  {what}  {ending}  {costs}");
        if !run.note.is_empty() {
            let _ = writeln!(out, "     {}", self.colours.quiet(&format!("# {}", run.note)));
        }
        if let Some(trace) = &run.executed.trace {
            let _ = tree.write(out, &self.decoder.trace(trace, resources)?, "     ");
        }
        Ok(())
    }

    fn totals(&self, out: &mut String, run: &Run) -> fmt::Result {
        writeln!(out)?;
        writeln!(out, "state root    {}", run.head.state_root)?;
        writeln!(out, "block hash    {}  (height {})", run.head.hash(), run.head.height)?;
        writeln!(out, "transactions  {}", run.transactions().count())?;
        writeln!(out, "gas           {}", grouped(run.gas_used().into()))?;
        writeln!(out, "fuel          {}", grouped(run.fuel().into()))?;
        self.expectations(out, run)
    }

    fn expectations(&self, out: &mut String, run: &Run) -> fmt::Result {
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
