//! The report for programs: the shapes of the chain's interface ([`vm_chain::api::types`]) under what a scenario adds.
//!
//! Ids stand as digits; `names` says which of them have a name. Keys are only ever added; `version` changes when one
//! changes its meaning.

use serde_json::{Map, Value, json};
use vm_chain::api::text::HexBytes;
use vm_chain::decode::Decoder;
use vm_state::ReadError;

use crate::run::{BlockRun, Run, TransactionRun};
use crate::scenario::Scenario;

/// The version of the report's shape.
pub const VERSION: u32 = 2;

/// All reports of one command, and what it could not run.
#[must_use]
pub fn document(ok: bool, reports: Vec<Value>, errors: Vec<Value>) -> Value {
    json!({ "version": VERSION, "ok": ok, "scenarios": reports, "errors": errors })
}

/// The report of one run.
///
/// # Errors
///
/// None: a scenario's interfaces are in memory. The type is that of all that decodes.
pub fn report(scenario: &Scenario, run: &Run) -> Result<Value, ReadError> {
    let decoder = Decoder::new(scenario);
    let blocks: Vec<Value> = run.blocks.iter().map(|run| block(&decoder, run)).collect::<Result<_, _>>()?;
    Ok(json!({
        "path": scenario.path.display().to_string(),
        "name": scenario.name,
        "passed": run.passed(),
        "expectations": { "checked": run.checks, "failed": run.failures },
        "blocks": blocks,
        "names": run.names.all().into_iter().collect::<Map<_, _>>(),
        "state_root": run.head.state_root.to_string(),
        "block_hash": run.head.hash().to_string(),
        "totals": {
            "transactions": run.transactions().count(),
            "gas_used": run.gas_used(),
            "fuel": run.fuel(),
        },
    }))
}

fn block(decoder: &Decoder<&Scenario>, block: &BlockRun) -> Result<Value, ReadError> {
    let transactions: Vec<Value> =
        block.transactions.iter().map(|run| transaction(decoder, run)).collect::<Result<_, _>>()?;
    Ok(json!({
        "height": block.height,
        "time": block.time,
        "refused": block.refused,
        "state_root": block.header.as_ref().map(|header| header.state_root.to_string()),
        "block_hash": block.header.as_ref().map(|header| header.hash().to_string()),
        "receipts_root": block.header.as_ref().map(|header| header.receipts_root.to_string()),
        "transactions": transactions,
    }))
}

fn transaction(decoder: &Decoder<&Scenario>, run: &TransactionRun) -> Result<Value, ReadError> {
    let sent = &run.transaction;
    let receipt = &run.executed.receipt;
    let resources = &run.executed.resources;
    let target = decoder.target(&sent.payload)?;
    let interface = target.as_ref().and_then(|target| target.interface.as_deref());
    let ending = decoder.ending(receipt.status, &receipt.output, interface);
    let events: Vec<_> =
        receipt.events.iter().map(|event| decoder.logged(event)).collect::<Result<_, _>>()?;
    let trace = run.executed.trace.as_ref();
    let tree = trace.map(|trace| decoder.trace(trace, resources)).transpose()?;
    Ok(json!({
        "hash": run.executed.hash.to_string(),
        "note": run.note,
        "sender": sent.sender.to_string(),
        "nonce": sent.nonce,
        "payload": decoder.payload(&sent.sender, &sent.payload)?,
        "status": ending.status,
        "error": ending.error,
        "returns": decoder.returned(target.as_ref(), receipt),
        "output": HexBytes(receipt.output.clone()),
        "gas_limit": sent.gas_limit,
        "gas_price": sent.gas_price,
        "gas_used": receipt.gas_used,
        "gas_refunded": receipt.gas_refunded,
        "fuel": resources.fuel,
        "resources": {
            "fuel": resources.fuel,
            "host_fuel": {
                "table": resources.host.table,
                "entries": resources.host.entries,
                "bytes": resources.host.bytes,
            },
            "setup_fuel": resources.setup_fuel,
            "intrinsic_fuel": resources.intrinsic_fuel,
            "forfeited_fuel": resources.forfeited_fuel,
            "host_calls": resources.host_calls,
            "frames": resources.frames,
            "depth_max": resources.depth_max,
            "pages_peak": resources.pages_peak,
            "entries_read": resources.entries_read,
            "entries_written": resources.entries_written,
            "bytes_read": resources.bytes_read,
            "bytes_written": resources.bytes_written,
        },
        "receipt_hash": receipt.hash().to_string(),
        "events": events,
        "trace": tree.map(|tree| tree.root),
        "trace_cut": trace.is_some_and(|trace| trace.truncated),
    }))
}
