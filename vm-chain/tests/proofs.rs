//! R81, R92: proofs that a node gives are checked by their bytes and one trusted hash, and nothing spoiled passes.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use parity_scale_codec::Encode as _;
use support::{deploy_token, in_memory, send, token_transfer};
use vm_chain::api::text::{HexBytes, Text};
use vm_chain::api::types::{At, Claim, Proof};
use vm_chain::api::{Api, Local};
use vm_chain::proof::{ProofRefused, Shown, verify};
use vm_core::{Address, Hash, ObjectId};
use vm_state::ProofError;

struct Sample {
    api: Local,
    token: Address,
    object: ObjectId,
    transfer: Hash,
}

/// Alice makes a token and gives bob some of it.
fn sample() -> Sample {
    let api = in_memory();
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    let receipt = send(&api, "alice", token_transfer(token, "bob", 300));
    assert_eq!(receipt.outcome.ending.status, "success");
    let filter = vm_chain::api::types::ObjectFilter {
        owner: Address::named("bob").into(),
        contract: Some(token.into()),
        limit: None,
    };
    let object = api.objects(filter).unwrap()[0].id.0;
    Sample { api, token, object, transfer: receipt.transaction.0 }
}

impl Sample {
    fn claims(&self) -> Vec<Claim> {
        let field = |name: &[u8]| Claim::Field { object: Text(self.object), name: HexBytes(name.to_vec()) };
        vec![
            Claim::Account { address: Text(Address::named("alice")) },
            Claim::Account { address: Text(Address::named("nobody")) },
            Claim::Contract { address: Text(self.token) },
            Claim::Contract { address: Text(Address::named("alice")) },
            Claim::Object { id: Text(self.object) },
            Claim::Object { id: Text(ObjectId([7; 32])) },
            field(b"balance"),
            field(b"nothing"),
            Claim::Receipt { transaction: Text(self.transfer) },
            Claim::Event { transaction: Text(self.transfer), index: 0 },
        ]
    }

    fn prove(&self, claim: Claim) -> (Proof, Hash) {
        let proof = self.api.prove(claim, At::Head).unwrap();
        let trusted = self.api.block(At::Height(proof.header.height)).unwrap().header.hash.0;
        (proof, trusted)
    }
}

#[test]
fn r81_r92_every_kind_of_claim_is_shown_with_its_value() {
    let sample = sample();
    let shown: Vec<Shown> = sample
        .claims()
        .into_iter()
        .map(|claim| {
            let (proof, trusted) = sample.prove(claim);
            let text = serde_json::to_string(&proof).unwrap();
            let proof: Proof = serde_json::from_str(&text).unwrap();
            verify(&proof, &trusted).unwrap().shown
        })
        .collect();
    let balance = sample.api.account(Address::named("alice"), At::Head).unwrap().balance.0;
    assert!(matches!(&shown[0], Shown::Account { account: Some(account), .. }
        if account.balance == balance && account.nonce == 2));
    assert!(matches!(&shown[1], Shown::Account { account: None, .. }));
    assert!(matches!(&shown[2], Shown::Contract { contract: Some(contract), .. }
        if contract.deployer == Address::named("alice")));
    assert!(matches!(&shown[3], Shown::Contract { contract: None, .. }));
    assert!(matches!(&shown[4], Shown::Object { meta: Some(meta), .. }
        if meta.owner == Address::named("bob") && meta.contract == sample.token));
    assert!(matches!(&shown[5], Shown::Object { meta: None, .. }));
    assert!(matches!(&shown[6], Shown::Field { value: Some(value), .. } if *value == 300u64.encode()));
    assert!(matches!(&shown[7], Shown::Field { value: None, .. }));
    assert!(matches!(&shown[8], Shown::Receipt { index: 0, body, .. } if body.status.is_success()));
    assert!(matches!(&shown[9], Shown::Event { event, .. }
        if event.name == "Transfer" && event.contract == sample.token));
}

#[test]
fn r81_r92_every_changed_byte_is_refused_or_what_it_shows_is_true() {
    let sample = sample();
    for claim in sample.claims() {
        let (proof, trusted) = sample.prove(claim);
        let shown = verify(&proof, &trusted).unwrap();
        let text = serde_json::to_vec(&proof).unwrap();
        for at in 0..text.len() {
            for flip in [1, 2, 0x10] {
                let mut changed = text.clone();
                changed[at] ^= flip;
                let Ok(read) = serde_json::from_slice::<Proof>(&changed) else { continue };
                let Ok(found) = verify(&read, &trusted) else { continue };
                // A proof of absence is one for neighbouring keys too: a changed claim may hold, and then it is true.
                if read.claim == proof.claim {
                    assert_eq!(found, shown, "byte {at} of {}", String::from_utf8_lossy(&changed));
                } else {
                    let (honest, _) = sample.prove(read.claim);
                    assert_eq!(verify(&honest, &trusted), Ok(found));
                    assert_eq!(honest.value, None, "only absence is shared");
                }
            }
        }
        assert!(matches!(verify(&proof, &Hash([1; 32])), Err(ProofRefused::OtherBlock { .. })));
    }
}

#[test]
fn r92_a_receipt_of_another_transaction_of_the_block_is_refused() {
    let sample = sample();
    let (proof, trusted) = sample.prove(Claim::Receipt { transaction: Text(sample.transfer) });
    let other = Proof { claim: Claim::Receipt { transaction: Text(Hash([9; 32])) }, ..proof };
    let expected = ProofRefused::Proof { what: "transaction", cause: ProofError::OtherContent };
    assert_eq!(verify(&other, &trusted), Err(expected));
}

#[test]
fn r81_what_is_spoiled_or_missing_is_named() {
    let sample = sample();
    let (account, trusted) = sample.prove(sample.claims()[0].clone());
    let refused = |proof: &Proof, trusted: &Hash| verify(proof, trusted).unwrap_err().to_string();
    let absent = Proof { value: None, ..account.clone() };
    assert!(refused(&absent, &trusted).ends_with("not nothing as it says"));
    let richer = Proof { value: Some(HexBytes(vec![0xff; 16])), ..account.clone() };
    assert!(refused(&richer, &trusted).contains("not 0xffffffff"));
    let garbage = Proof { proof: HexBytes(vec![1, 2, 3]), ..account };
    assert!(refused(&garbage, &trusted).starts_with("the proof of the account does not hold: not a proof"));

    let (event, trusted) = sample.prove(sample.claims()[9].clone());
    type Spoil = fn(&mut Proof);
    let lacks: [(Spoil, &str); 5] = [
        (|proof| proof.value = None, "the proof has no value"),
        (|proof| proof.index = None, "the proof has no index of the transaction"),
        (|proof| proof.transaction_path = None, "the proof has no path of the transaction"),
        (|proof| proof.receipt = None, "the proof has no receipt"),
        (|proof| proof.receipt_path = None, "the proof has no path of the receipt"),
    ];
    for (spoil, words) in lacks {
        let mut spoiled = event.clone();
        spoil(&mut spoiled);
        assert!(refused(&spoiled, &trusted).starts_with(words), "{words}");
    }
    let longer = event.value.clone().map(|value| HexBytes([value.0, vec![0]].concat()));
    let longer = Proof { value: longer, ..event };
    assert!(refused(&longer, &trusted).starts_with("the value is no event: "));
}
