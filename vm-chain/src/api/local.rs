//! The interface on a chain in this process.
//!
//! A view is taken under the lock and read outside of it: a long query does not keep blocks from being committed.

mod find;
mod shape;

use std::sync::{Arc, PoisonError, RwLockReadGuard};
use std::time::{Duration, Instant};

use parity_scale_codec::Encode as _;
use vm_core::{Address, Block, Hash, Key, ObjectId, Transaction};
use vm_host::{BlockOutcome, Options, Query, QueryError, RehearsalError, TraceLevel, Vm};
use vm_state::{EventProof, ProofRequest, ReceiptProof, StateReader, View, chunk, prove, verify_chunk};

use self::find::{
    block_of, found, header_at, height_of, lost, next_contract, not_kept, place, view_at, view_of,
};
use super::trace::TraceInfo;
use super::types::{
    AccountInfo, Answer, At, BlockInfo, ChunkInfo, Claim, CodeInfo, ContractInfo, ContractPage, EventFilter,
    EventInfo, EventPage, FinalityInfo, HeaderInfo, Level, MintInfo, NamedAddress, NamedAnswer, NamedCall,
    ObjectFilter, ObjectInfo, ParamsInfo, Proof, QueryRequest, ReceiptInfo, SealedInfo, Status,
    TransactionInfo, WitnessInfo,
};
use super::{Api, ApiError, ITEMS_MAX, named};
use crate::chain::{Chain, Position};
use crate::decode::{Decoder, InState};
use crate::replica::{Certificates, SealedBlock};
use crate::sequencer::{Sequencer, SharedChain, next_context, now};
use crate::signed::Signed;

/// Blocks that one search for events reads at most.
const BLOCKS_SEARCHED_MAX: u64 = 10_000;
/// Fields that a list of objects shows at most unless told otherwise; each may be as long as a field can be.
const FIELDS_MAX: usize = 4_096;
/// How many blocks above the one asked for a certificate is looked for: an engine may make several final by one.
const CERTIFIED_WITHIN: usize = 256;
/// Bytes of entries in one part of a snapshot.
const CHUNK_BYTES: u32 = 1 << 20;

/// The interface on a chain in this process.
#[derive(Clone, Debug)]
pub struct Local {
    chain: SharedChain,
    sequencer: Arc<dyn Sequencer>,
    query_time_max: Option<Duration>,
    fields_max: usize,
    certificates: Option<Arc<dyn Certificates>>,
}

impl From<Level> for TraceLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::Off,
            Level::Calls => Self::Calls,
            Level::Full => Self::Full,
        }
    }
}

impl Local {
    /// The interface on `chain`, whose blocks `sequencer` makes.
    #[must_use]
    pub fn new(chain: SharedChain, sequencer: Arc<dyn Sequencer>) -> Self {
        Self { chain, sequencer, query_time_max: None, fields_max: FIELDS_MAX, certificates: None }
    }

    /// As it is, with what executes for an answer only (queries, simulations, traces, witnesses) refused where it takes
    /// longer (R46).
    #[must_use]
    pub fn with_query_time_max(self, time: Duration) -> Self {
        Self { query_time_max: Some(time), ..self }
    }

    /// As it is, with lists of objects that have more fields together refused.
    #[must_use]
    pub fn with_fields_max(self, fields: usize) -> Self {
        Self { fields_max: fields, ..self }
    }

    /// As it is, of a replicated chain whose engine keeps `certificates`.
    #[must_use]
    pub fn with_certificates(self, certificates: Arc<dyn Certificates>) -> Self {
        Self { certificates: Some(certificates), ..self }
    }

    fn chain(&self) -> RwLockReadGuard<'_, Chain> {
        self.chain.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events of one block that `filter` lets through. The chain is locked for a block at a time, so that a long search
    /// keeps no block from being committed.
    fn events_of(
        &self,
        height: u64,
        filter: &EventFilter,
        view: &Arc<dyn View>,
    ) -> Result<Vec<EventInfo>, ApiError> {
        let wanted = |event: &vm_core::Event| {
            filter.contract.is_none_or(|contract| contract.0 == event.contract)
                && filter.name.as_ref().is_none_or(|name| *name == event.name)
        };
        let chain = self.chain();
        let Some(receipts) = chain.receipts(height)? else { return Ok(Vec::new()) };
        if !receipts.iter().flat_map(|receipt| &receipt.events).any(wanted) {
            return Ok(Vec::new());
        }
        let Some(body) = chain.body(height)? else { return Ok(Vec::new()) };
        let decoder = Decoder::new(InState::new(&chain, view.clone()));
        let mut found = Vec::new();
        for ((index, signed), receipt) in (0..).zip(&body.transactions).zip(&receipts) {
            let events = decoder.events(receipt, &chain.hash(signed), Position { height, index })?;
            let kept = events.into_iter().zip(&receipt.events).filter(|(_, event)| wanted(event));
            found.extend(kept.map(|(info, _)| info));
        }
        Ok(found)
    }

    /// Executes `block` for what it shows, within the time that a query may take.
    fn rehearse(
        &self,
        vm: &Vm,
        view: &Arc<dyn View>,
        block: &Block,
        options: Options,
    ) -> Result<BlockOutcome, ApiError> {
        let Some(time) = self.query_time_max else { return Ok(vm.execute_block(view, block, options)?) };
        vm.rehearse_block(view, block, options, deadline(time)).map_err(|error| match error {
            RehearsalError::Block(error) => error.into(),
            RehearsalError::DeadlinePassed => too_long(time),
        })
    }

    fn limit(limit: Option<u32>) -> usize {
        usize::try_from(limit.unwrap_or(ITEMS_MAX).min(ITEMS_MAX)).unwrap_or(usize::MAX)
    }
}

/// Whether `time` has gone by since now.
fn deadline(time: Duration) -> Arc<dyn Fn() -> bool + Send + Sync> {
    let started = Instant::now();
    Arc::new(move || started.elapsed() > time)
}

fn too_long(time: Duration) -> ApiError {
    ApiError::Busy(format!(
        "the run took longer than {time:?}, the most that it allows for an answer (--query-time)"
    ))
}

impl Api for Local {
    fn status(&self) -> Result<Status, ApiError> {
        let chain = self.chain();
        let spec = chain.spec();
        let named = |(name, address): &(String, Address)| NamedAddress {
            name: name.clone(),
            address: (*address).into(),
        };
        Ok(Status {
            chain: spec.params.chain().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            head: chain.head().into(),
            oldest_state: chain.oldest_state(),
            oldest_block: chain.oldest_block()?,
            pending: self.sequencer.pending(),
            names: spec.names.iter().map(named).collect(),
        })
    }

    fn params(&self) -> Result<ParamsInfo, ApiError> {
        let chain = self.chain();
        let params = &chain.spec().params;
        let limits = vm_core::Limits::TABLE.iter().zip(params.limits().values());
        let prices = params.gas().prices();
        Ok(ParamsInfo {
            hash: params.hash().into(),
            chain: params.chain().to_owned(),
            vm_version: vm_core::VM_VERSION,
            spec: chain.spec().to_bytes().into(),
            limits: limits.map(|(info, value)| (info.name.to_owned(), value.into())).collect(),
            gas: prices.into_iter().map(|(name, _, price)| (name.to_owned(), price.into())).collect(),
        })
    }

    fn block(&self, at: At) -> Result<BlockInfo, ApiError> {
        let chain = self.chain();
        let height = height_of(&chain, at)?;
        let header = header_at(&chain, height)?;
        let body = chain.body(height)?;
        let decoder = Decoder::new(InState::new(&chain, chain.view()?));
        let transactions = body.iter().flat_map(|body| &body.transactions);
        let mint = |mint: &vm_core::Mint| MintInfo { to: mint.to.into(), amount: mint.amount.into() };
        Ok(BlockInfo {
            header: (&header).into(),
            kept: body.is_some(),
            mints: body.iter().flat_map(|body| &body.mints).map(mint).collect(),
            transactions: (0..)
                .zip(transactions)
                .map(|(index, signed)| {
                    decoder.transaction(signed, chain.hash(signed), Some(Position { height, index }))
                })
                .collect::<Result<_, _>>()?,
        })
    }

    fn transaction(&self, hash: Hash) -> Result<TransactionInfo, ApiError> {
        let chain = self.chain();
        let decoder = Decoder::new(InState::new(&chain, chain.view()?));
        if let Some(signed) = self.sequencer.waiting(&hash) {
            return decoder.transaction(&signed, hash, None);
        }
        let found = found(&chain, &hash)?;
        decoder.transaction(&found.signed, hash, Some(found.position))
    }

    fn receipt(&self, hash: Hash) -> Result<ReceiptInfo, ApiError> {
        let chain = self.chain();
        let found = found(&chain, &hash)?;
        let decoder = Decoder::new(InState::new(&chain, chain.view()?));
        decoder.receipt(&found.signed.transaction, hash, &found.receipt, found.position)
    }

    fn events(&self, filter: EventFilter) -> Result<EventPage, ApiError> {
        let (view, oldest, head) = {
            let chain = self.chain();
            (chain.view()?, chain.oldest_block()?.unwrap_or(u64::MAX), chain.head().height)
        };
        let from = filter.from.unwrap_or(0).max(oldest);
        let to = filter.to.unwrap_or(u64::MAX).min(head);
        let limit = Self::limit(filter.limit);
        let mut page = EventPage { events: Vec::new(), next: None };
        for height in from..=to {
            if height.saturating_sub(from) >= BLOCKS_SEARCHED_MAX {
                page.next = Some(height);
                break;
            }
            let found = self.events_of(height, &filter, &view)?;
            if !page.events.is_empty() && page.events.len().saturating_add(found.len()) > limit {
                // The block does not fit behind the others: it begins the next page.
                page.next = Some(height);
                break;
            }
            page.events.extend(found);
            if page.events.len() >= limit && height < to {
                page.next = Some(height.saturating_add(1));
                break;
            }
        }
        Ok(page)
    }

    fn account(&self, address: Address, at: At) -> Result<AccountInfo, ApiError> {
        let view = view_of(&self.chain(), at)?;
        let reader = StateReader::new(view.as_ref());
        let account = reader.account(&address)?;
        Ok(AccountInfo {
            address: address.into(),
            balance: account.balance.into(),
            nonce: account.nonce,
            next_nonce: match at {
                // A block may have been made meanwhile: then the pool knows less than the state.
                At::Head => self.sequencer.next_nonce(&address).unwrap_or(0).max(account.nonce),
                At::Height(_) | At::Hash(_) => account.nonce,
            },
            is_contract: reader.contract(&address)?.is_some(),
        })
    }

    fn contract(&self, address: Address) -> Result<ContractInfo, ApiError> {
        let chain = self.chain();
        let view = chain.view()?;
        let contract = StateReader::new(view.as_ref()).contract(&address)?;
        let contract = contract.ok_or_else(|| ApiError::Missing {
            what: "contract",
            which: address.to_string(),
            height: chain.head().height,
        })?;
        Decoder::new(InState::new(&chain, view)).contract(&address, &contract)
    }

    fn contracts(&self, after: Option<Address>, limit: Option<u32>) -> Result<ContractPage, ApiError> {
        let chain = self.chain();
        let view = chain.view()?;
        let decoder = Decoder::new(InState::new(&chain, view.clone()));
        let mut page = ContractPage { contracts: Vec::new(), next: None };
        let limit = Self::limit(limit).max(1);
        let mut after = after;
        while let Some((address, contract)) = next_contract(view.as_ref(), after.as_ref())? {
            if page.contracts.len() >= limit {
                page.next = page.contracts.last().map(|contract| contract.address);
                break;
            }
            page.contracts.push(decoder.contract(&address, &contract)?);
            after = Some(address);
        }
        Ok(page)
    }

    fn code(&self, code_hash: Hash) -> Result<CodeInfo, ApiError> {
        let chain = self.chain();
        let view = chain.view()?;
        let code = StateReader::new(view.as_ref()).code(&code_hash)?;
        let code = code.ok_or_else(|| ApiError::Missing {
            what: "code",
            which: code_hash.to_string(),
            height: chain.head().height,
        })?;
        Ok(CodeInfo { code_hash: code_hash.into(), code: code.to_vec().into() })
    }

    fn object(&self, id: ObjectId, at: At) -> Result<ObjectInfo, ApiError> {
        let chain = self.chain();
        let view = view_of(&chain, at)?;
        let height = view.header().height;
        let missing = || ApiError::Missing { what: "object", which: id.to_string(), height };
        Decoder::new(InState::new(&chain, view.clone())).object(view.as_ref(), id)?.ok_or_else(missing)
    }

    fn objects(&self, filter: ObjectFilter) -> Result<Vec<ObjectInfo>, ApiError> {
        let limit = Self::limit(filter.limit);
        let view = self.chain().view()?;
        let mut objects = Vec::new();
        let mut fields = 0;
        let mut wanted = filter.contract.map(|contract| contract.0);
        let mut after = None;
        loop {
            let contract = match (wanted.take(), filter.contract) {
                (Some(contract), _) => contract,
                (None, Some(_)) => break,
                // The chain is not locked for the whole walk: all is read in one view.
                (None, None) => match next_contract(view.as_ref(), after.as_ref())? {
                    Some((contract, _)) => contract,
                    None => break,
                },
            };
            after = Some(contract);
            let left = limit.saturating_sub(objects.len());
            let owned = StateReader::new(view.as_ref()).objects_of(&contract, &filter.owner.0, None, left)?;
            let chain = self.chain();
            let decoder = Decoder::new(InState::new(&chain, view.clone()));
            for (id, _) in owned {
                let object = decoder.object(view.as_ref(), id)?;
                fields = object.as_ref().map_or(0, |object| object.fields.len()).saturating_add(fields);
                objects.extend(object);
                if fields > self.fields_max {
                    return Err(ApiError::Request(format!(
                        "these objects have more than {} fields; ask for fewer with `limit`, or for one contract's",
                        self.fields_max
                    )));
                }
            }
        }
        Ok(objects)
    }

    fn query(&self, request: QueryRequest) -> Result<Answer, ApiError> {
        let chain = self.chain();
        let view = view_of(&chain, request.at)?;
        let most = chain.spec().params.limits().transaction_gas;
        let query = Query {
            caller: request.caller.map_or(Address::ZERO, |caller| caller.0),
            contract: request.contract.0,
            function: request.function,
            args: request.args.0,
            gas_limit: request.gas_limit.unwrap_or(most).min(most),
        };
        let vm = chain.vm().clone();
        drop(chain);
        let options = Options { trace: request.trace.into() };
        let executed = match self.query_time_max {
            Some(time) => {
                vm.query_until(&view, &query, options, deadline(time)).map_err(|error| match error {
                    QueryError::DeadlinePassed => too_long(time),
                    error => error.into(),
                })?
            }
            None => vm.query(&view, &query, options)?,
        };
        let chain = self.chain();
        let at = Position { height: view.header().height, index: 0 };
        let payload = vm_core::Payload::Call {
            contract: query.contract,
            function: query.function,
            args: Vec::new(),
            value: 0,
        };
        Decoder::new(InState::new(&chain, view)).answer(&query.caller, &payload, &executed, at)
    }

    fn simulate(&self, transaction: Transaction, trace: Level) -> Result<Answer, ApiError> {
        let chain = self.chain();
        let view = chain.view()?;
        let context = next_context(&chain, now(), Address::ZERO);
        let at = Position { height: context.height, index: 0 };
        let vm = chain.vm().clone();
        drop(chain);
        let (sender, payload) = (transaction.sender, transaction.payload.clone());
        let block = Block { context, mints: Vec::new(), transactions: vec![transaction] };
        let outcome = self.rehearse(&vm, &view, &block, Options { trace: trace.into() })?;
        // What it would leave behind says what its events and errors mean.
        let after: Arc<dyn View> = match vm_state::Overlay::new(view.clone(), &outcome.commit) {
            Some(overlay) => Arc::new(overlay),
            None => view,
        };
        let executed = outcome
            .transactions
            .first()
            .ok_or_else(|| ApiError::Node("a block lost its transaction".to_owned()))?;
        let chain = self.chain();
        Decoder::new(InState::new(&chain, after)).answer(&sender, &payload, executed, at)
    }

    fn send(&self, signed: Signed) -> Result<ReceiptInfo, ApiError> {
        let hash = self.chain().hash(&signed);
        self.sequencer.send(signed)?;
        self.receipt(hash)
    }

    fn submit(&self, signed: Signed) -> Result<Hash, ApiError> {
        self.sequencer.submit(signed)
    }

    fn trace(&self, hash: Hash, level: Level) -> Result<TraceInfo, ApiError> {
        let chain = self.chain();
        let found = found(&chain, &hash)?;
        let Position { height, index } = found.position;
        let body = chain.body(height)?.ok_or_else(|| not_kept(&chain, "the block", height))?;
        let header = header_at(&chain, height)?;
        let parent = view_at(&chain, height.saturating_sub(1))?;
        let after = view_at(&chain, height)?;
        let vm = chain.vm().clone();
        drop(chain);
        // What follows the transaction does not change what it did.
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let mut block = body.block();
        block.transactions.truncate(index.saturating_add(1));
        let outcome = self.rehearse(&vm, &parent, &block, Options { trace: level.into() })?;
        let executed = outcome.transactions.get(index);
        let traced = executed.and_then(|executed| Some((executed, executed.trace.as_ref()?)));
        let (executed, trace) =
            traced.ok_or_else(|| ApiError::Request("a trace is of level calls or full".to_owned()))?;
        let chain = self.chain();
        let decoder = Decoder::new(InState::new(&chain, after));
        Ok(TraceInfo {
            block: header.hash().into(),
            transaction: decoder.transaction(&found.signed, hash, Some(found.position))?,
            receipt: decoder.receipt(&found.signed.transaction, hash, &found.receipt, found.position)?,
            trace: decoder.trace(trace, &executed.resources)?,
        })
    }

    fn witness(&self, height: u64) -> Result<WitnessInfo, ApiError> {
        let chain = self.chain();
        let height = height_of(&chain, At::Height(height))?;
        let header = header_at(&chain, height)?;
        let body = chain.body(height)?.ok_or_else(|| not_kept(&chain, "the block", height))?;
        let receipts = chain.receipts(height)?.ok_or_else(|| not_kept(&chain, "the block", height))?;
        let parent = view_at(&chain, height.saturating_sub(1))?;
        let vm = chain.vm().clone();
        drop(chain);
        let block = body.block();
        let outcome = self.rehearse(&vm, &parent, &block, Options::default())?;
        Ok(WitnessInfo {
            parent: parent.header().into(),
            header: (&header).into(),
            block: block.encode().into(),
            witness: outcome.witness(parent.as_ref())?.into(),
            receipts: receipts.iter().map(|receipt| receipt.encode().into()).collect(),
        })
    }

    fn finality(&self, at: At) -> Result<FinalityInfo, ApiError> {
        let unsupported = || {
            ApiError::Unsupported(
                "this chain has one producer, whose word is all there is: no block of it has a certificate"
                    .to_owned(),
            )
        };
        let certificates = self.certificates.as_ref().ok_or_else(unsupported)?;
        let (first, head) = {
            let chain = self.chain();
            (height_of(&chain, at)?, chain.head().height)
        };
        let mut blocks = Vec::new();
        for height in (first..=head).take(CERTIFIED_WITHIN) {
            let chain = self.chain();
            let header = header_at(&chain, height)?;
            let seal = match height {
                0 => SealedBlock::genesis(header.clone()).seal(),
                _ => chain.seal(height)?.ok_or_else(|| not_kept(&chain, "the seal", height))?.0,
            };
            drop(chain);
            blocks.push(SealedInfo {
                header: (&header).into(),
                parent: seal.parent.into(),
                contents: seal.contents.into(),
            });
            if let Some(certificate) = certificates.certificate(height)? {
                return Ok(FinalityInfo {
                    engine: certificates.engine().to_owned(),
                    blocks,
                    certificate: certificate.into(),
                });
            }
        }
        Err(ApiError::Missing { what: "certificate of block", which: first.to_string(), height: head })
    }

    fn prove(&self, claim: Claim, at: At) -> Result<Proof, ApiError> {
        let chain = self.chain();
        match &claim {
            Claim::Receipt { transaction } => {
                let (header, index, receipts) = block_of(&chain, &transaction.0)?;
                let proof = ReceiptProof::new(&receipts, index).ok_or_else(lost)?;
                let transaction_path = Some(place(&chain, header.height, index)?.into());
                Ok(Proof {
                    claim,
                    header: (&header).into(),
                    value: Some(proof.body.encode().into()),
                    index: Some(index),
                    transaction_path,
                    receipt: None,
                    receipt_path: None,
                    proof: proof.path.into(),
                })
            }
            Claim::Event { transaction, index: event } => {
                let (header, index, receipts) = block_of(&chain, &transaction.0)?;
                let proof = EventProof::new(&receipts, index, *event).ok_or_else(|| ApiError::Missing {
                    what: "event",
                    which: format!("{event} of {transaction}"),
                    height: header.height,
                })?;
                let transaction_path = Some(place(&chain, header.height, index)?.into());
                Ok(Proof {
                    claim,
                    header: (&header).into(),
                    value: Some(proof.event.encode().into()),
                    index: Some(index),
                    transaction_path,
                    receipt: Some(proof.receipt.body.encode().into()),
                    receipt_path: Some(proof.receipt.path.into()),
                    proof: proof.path.into(),
                })
            }
            Claim::Account { .. } | Claim::Contract { .. } | Claim::Object { .. } | Claim::Field { .. } => {
                let view = view_of(&chain, at)?;
                drop(chain);
                let key = claim.key().ok_or_else(lost)?;
                let mut request = ProofRequest::new();
                request.key(key);
                Ok(Proof {
                    header: view.header().into(),
                    value: view.get(&key)?.map(|value| value.to_vec().into()),
                    index: None,
                    transaction_path: None,
                    receipt: None,
                    receipt_path: None,
                    proof: prove(view.as_ref(), &request)?.into(),
                    claim,
                })
            }
        }
    }

    fn chunk(&self, at: At, after: Option<Vec<u8>>) -> Result<ChunkInfo, ApiError> {
        let view = {
            let chain = self.chain();
            let height = height_of(&chain, at)?;
            // What fell out of what is retained may still be kept for this.
            chain.past_view(height)?.ok_or_else(|| not_kept(&chain, "the state", height))?
        };
        let no_key = || ApiError::Request("`after` is no key of the state".to_owned());
        let after = after.map(|bytes| Key::from_bytes(&bytes).map_err(|_| no_key())).transpose()?;
        let bytes = chunk(view.as_ref(), after.as_ref(), CHUNK_BYTES)?.ok_or_else(no_key)?;
        let root = view.header().state_root;
        let checked = verify_chunk(&root, after.as_ref(), &bytes)
            .map_err(|error| ApiError::Node(format!("the part is wrong: {error}")))?;
        let last = checked.entries.last().filter(|_| !checked.is_last);
        Ok(ChunkInfo {
            header: view.header().into(),
            chunk: bytes.into(),
            next: last.map(|(key, _)| key.as_bytes().to_vec().into()),
        })
    }

    fn call_named(&self, call: NamedCall) -> Result<NamedAnswer, ApiError> {
        named::call(self, call)
    }

    fn mine(&self, count: u32) -> Result<HeaderInfo, ApiError> {
        if count > ITEMS_MAX {
            return Err(ApiError::Request(format!("{count} blocks at once; at most {ITEMS_MAX}")));
        }
        self.sequencer.mine(count)?;
        Ok(self.chain().head().into())
    }

    fn rollback(&self, height: u64) -> Result<HeaderInfo, ApiError> {
        let chain = self.chain();
        let kept = height_of(&chain, At::Height(height))?;
        if kept < chain.oldest_state() {
            return Err(not_kept(&chain, "the state", height));
        }
        drop(chain);
        self.sequencer.rollback(height)?;
        Ok(self.chain().head().into())
    }

    fn advance_time(&self, milliseconds: u64) -> Result<i64, ApiError> {
        self.sequencer.advance_time(milliseconds)
    }
}
