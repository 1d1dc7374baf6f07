//! A node that lies: the answers of a real one, spoiled.

use std::fmt;

use vm_chain::api::trace::TraceInfo;
use vm_chain::api::types::{
    AccountInfo, Answer, At, BlockInfo, ChunkInfo, Claim, CodeInfo, ContractInfo, ContractPage, EventFilter,
    EventPage, FinalityInfo, HeaderInfo, Level, NamedAnswer, NamedCall, ObjectFilter, ObjectInfo, ParamsInfo,
    Proof, QueryRequest, ReceiptInfo, Status, TransactionInfo, WitnessInfo,
};
use vm_chain::{Api, ApiError, Signed};
use vm_core::{Address, Hash, ObjectId, Transaction};

/// What becomes of answers; each is left as it is unless an implementation says otherwise.
pub(crate) trait Spoil: fmt::Debug {
    fn finality(&self, _: &mut FinalityInfo) {}
    fn proof(&self, _: &mut Proof) {}
    fn witness(&self, _: &mut WitnessInfo) {}
    fn chunk(&self, _: &mut ChunkInfo) -> Result<(), ApiError> {
        Ok(())
    }
}

/// `inner` with its answers spoiled.
#[derive(Debug)]
pub(crate) struct Spoiled<'a, S> {
    inner: &'a dyn Node,
    spoil: S,
}

pub(crate) trait Node: Api + fmt::Debug {}
impl<T: Api + fmt::Debug> Node for T {}

impl<'a, S: Spoil> Spoiled<'a, S> {
    pub(crate) fn new(inner: &'a dyn Node, spoil: S) -> Self {
        Self { inner, spoil }
    }
}

macro_rules! as_it_is {
    ($($method:ident($($name:ident: $ty:ty),*) -> $result:ty;)+) => {
        $(fn $method(&self, $($name: $ty),*) -> Result<$result, ApiError> {
            self.inner.$method($($name),*)
        })+
    };
}

impl<S: Spoil> Api for Spoiled<'_, S> {
    fn finality(&self, at: At) -> Result<FinalityInfo, ApiError> {
        let mut info = self.inner.finality(at)?;
        self.spoil.finality(&mut info);
        Ok(info)
    }

    fn prove(&self, claim: Claim, at: At) -> Result<Proof, ApiError> {
        let mut proof = self.inner.prove(claim, at)?;
        self.spoil.proof(&mut proof);
        Ok(proof)
    }

    fn witness(&self, height: u64) -> Result<WitnessInfo, ApiError> {
        let mut info = self.inner.witness(height)?;
        self.spoil.witness(&mut info);
        Ok(info)
    }

    fn chunk(&self, at: At, after: Option<Vec<u8>>) -> Result<ChunkInfo, ApiError> {
        let mut info = self.inner.chunk(at, after)?;
        self.spoil.chunk(&mut info)?;
        Ok(info)
    }

    as_it_is! {
        status() -> Status;
        params() -> ParamsInfo;
        block(at: At) -> BlockInfo;
        transaction(hash: Hash) -> TransactionInfo;
        receipt(hash: Hash) -> ReceiptInfo;
        events(filter: EventFilter) -> EventPage;
        account(address: Address, at: At) -> AccountInfo;
        contract(address: Address) -> ContractInfo;
        contracts(after: Option<Address>, limit: Option<u32>) -> ContractPage;
        code(code_hash: Hash) -> CodeInfo;
        object(id: ObjectId, at: At) -> ObjectInfo;
        objects(filter: ObjectFilter) -> Vec<ObjectInfo>;
        query(request: QueryRequest) -> Answer;
        simulate(transaction: Transaction, trace: Level) -> Answer;
        send(signed: Signed) -> ReceiptInfo;
        submit(signed: Signed) -> Hash;
        trace(hash: Hash, level: Level) -> TraceInfo;
        call_named(call: NamedCall) -> NamedAnswer;
        mine(count: u32) -> HeaderInfo;
        rollback(height: u64) -> HeaderInfo;
        advance_time(milliseconds: u64) -> i64;
    }
}
