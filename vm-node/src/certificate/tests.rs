use super::*;

use commonware_consensus::simplex::types::{Finalize, Proposal};
use commonware_consensus::types::{Epoch, Round, View};
use commonware_cryptography::Signer as _;
use commonware_cryptography::ed25519::PrivateKey;
use commonware_utils::ordered::Set;
use commonware_utils::{non_empty, test_rng};

const NAMESPACE: &[u8] = b"certificates";

fn signers(first: u64) -> Vec<PrivateKey> {
    (first..first + 4).map(PrivateKey::from_seed).collect()
}

fn validators(first: u64) -> Set<crate::Key> {
    Set::from_iter_dedup(signers(first).iter().map(|signer| signer.public_key()))
}

fn digest() -> Hash {
    Hash([9; 32])
}

/// The votes of so many of four validators.
fn votes(count: usize) -> (Vec<Scheme>, Vec<Finalize<Scheme, crate::Digest>>) {
    let proposal =
        Proposal::new(Round::new(Epoch::zero(), View::new(7)), View::new(5), crate::digest_of(&digest()));
    let schemes: Vec<Scheme> = signers(0)
        .into_iter()
        .map(|signer| Scheme::signer(NAMESPACE, validators(0), signer).unwrap())
        .collect();
    let votes =
        schemes.iter().take(count).map(|scheme| Finalize::sign(scheme, proposal.clone()).unwrap()).collect();
    (schemes, votes)
}

fn certificate() -> Vec<u8> {
    let (schemes, votes) = votes(3);
    let finalization =
        Finalization::from_finalizes(&schemes[0], non_empty![@votes.iter()], &Sequential).unwrap();
    certificate_bytes(&finalization)
}

fn verify(bytes: &[u8], scheme: &Scheme) -> Result<Hash, CertificateError> {
    verify_certificate(bytes, scheme, &mut test_rng()).map(|(_, digest)| digest)
}

#[test]
fn three_of_four_validators_make_a_block_final_to_who_knows_their_keys() {
    let bytes = certificate();
    assert!(bytes.len() <= certificate_bytes_max(4), "{} bytes", bytes.len());
    assert_eq!(verify(&bytes, &Scheme::verifier(NAMESPACE, validators(0))).unwrap(), digest());
}

#[test]
fn two_of_four_make_no_certificate() {
    let (schemes, votes) = votes(2);
    assert!(Finalization::from_finalizes(&schemes[0], non_empty![@votes.iter()], &Sequential).is_err());
}

#[test]
fn a_certificate_is_of_one_chain_and_its_validators() {
    let bytes = certificate();
    let refused = |scheme: &Scheme| matches!(verify(&bytes, scheme), Err(CertificateError::Signatures));
    assert!(refused(&Scheme::verifier(b"another chain", validators(0))));
    assert!(refused(&Scheme::verifier(NAMESPACE, validators(1))));
}

#[test]
fn r122_every_other_byte_string_is_refused() {
    let bytes = certificate();
    let scheme = Scheme::verifier(NAMESPACE, validators(0));
    for end in 0..bytes.len() {
        let result = verify(&bytes[..end], &scheme);
        assert!(matches!(result, Err(CertificateError::Malformed(_))), "{end} bytes");
    }
    for position in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[position] ^= 1 << bit;
            assert!(verify(&other, &scheme).is_err(), "byte {position}, bit {bit}");
        }
    }
    let longer = [bytes, vec![0]].concat();
    assert!(matches!(verify(&longer, &scheme), Err(CertificateError::Malformed(_))));
}
