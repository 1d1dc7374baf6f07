//! What a chain's blocks hold: `vm block`, `vm tx`, `vm receipt`, `vm events`.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use vm_chain::ApiError;
use vm_chain::api::types::{At, EventFilter, EventInfo, EventPage, PayloadInfo, TransactionInfo};
use vm_core::Hash;
use vm_core::interface::Interface;

use super::Exit;
use super::outcome::{ChainArgs, Done, Failed, Output, finish};
use crate::colours::Colours;
use crate::session::Session;
use crate::show::{Show, amount};

#[derive(Debug, Args)]
pub(super) struct BlockArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Which: its height, its hash, or head.
    #[arg(value_name = "BLOCK", default_value_t = At::Head)]
    at: At,
}

impl BlockArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let block = session.api().block(self.at)?;
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        let mut text = show.header(&block.header);
        for mint in &block.mints {
            let _ = writeln!(text, "  mint  {} to {}", amount(mint.amount.0), show.id(&mint.to));
        }
        for (index, transaction) in block.transactions.iter().enumerate() {
            let _ = writeln!(text, "  {index}  {}\n     {}", show.what(transaction), transaction.hash);
        }
        if !block.kept && block.header.height > 0 {
            text.push_str("  its transactions are not kept\n");
        }
        Ok(Output::ok(text, &block))
    }
}

#[derive(Debug, Args)]
pub(super) struct TxArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Its hash.
    hash: Hash,
}

impl TxArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let transaction = session.api().transaction(self.hash)?;
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        let place = match (transaction.height, transaction.index) {
            (Some(height), Some(index)) => format!("{height}, transaction {index}"),
            _ => "none yet: it waits".to_owned(),
        };
        let args = show.arguments(&transaction.payload);
        let args = args.map(|args| format!("  arguments  {args}\n")).unwrap_or_default();
        let text = format!(
            "{}\n{args}  hash       {}\n  block      {place}\n  nonce      {}\n  gas limit  {}, at {} each\n",
            show.what(&transaction),
            transaction.hash,
            transaction.nonce,
            amount(transaction.gas_limit),
            amount(transaction.gas_price.0),
        );
        Ok(Output::ok(text, &transaction))
    }
}

#[derive(Debug, Args)]
pub(super) struct ReceiptArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// The transaction's hash.
    hash: Hash,
}

/// The interface of the contract that a transaction ran, where it can be had.
fn interface(session: &Session, transaction: &TransactionInfo) -> Option<Interface> {
    let (PayloadInfo::Call { contract, .. } | PayloadInfo::Deploy { contract, .. }) = &transaction.payload
    else {
        return None;
    };
    session.contract(&contract.to_string()).ok().map(|found| found.interface)
}

impl ReceiptArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        finish(self.run(), self.chain.json, out, err)
    }

    /// A receipt of a failure is a receipt: the exit code is not the transaction's.
    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let receipt = session.api().receipt(self.hash)?;
        let transaction = session.api().transaction(self.hash)?;
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        let shown = show.receipt(&receipt, interface(&session, &transaction).as_ref());
        Ok(Output::ok(format!("{}\n{shown}", show.what(&transaction)), &receipt))
    }
}

/// How often a chain is asked for more before the command ends, and says where to go on.
const PAGES_MAX: u32 = 1_000;

/// How often a chain is asked for new events.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    chain: ChainArgs,
    /// Only of this contract.
    #[arg(long, value_name = "CONTRACT")]
    contract: Option<String>,
    /// Only with this name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// From this height on.
    #[arg(long, value_name = "HEIGHT", default_value_t = 0)]
    from: u64,
    /// Up to this height (default: the last block's).
    #[arg(long, value_name = "HEIGHT")]
    to: Option<u64>,
    /// At most so many.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
    /// Go on: wait for new ones, and print each on a line. Of a node only; ends with Ctrl-C.
    #[arg(long, conflicts_with_all = ["to", "limit"])]
    follow: bool,
}

/// The height to go on from behind the page from `from`. A node that goes back would keep this command for ever.
fn onward(from: u64, page: &EventPage) -> Result<Option<u64>, ApiError> {
    match page.next {
        Some(next) if next <= from => Err(ApiError::Remote(format!(
            "the node's list of events does not go on: behind block {from} comes block {next}"
        ))),
        next => Ok(next),
    }
}

/// At most `limit` events from the block `from` on, and the height to go on from if there may be more.
fn collect(
    from: u64,
    limit: usize,
    mut page: impl FnMut(u64, usize) -> Result<EventPage, ApiError>,
) -> Result<(Vec<EventInfo>, Option<u64>), ApiError> {
    let mut events = Vec::new();
    let mut next = Some(from);
    // A node looks through a bounded number of blocks at once, and may come back with nothing.
    for _ in 0..PAGES_MAX {
        let Some(from) = next.filter(|_| events.len() < limit) else { break };
        let found = page(from, limit.saturating_sub(events.len()))?;
        next = onward(from, &found)?;
        events.extend(found.events);
    }
    Ok((events, next))
}

fn line(show: &Show<'_>, event: &EventInfo) -> String {
    format!("{:>6}.{}  {}\n", event.height, event.transaction_index, show.event(event))
}

impl EventsArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        if self.follow {
            return match self.follow(out) {
                Ok(()) => Exit::Ok,
                Err(failed) => finish(Err(failed), self.chain.json, out, err),
            };
        }
        finish(self.run(), self.chain.json, out, err)
    }

    fn filter(&self, session: &Session) -> Result<EventFilter, Failed> {
        let contract = self.contract.as_ref().map(|text| session.contract(text)).transpose()?;
        Ok(EventFilter {
            from: Some(self.from),
            to: self.to,
            contract: contract.map(|found| found.info.address),
            name: self.name.clone(),
            limit: Some(self.limit),
        })
    }

    fn run(&self) -> Done {
        let session = self.chain.open()?;
        let mut filter = self.filter(&session)?;
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let (events, next) = collect(self.from, limit, |from, limit| {
            filter.from = Some(from);
            filter.limit = u32::try_from(limit).ok();
            session.api().events(filter.clone())
        })?;
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        let mut text: String = events.iter().map(|event| line(&show, event)).collect();
        match next {
            Some(next) => {
                let _ = writeln!(text, "there may be more: --from {next}");
            }
            None if events.is_empty() => text.push_str("no events\n"),
            None => {}
        }
        Ok(Output::ok(text, &json!({ "events": events, "next": next })))
    }

    /// Prints what is there and what comes, until the reader or the user ends it.
    fn follow(&self, out: &mut dyn Write) -> Result<(), Failed> {
        if matches!(self.chain.chain, crate::target::Target::Folder(_)) {
            return Err(Failed::input(miette::miette!(
                help = "serve it with `vm devnet --store PATH`, and follow the node's URL",
                "nothing new comes to a chain in a folder that this command holds open"
            )));
        }
        let session = self.chain.open()?;
        let mut filter = self.filter(&session)?;
        filter.limit = None;
        let show = Show::new(session.names(), Colours::of(&std::io::stdout()));
        loop {
            let head = session.api().status()?.head.height;
            // After a rollback other blocks come at the heights that were shown.
            filter.from = filter.from.map(|from| from.min(head.saturating_add(1)).max(self.from));
            while let Some(from) = filter.from.filter(|from| *from <= head) {
                filter.to = Some(head);
                let page = session.api().events(filter.clone())?;
                let next = onward(from, &page)?;
                for event in &page.events {
                    let text = match self.chain.json {
                        true => format!("{}\n", serde_json::to_value(event).unwrap_or(Value::Null)),
                        false => line(&show, event),
                    };
                    if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
                        return Ok(());
                    }
                }
                filter.from = next.or_else(|| head.checked_add(1));
            }
            std::thread::sleep(FOLLOW_EVERY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(next: Option<u64>) -> Result<EventPage, ApiError> {
        Ok(EventPage { events: Vec::new(), next })
    }

    #[test]
    fn a_node_whose_list_of_events_does_not_go_on_is_given_up() {
        for next in [0, 6, 7] {
            let refused = collect(7, 100, |_, _| page(Some(next))).map(drop).unwrap_err().to_string();
            assert!(refused.contains(&format!("behind block 7 comes block {next}")), "{refused}");
        }
        assert_eq!(onward(7, &page(None).unwrap()), Ok(None));
        assert_eq!(onward(7, &page(Some(8)).unwrap()), Ok(Some(8)));
    }

    #[test]
    fn a_list_of_events_that_never_ends_is_left_with_the_place_to_go_on() {
        let mut asked = 0;
        let found = collect(7, 100, |from, limit| {
            asked += 1;
            assert_eq!(limit, 100);
            page(Some(from + 1))
        });
        assert_eq!((found, asked), (Ok((Vec::new(), Some(7 + 1_000))), 1_000));
        assert_eq!(collect(7, 100, |_, _| page(None)), Ok((Vec::new(), None)));
    }
}
