//! Validators that don't do as they should: one proposes what it should not, but votes and executes as everyone does;
//! another's machine fails.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use vm_chain::replica::{
    Application, BuildError, Candidates, Committed, ExecuteError, FinalityError, Manifest, NodeError,
    Rejection, SealedBlock, Tip, Unfit,
};
use vm_chain::{ChainId, SecretKey, Signed};
use vm_core::{Address, Hash, Payload, Transaction};
use vm_state::View;

/// What is wrong with its proposals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The state's root is another.
    StateRoot,
    /// The receipts' root is another.
    ReceiptsRoot,
    /// The gas is one more.
    Gas,
    /// Longer than any block may be.
    Oversized,
    /// One signature is spoiled; the header is right.
    Signature,
    /// A transaction comes before its turn.
    Nonce,
    /// It names somebody else as proposer; all else follows from that.
    Proposer,
    /// It is of the next hour.
    Time,
    /// Its parent is genesis.
    Parent,
    /// It leaves a height out.
    Height,
    /// Its clock is a little faster than others take at once. Not wrong: they wait.
    FastClock,
}

pub(crate) const FAULTS: [Fault; 10] = [
    Fault::StateRoot,
    Fault::ReceiptsRoot,
    Fault::Gas,
    Fault::Oversized,
    Fault::Signature,
    Fault::Nonce,
    Fault::Proposer,
    Fault::Time,
    Fault::Parent,
    Fault::Height,
];

impl Fault {
    /// What an honest validator says of such a proposal; none if it waits.
    pub(crate) fn refusal(self) -> Option<&'static str> {
        match self {
            Self::StateRoot => Some("the header's state_root is"),
            Self::ReceiptsRoot => Some("the header's receipts_root is"),
            Self::Gas => Some("the header's gas_used is"),
            // Said by the engine: it is no block at all.
            Self::Oversized => Some("failed to decode message"),
            Self::Signature => Some("the signature is not the key"),
            Self::Nonce => Some("nonce"),
            Self::Proposer => Some("its proposer is"),
            Self::Time | Self::FastClock => None,
            Self::Parent => Some("its parent is not the one that the leader names"),
            Self::Height => Some("its height is"),
        }
    }
}

/// What a byzantine validator proposes.
#[derive(Debug)]
pub(crate) struct Proposals {
    pub(crate) fault: Fault,
    pub(crate) chain: ChainId,
    /// More than a block may have.
    pub(crate) bytes: usize,
    /// What it proposed.
    pub(crate) proposed: Arc<Mutex<Vec<Hash>>>,
}

/// What a machine can't do from some height on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failing {
    /// Build and execute blocks.
    Execute(u64),
    /// Commit blocks.
    Commit(u64),
    /// See what others see: what is final is wrong to it.
    Agree(u64),
}

/// A chain that misbehaves.
#[derive(Debug)]
pub(crate) struct Misbehaving {
    pub(crate) inner: Arc<dyn Application>,
    pub(crate) proposals: Option<Proposals>,
    pub(crate) failing: Option<Failing>,
}

fn transaction(nonce: u64) -> Transaction {
    let payload = Payload::Transfer { to: Address::named("judy"), amount: 1 };
    Transaction { sender: Address::named("alice"), nonce, gas_limit: 100_000, gas_price: 0, payload }
}

impl Proposals {
    fn tamper(&self, application: &dyn Application, block: &mut SealedBlock) {
        let alice = SecretKey::dev("alice");
        match self.fault {
            Fault::StateRoot => block.header.state_root.0[0] ^= 1,
            Fault::ReceiptsRoot => block.header.receipts_root.0[31] ^= 1,
            Fault::Gas => block.header.gas_used += 1,
            Fault::Oversized => {
                let signed = Signed { transaction: transaction(0), authorization: vec![7; 1_024] };
                block.transactions = vec![signed; self.bytes / 1_024];
            }
            Fault::Signature => {
                if block.transactions.is_empty() {
                    block.transactions.push(alice.sign(transaction(0), &self.chain));
                }
                *block.transactions[0].authorization.last_mut().unwrap() ^= 1;
            }
            Fault::Nonce => block.transactions.push(alice.sign(transaction(1_000), &self.chain)),
            Fault::Parent => block.parent = application.digest(0).unwrap().unwrap(),
            Fault::Height => block.header.height += 1,
            Fault::Proposer | Fault::Time | Fault::FastClock => {}
        }
    }
}

impl Application for Misbehaving {
    fn tip(&self) -> Tip {
        self.inner.tip()
    }

    fn view(&self) -> Result<Arc<dyn View>, NodeError> {
        self.inner.view()
    }

    fn digest(&self, height: u64) -> Result<Option<Hash>, NodeError> {
        self.inner.digest(height)
    }

    fn check(&self, signed: &Signed) -> Result<Hash, Unfit> {
        self.inner.check(signed)
    }

    fn knows(&self, digest: &Hash) -> bool {
        self.inner.knows(digest)
    }

    fn build(
        &self,
        parent: &Hash,
        time: i64,
        proposer: Address,
        candidates: &dyn Candidates,
    ) -> Result<SealedBlock, BuildError> {
        let fault = self.proposals.as_ref().map(|proposals| proposals.fault);
        let ahead = match fault {
            Some(Fault::Time) => 3_600_000,
            Some(Fault::FastClock) => 700,
            _ => 0,
        };
        let time = time + ahead;
        let proposer = if fault == Some(Fault::Proposer) { Address::named("mallory") } else { proposer };
        let mut block = self.inner.build(parent, time, proposer, candidates)?;
        if let Some(Failing::Execute(height)) = self.failing
            && block.header.height >= height
        {
            return Err(NodeError("out of memory".to_owned()).into());
        }
        // On genesis, genesis is the right parent.
        if let Some(proposals) = &self.proposals
            && (proposals.fault != Fault::Parent || block.header.height > 1)
        {
            proposals.tamper(&*self.inner, &mut block);
            proposals.proposed.lock().unwrap().push(block.digest());
        }
        Ok(block)
    }

    fn execute(&self, block: &SealedBlock) -> Result<(), ExecuteError> {
        match self.failing {
            Some(Failing::Execute(height)) if block.header.height >= height => {
                Err(NodeError("out of memory".to_owned()).into())
            }
            _ => self.inner.execute(block),
        }
    }

    fn commit(&self, block: &SealedBlock) -> Result<Committed, FinalityError> {
        let height = block.header.height;
        match self.failing {
            // To commit what was not executed is to execute it.
            Some(Failing::Execute(from)) if height >= from => {
                Err(NodeError("out of memory".to_owned()).into())
            }
            Some(Failing::Commit(from)) if height >= from => Err(NodeError("disk full".to_owned()).into()),
            Some(Failing::Agree(from)) if height >= from => {
                let reason = Rejection::Superseded { height };
                Err(FinalityError::Diverged { height, reason })
            }
            _ => self.inner.commit(block),
        }
    }

    fn manifest(&self, height: u64) -> Result<Option<Manifest>, NodeError> {
        self.inner.manifest(height)
    }

    fn chunk(&self, height: u64, after: Option<&[u8]>, bytes: u32) -> Result<Option<Vec<u8>>, NodeError> {
        self.inner.chunk(height, after, bytes)
    }
}
