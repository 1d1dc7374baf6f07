//! Light clients of a running node, and of one that lies.

use std::fmt;

use commonware_consensus::simplex::types::{Finalize, Proposal};
use commonware_cryptography::Signer as _;
use commonware_cryptography::certificate::Signers;
use commonware_cryptography::ed25519::PrivateKey;
use commonware_parallel::Sequential;
use commonware_utils::iter::NonEmpty;
use vm_chain::Api as _;
use vm_chain::api::types::{At, Claim, FinalityInfo, HeaderInfo, Proof, WitnessInfo};
use vm_chain::chain::Spec;
use vm_chain::proof::{ProofRefused, Shown};
use vm_chain::replica::LinkError;
use vm_core::codec::decode_exact;
use vm_core::{Address, Block, Hash, Payload};
use vm_node::config::read_key;
use vm_node::light::{FinalBlock, LightError, check, final_block, prove, replay};
use vm_node::network::Network;
use vm_node::{CertificateError, Finalization, Scheme, certificate_bytes};

use super::load::{deploy_token, send, transfer_tokens};
use super::spoiled::{Spoil, Spoiled};
use super::testbed::{Testbed, command, until};

/// A network with a few transfers of tokens, and the block that the last one is in.
struct Seen {
    testbed: Testbed,
    token: Address,
    transfer: Hash,
    height: u64,
}

fn seen() -> Seen {
    let testbed = Testbed::running(4);
    let token = deploy_token(&testbed);
    let sent = send(&testbed, 1, "alice", transfer_tokens(token, "bob", 25));
    let seen = Seen { token, transfer: sent.transaction.0, height: sent.height, testbed };
    // Room for blocks after it.
    seen.testbed.reach(0..4, seen.height + 2);
    seen
}

fn info(testbed: &Testbed, height: u64) -> FinalityInfo {
    until("a certificate comes", || testbed.client(0).finality(At::Height(height)).ok())
}

/// The proof for `height` by the certificate of the block after it.
fn by_the_next(testbed: &Testbed, height: u64) -> FinalityInfo {
    let next = info(testbed, height + 1);
    let blocks = info(testbed, height).blocks.into_iter().take(1).chain(next.blocks.into_iter().take(1));
    let certificate = next.certificate;
    let found = FinalityInfo { engine: next.engine, blocks: blocks.collect(), certificate };
    assert_eq!(found.blocks.len(), 2);
    found
}

#[test]
fn a_light_client_believes_certificates_and_what_they_lead_to() {
    let Seen { testbed, token, transfer, height } = seen();
    let alice = Claim::Account { address: Address::named("alice").into() };
    for index in 0..4 {
        let client = testbed.client(index);
        let block = final_block(&testbed.network, client, At::Height(height)).unwrap();
        assert_eq!(HeaderInfo::from(&block.header), client.block(At::Height(height)).unwrap().header);
        match prove(client, &block, alice.clone()).unwrap().shown {
            Shown::Account { address, account: Some(account) } => {
                // A deployment, two gifts, the transfer.
                assert_eq!((address, account.nonce), (Address::named("alice"), 4));
            }
            other => panic!("{other:?}"),
        }
        let claim = Claim::Event { transaction: transfer.into(), index: 0 };
        match prove(client, &block, claim).unwrap().shown {
            Shown::Event { event, .. } => assert_eq!((event.contract, &*event.name), (token, "Transfer")),
            other => panic!("{other:?}"),
        }
        assert_eq!(replay(&testbed.network, client, &block).unwrap(), 1);
        // By its hash, and the last one.
        let named = final_block(&testbed.network, client, At::Hash(block.header.hash().into())).unwrap();
        assert_eq!(named.header, block.header);
        assert!(final_block(&testbed.network, client, At::Head).unwrap().header.height >= height);
    }
    // A certificate of a later block makes it final too.
    let later = check(&testbed.network, &by_the_next(&testbed, height)).unwrap();
    assert_eq!(later.header.height, height);
    assert_ne!(later.certified, info(&testbed, height).blocks[0].digest());
    commands(&testbed, &transfer, height);
}

/// The same by `vm-node light`, and that all this works by `vm-node try`.
fn commands(testbed: &Testbed, transfer: &Hash, height: u64) {
    let network = testbed.layout.network();
    let (network, url) = (network.to_str().unwrap(), testbed.client(2).url());
    let (at, transfer) = (height.to_string(), transfer.to_string());
    let light = |what: &[&str]| {
        let args = ["light", "--network", network, "--from", url, "--at", &at];
        let output =
            std::process::Command::new(super::testbed::PROGRAM).args(args).args(what).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let hash = testbed.block(0, height).1.hash();
    for (what, line) in [
        (&["header"][..], format!("final     block {height} {hash}\n")),
        (&["account", "@alice"], "nonce     4\n".to_owned()),
        (&["event", &transfer], "event     0 Transfer of ".to_owned()),
        (&["block"], "executed  1 transactions again, to the same root\n".to_owned()),
    ] {
        let (code, said) = light(what);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(&line), "{line:?} is not in {said}");
    }
    let (code, said) = light(&["account", "alice"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains(" help: an address is 0x"), "{said}");
    // Without a height, the event's own block is taken.
    let args = ["light", "--network", network, "--from", url, "event", &transfer];
    assert_eq!(command(args).0, Some(0));
    let args = ["light", "--network", network, "--from", url, "--at", "1000000", "header"];
    let (code, _, complaint) = command(args);
    assert_eq!(code, Some(2), "{complaint}");

    let (code, said, complaint) = command(["try", "--network", network]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(said.ends_with("all 4 validators have one root, each with a certificate\n"), "{said}");
}

/// What is shown, spoiled by one step.
fn refused(testbed: &Testbed, good: &FinalityInfo, spoil: impl FnOnce(&mut FinalityInfo)) -> LightError {
    let mut info = good.clone();
    spoil(&mut info);
    assert_ne!(&info, good, "it is spoiled");
    check(&testbed.network, &info).unwrap_err()
}

type SpoilHeader = fn(&mut HeaderInfo);
const HEADER_FIELDS: [SpoilHeader; 10] = [
    |header| header.parent.0.0[0] ^= 1,
    |header| header.height += 1,
    |header| header.time += 1,
    |header| header.proposer.0.0[31] ^= 1,
    |header| header.vm_version += 1,
    |header| header.params.0.0[0] ^= 1,
    |header| header.transactions_root.0.0[0] ^= 1,
    |header| header.state_root.0.0[0] ^= 0x80,
    |header| header.receipts_root.0.0[0] ^= 1,
    |header| header.gas_used += 1,
];

#[test]
fn what_a_lying_node_shows_of_finality_is_refused() {
    let Seen { testbed, height, .. } = seen();
    let good = info(&testbed, height);
    let two = by_the_next(&testbed, height);
    let network = &testbed.network;
    check(network, &good).unwrap();

    // No bit of a certificate can be another one, and no byte be there or not.
    let length = good.certificate.0.len();
    for at in 0..length {
        let error = refused(&testbed, &good, |info| info.certificate.0[at] ^= 1 << (at % 8));
        assert!(matches!(error, LightError::Certificate(_)), "byte {at}: {error:?}");
    }
    for end in [0, 1, length - 64, length - 1] {
        let error = refused(&testbed, &good, |info| info.certificate.0.truncate(end));
        assert!(matches!(error, LightError::Certificate(CertificateError::Malformed(_))), "{error:?}");
    }
    let error = refused(&testbed, &good, |info| info.certificate.0.push(0));
    assert!(matches!(error, LightError::Certificate(CertificateError::Malformed(_))), "{error:?}");

    // A header or a seal of the certificate's own block, and of the one before it.
    for spoil in HEADER_FIELDS {
        let error = refused(&testbed, &good, |info| spoil(&mut info.blocks[0].header));
        assert!(matches!(error, LightError::OtherDigest { .. }), "{error:?}");
        let error = refused(&testbed, &two, |info| spoil(&mut info.blocks[0].header));
        assert!(matches!(error, LightError::Links(LinkError::Broken { .. })), "{error:?}");
        let error = refused(&testbed, &two, |info| spoil(&mut info.blocks[1].header));
        assert!(matches!(error, LightError::OtherDigest { .. }), "{error:?}");
    }
    let error = refused(&testbed, &good, |info| info.blocks[0].parent.0.0[0] ^= 1);
    assert!(matches!(error, LightError::OtherDigest { .. }), "{error:?}");
    let error = refused(&testbed, &good, |info| info.blocks[0].contents.0.0[0] ^= 1);
    assert!(matches!(error, LightError::OtherDigest { .. }), "{error:?}");
    let error = refused(&testbed, &two, |info| info.blocks[1].parent.0.0[0] ^= 1);
    assert!(matches!(error, LightError::Links(LinkError::Broken { .. })), "{error:?}");

    // What a header says its hash is, is not looked at.
    let mut renamed = good.clone();
    renamed.blocks[0].header.hash = Hash([1; 32]).into();
    assert_eq!(check(network, &renamed).unwrap().header, check(network, &good).unwrap().header);

    // Blocks that are none, out of order, or not all there.
    let error = refused(&testbed, &good, |info| info.blocks.clear());
    assert!(matches!(error, LightError::Links(LinkError::Empty)), "{error:?}");
    let error = refused(&testbed, &two, |info| info.blocks.reverse());
    assert!(matches!(error, LightError::Links(LinkError::Broken { .. })), "{error:?}");
    let error = refused(&testbed, &two, |info| info.blocks.truncate(1));
    assert!(matches!(error, LightError::OtherDigest { .. }), "{error:?}");
    let before = info(&testbed, height - 1).blocks[0].clone();
    let error = refused(&testbed, &two, |info| info.blocks[0] = before);
    assert!(matches!(error, LightError::Links(LinkError::Broken { .. })), "{error:?}");

    // Another engine's, and a good certificate of another block.
    let error = refused(&testbed, &good, |info| info.engine = "simplex-bls/1".to_owned());
    assert!(matches!(error, LightError::Engine { found } if found == "simplex-bls/1"));
    let other = info(&testbed, height - 1);
    let error = refused(&testbed, &good, |info| info.certificate = other.certificate.clone());
    match error {
        LightError::OtherDigest { signed, certified } => {
            assert_eq!((signed, certified), (other.blocks[0].digest(), good.blocks[0].digest()));
        }
        error => panic!("{error:?}"),
    }
    // A good answer to another question.
    let client = testbed.client(0);
    let elsewhere = Spoiled::new(client, Answers(other.clone()));
    let error = final_block(network, &elsewhere, At::Height(height)).unwrap_err();
    match error {
        LightError::OtherBlock { asked, found } => {
            assert_eq!((asked, found), (At::Height(height), At::Height(height - 1)));
        }
        error => panic!("{error:?}"),
    }
    let asked = At::Hash(good.blocks[0].header.hash);
    let error = final_block(network, &elsewhere, asked).unwrap_err();
    assert!(
        matches!(error, LightError::OtherBlock { found, .. } if found == At::Hash(other.blocks[0].header.hash))
    );

    forged(&testbed, &good);
}

/// The certificate of `good`, signed anew by the first `count` of these keys, for the network of `scheme`.
fn signed_by(testbed: &Testbed, good: &FinalityInfo, keys: &[PrivateKey], of: &Network) -> Finalization {
    let theirs = check(&testbed.network, good).unwrap().certificate.proposal;
    let proposal = Proposal::new(theirs.round, theirs.parent, theirs.payload);
    let vote =
        |key: &PrivateKey| Finalize::<Scheme, _>::sign(&of.scheme(key.clone()), proposal.clone()).unwrap();
    let votes: Vec<_> = keys.iter().map(vote).collect();
    Finalization::from_finalizes(&of.verifier(), NonEmpty::try_new(votes.iter()).unwrap(), &Sequential)
        .unwrap()
}

/// Certificates that some validators signed, though not these, or not for this chain.
fn forged(testbed: &Testbed, good: &FinalityInfo) {
    let network = &testbed.network;
    let key = |index| read_key(&testbed.layout.node(index).join("node.key")).unwrap();
    let keys: Vec<PrivateKey> = (0..4).map(key).collect();
    let by = |keys: &[PrivateKey], of: &Network| FinalityInfo {
        certificate: certificate_bytes(&signed_by(testbed, good, keys, of)).into(),
        ..good.clone()
    };
    // Any three of its own validators make one: what follows fails for what it says, not for how it is made.
    check(network, &by(&keys[1..], network)).unwrap();

    let strangers: Vec<PrivateKey> = (0..4).map(PrivateKey::from_seed).collect();
    let mut theirs = network.clone();
    for (peer, key) in theirs.validators.iter_mut().zip(&strangers) {
        peer.key = key.public_key();
    }
    let forged = by(&strangers, &theirs);
    check(&theirs, &forged).unwrap();
    let error = check(network, &forged).unwrap_err();
    assert!(matches!(error, LightError::Certificate(CertificateError::Signatures)), "{error:?}");
    let error = check(&theirs, good).unwrap_err();
    assert!(matches!(error, LightError::Certificate(CertificateError::Signatures)), "{error:?}");

    // The same validators, for another chain.
    let spec = Spec { time: network.spec.time + 1, ..network.spec.clone() };
    let other = Network::new(spec, network.validators.clone(), Vec::new(), true).unwrap();
    let elsewhere = by(&keys, &other);
    check(&other, &elsewhere).unwrap();
    let error = check(network, &elsewhere).unwrap_err();
    assert!(matches!(error, LightError::Certificate(CertificateError::Signatures)), "{error:?}");

    // One of four, who is the quorum of a network of its own.
    let fewer = Network { validators: network.validators[..1].to_vec(), ..network.clone() };
    let error = check(network, &by(&keys[..1], &fewer)).unwrap_err();
    assert!(matches!(error, LightError::Certificate(_)), "{error:?}");

    // Two of its four, each with a good signature.
    let mut short = signed_by(testbed, good, &keys, network);
    let two = short.certificate.signers.iter().take(2).collect::<Vec<_>>();
    short.certificate.signers = Signers::new(4, two).unwrap();
    short.certificate.signatures.truncate(2);
    let short = FinalityInfo { certificate: certificate_bytes(&short).into(), ..good.clone() };
    let error = check(network, &short).unwrap_err();
    assert!(matches!(error, LightError::Certificate(CertificateError::Signatures)), "{error:?}");
}

/// Gives one answer, whatever the question.
#[derive(Debug)]
struct Answers(FinalityInfo);

impl Spoil for Answers {
    fn finality(&self, info: &mut FinalityInfo) {
        *info = self.0.clone();
    }
}

struct Proofs<F>(F);

impl<F> fmt::Debug for Proofs<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Proofs")
    }
}

impl<F: Fn(&mut Proof)> Spoil for Proofs<F> {
    fn proof(&self, proof: &mut Proof) {
        (self.0)(proof);
    }
}

struct Witnesses<F>(F);

impl<F> fmt::Debug for Witnesses<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witnesses")
    }
}

impl<F: Fn(&mut WitnessInfo)> Spoil for Witnesses<F> {
    fn witness(&self, info: &mut WitnessInfo) {
        (self.0)(info);
    }
}

#[test]
fn what_a_lying_node_shows_of_values_and_blocks_is_refused() {
    let Seen { testbed, transfer, height, .. } = seen();
    let client = testbed.client(0);
    let block = final_block(&testbed.network, client, At::Height(height)).unwrap();
    proofs(&testbed, &block, transfer);
    witnesses(&testbed, &block);
}

fn proofs(testbed: &Testbed, block: &FinalBlock, transfer: Hash) {
    let client = testbed.client(0);
    let of = |name: &str| Claim::Account { address: Address::named(name).into() };
    let event = |index| Claim::Event { transaction: transfer.into(), index };
    let refused = |claim: &Claim, spoil: &dyn Fn(&mut Proof)| {
        prove(&Spoiled::new(client, Proofs(spoil)), block, claim.clone()).unwrap_err()
    };

    // Another value, another proof, none.
    let error = refused(&of("alice"), &|proof| proof.value.as_mut().unwrap().0[0] ^= 1);
    assert!(matches!(error, LightError::Proof(ProofRefused::OtherValue { .. })), "{error:?}");
    let error = refused(&of("alice"), &|proof| proof.value = None);
    assert!(matches!(error, LightError::Proof(ProofRefused::OtherValue { .. })), "{error:?}");
    let error = refused(&of("alice"), &|proof| proof.proof.0.clear());
    assert!(matches!(error, LightError::Proof(ProofRefused::Proof { .. })), "{error:?}");
    let error = refused(&event(0), &|proof| proof.receipt = None);
    assert!(matches!(error, LightError::Proof(ProofRefused::Lacks(_))), "{error:?}");
    let error = refused(&event(0), &|proof| *proof.index.as_mut().unwrap() += 1);
    assert!(matches!(error, LightError::Proof(ProofRefused::Proof { .. })), "{error:?}");

    // The state of another block, with a proof that holds there.
    let earlier = client.prove(of("alice"), At::Height(block.header.height - 1)).unwrap();
    let error = refused(&of("alice"), &|proof| *proof = earlier.clone());
    assert!(matches!(error, LightError::Proof(ProofRefused::OtherBlock { .. })), "{error:?}");

    // A proof that holds, of something else than was asked for.
    let at = At::Height(block.header.height);
    let bob = client.prove(of("bob"), at).unwrap();
    let of_transfer = client.prove(event(0), at).unwrap();
    let of_its_second = Proof { claim: event(1), ..of_transfer.clone() };
    for (asked, answer) in
        [(of("alice"), &bob), (of("bob"), &of_transfer), (event(0), &bob), (event(0), &of_its_second)]
    {
        let error = refused(&asked, &|proof| *proof = answer.clone());
        assert!(matches!(error, LightError::OtherClaim), "{error:?}");
    }
}

fn witnesses(testbed: &Testbed, block: &FinalBlock) {
    let client = testbed.client(0);
    let refused = |spoil: &dyn Fn(&mut WitnessInfo)| {
        replay(&testbed.network, &Spoiled::new(client, Witnesses(spoil)), block).unwrap_err()
    };
    for spoil in HEADER_FIELDS {
        let error = refused(&|info| spoil(&mut info.parent));
        assert!(matches!(error, LightError::Executed { field: "parent", .. }), "{error:?}");
    }
    // What it says the block's own header is, is not looked at.
    let renamed = Witnesses(|info: &mut WitnessInfo| info.header.gas_used += 1);
    assert_eq!(replay(&testbed.network, &Spoiled::new(client, renamed), block).unwrap(), 1);

    let error = refused(&|info| info.block.0.truncate(10));
    assert!(matches!(error, LightError::Block(_)), "{error:?}");
    let error = refused(&|info| info.block.0.push(0));
    assert!(matches!(error, LightError::Block(_)), "{error:?}");
    let error = refused(&|info| info.witness.0.clear());
    assert!(matches!(error, LightError::Witness(_)), "{error:?}");
    let error = refused(&|info| {
        let middle = info.witness.0.len() / 2;
        info.witness.0[middle] ^= 1;
    });
    assert!(matches!(error, LightError::Witness(_)), "{error:?}");

    // A block that could be, and is not the final one: another amount, another time, a transaction left out.
    let changed = |change: &dyn Fn(&mut Block)| {
        refused(&|info| {
            let mut contents: Block = decode_exact(&info.block.0, info.block.0.len()).unwrap();
            change(&mut contents);
            info.block = parity_scale_codec::Encode::encode(&contents).into();
        })
    };
    let error = changed(&|contents| match &mut contents.transactions[0].payload {
        Payload::Call { args, .. } => args[32] -= 1,
        other => panic!("{other:?}"),
    });
    assert!(matches!(error, LightError::Executed { field: "transactions_root", .. }), "{error:?}");
    let error = changed(&|contents| contents.context.time += 1);
    assert!(matches!(error, LightError::Executed { field: "time", .. }), "{error:?}");
    let error = changed(&|contents| contents.transactions.clear());
    assert!(matches!(error, LightError::Witness(_)), "{error:?}");
    let error = changed(&|contents| contents.context.height += 1);
    assert!(matches!(error, LightError::Witness(_)), "{error:?}");
    // Another block whole, with its witness.
    let other = client.witness(block.header.height - 1).unwrap();
    let error = refused(&|info| *info = other.clone());
    assert!(matches!(error, LightError::Executed { field: "parent", .. }), "{error:?}");
}
