//! A light client: believes the validators' certificates and nothing else.
//!
//! ```text
//! certificate ── the digest it signs ── seal and header ── state root ── proof of a value, an event
//!                                              └── parent's header ── witness ── the block, executed again
//! ```
//!
//! Invariants:
//! - what is returned was shown by a certificate of two thirds and more of the validators; the node that gave it is not
//!   believed;
//! - no input panics.
//!
//! It does not say that a block is the newest: a node may keep later ones to itself. Ask several.

use std::thread::sleep;
use std::time::{Duration, Instant};

use getrandom::SysRng;
use rand_core::UnwrapErr;
use vm_chain::api::types::{At, Claim, FinalityInfo};
use vm_chain::proof::{ProofRefused, Verified, verify};
use vm_chain::replica::{LinkError, different_fields, linked};
use vm_chain::{Api, ApiError};
use vm_core::codec::{CodecError, decode_exact};
use vm_core::{Block, Hash, Header};
use vm_host::{Options, StatelessError, Vm};

use crate::network::Network;
use crate::node::ENGINE;
use crate::{CertificateError, Finalization, verify_certificate};

/// How long a certificate is waited for: it may come a moment after its block.
const CERTIFICATE_TIME: Duration = Duration::from_secs(5);
/// How often it is asked for.
const CERTIFICATE_PERIOD: Duration = Duration::from_millis(100);

/// Why nothing was shown.
#[derive(Debug, thiserror::Error)]
pub enum LightError {
    /// The node says no.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The certificate is another engine's.
    #[error("the certificate is {found}, this client checks {ENGINE}")]
    Engine {
        /// What the node says.
        found: String,
    },
    /// The certificate is not the validators'.
    #[error("the certificate is refused: {0}")]
    Certificate(#[from] CertificateError),
    /// The certificate is of another block.
    #[error("the certificate is of the block {signed}; the headers lead to {certified}")]
    OtherDigest {
        /// What it signs.
        signed: Hash,
        /// The digest of the last block shown.
        certified: Hash,
    },
    /// The headers don't lead to the certificate.
    #[error("the headers are refused: {0}")]
    Links(#[from] LinkError),
    /// The header is of another block than the one asked for.
    #[error("the node showed block {found}, not {asked}")]
    OtherBlock {
        /// The block asked for.
        asked: At,
        /// The one shown.
        found: At,
    },
    /// The proof is of something else than was asked for.
    #[error("the node proved something else than what it was asked for")]
    OtherClaim,
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] ProofRefused),
    /// The block can't be read.
    #[error("the block is refused: {0}")]
    Block(#[from] CodecError),
    /// The block can't be executed from its witness.
    #[error("the witness is refused: {0}")]
    Witness(#[from] StatelessError),
    /// Execution gives something else than what was made final.
    #[error("execution gives another block: {field} is {found}, final is {claimed}")]
    Executed {
        /// The field of the header.
        field: &'static str,
        /// The certified value.
        claimed: String,
        /// What execution came to.
        found: String,
    },
}

/// A block that the validators made final.
#[derive(Clone, Debug)]
pub struct FinalBlock {
    /// Its header.
    pub header: Header,
    /// The certificate, of it or of a later block.
    pub certificate: Finalization,
    /// The digest that the certificate signs.
    pub certified: Hash,
}

/// Checks what a node gave for a block.
///
/// # Errors
///
/// [`LightError`] if it does not show that the block is final.
pub fn check(network: &Network, info: &FinalityInfo) -> Result<FinalBlock, LightError> {
    let (header, certified) = linked(info)?;
    if info.engine != ENGINE {
        return Err(LightError::Engine { found: info.engine.clone() });
    }
    let mut random = UnwrapErr(SysRng);
    let (certificate, signed) = verify_certificate(&info.certificate.0, &network.verifier(), &mut random)?;
    if signed != certified {
        return Err(LightError::OtherDigest { signed, certified });
    }
    Ok(FinalBlock { header, certificate, certified })
}

/// Asks `api` for what makes the block `at` final, and waits a little for it. Nothing is checked.
pub(crate) fn finality(api: &dyn Api, at: At) -> Result<FinalityInfo, LightError> {
    let begun = Instant::now();
    loop {
        match api.finality(at) {
            Err(ApiError::Missing { .. }) if begun.elapsed() < CERTIFICATE_TIME => sleep(CERTIFICATE_PERIOD),
            answer => return Ok(answer?),
        }
    }
}

/// Asks `api` for the block `at` and what makes it final.
///
/// # Errors
///
/// [`LightError`].
pub fn final_block(network: &Network, api: &dyn Api, at: At) -> Result<FinalBlock, LightError> {
    let info = finality(api, at)?;
    let block = check(network, &info)?;
    let found = match at {
        At::Height(_) => At::Height(block.header.height),
        At::Hash(_) => At::Hash(block.header.hash().into()),
        At::Head => At::Head,
    };
    if found != at {
        return Err(LightError::OtherBlock { asked: at, found });
    }
    Ok(block)
}

/// Asks for a proof of `claim` in the state after `block`, which is final.
///
/// # Errors
///
/// [`LightError`].
pub fn prove(api: &dyn Api, block: &FinalBlock, claim: Claim) -> Result<Verified, LightError> {
    let proof = api.prove(claim.clone(), At::Height(block.header.height))?;
    // A proof says itself of what it is, and one of another account may hold as well.
    if proof.claim != claim {
        return Err(LightError::OtherClaim);
    }
    Ok(verify(&proof, &block.header.hash())?)
}

/// Executes the final `block` again from a witness, and gives how many transactions it has.
///
/// # Errors
///
/// [`LightError`], also for a block that comes to anything else than what was made final.
pub fn replay(network: &Network, api: &dyn Api, block: &FinalBlock) -> Result<usize, LightError> {
    let record = api.witness(block.header.height)?;
    let parent = Header::from(&record.parent);
    // The final header names its parent: what the node says of that one is checked by its hash.
    if parent.hash() != block.header.parent {
        return Err(LightError::Executed {
            field: "parent",
            claimed: block.header.parent.to_string(),
            found: parent.hash().to_string(),
        });
    }
    let bytes = &record.block.0;
    let contents: Block = decode_exact(bytes, bytes.len())?;
    let vm = Vm::new(network.spec.params.clone());
    let outcome = vm.execute_stateless(&parent, &contents, &record.witness.0, Options::default())?;
    match different_fields(&block.header, &outcome.commit.header).into_iter().next() {
        Some((field, claimed, found)) => Err(LightError::Executed { field, claimed, found }),
        None => Ok(outcome.transactions.len()),
    }
}
