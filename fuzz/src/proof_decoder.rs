//! Target `proof_decoder`: bytes as proofs of entries, chunks of snapshots, proofs of receipts and of events.
//!
//! The first byte says what the rest is: bytes to be read as `docs/format.md` section 7 has them; or a state, a request
//! and edits of the proof that it gets; or receipts and edits of a proof of one.

use arbitrary::{Result, Unstructured};
use parity_scale_codec::Encode;
use vm_core::codec::decode_exact;
use vm_core::commitment::index_root;
use vm_core::{Address, Event, Hash, Key, Receipt, Status};
use vm_state::{
    EventProof, ProofError, ProofRequest, ReceiptProof, View, chunk, prove, verify, verify_chunk, verify_walk,
};

use crate::campaign::Inputs;
use crate::entries::{self, edited};
use crate::naive::part::{Shown, entry_key_len, read};
use crate::naive::state::{Entries, next, whole_view};

/// Decodes and verifies; panics where an invariant breaks.
pub fn proof_decoder(data: &[u8]) {
    let Some((&mode, rest)) = data.split_first() else { return };
    match mode % 3 {
        0 => raw(rest),
        1 => drop(of_a_state(&mut Unstructured::new(rest))),
        _ => drop(of_receipts(&mut Unstructured::new(rest))),
    }
}

/// The root of a part of a state's trie, which the page and the decoder read alike; `None` for bytes that are none.
pub(crate) fn root_of_part(bytes: &[u8]) -> Option<Hash> {
    let page = read(bytes, entry_key_len);
    let root = page.as_ref().map(|part| Hash(part.root()));
    match (&page, verify(&root.unwrap_or(Hash::ZERO), &ProofRequest::new(), bytes)) {
        (None, Err(ProofError::Malformed(_))) => (),
        (Some(part), Ok(_) | Err(ProofError::Superfluous)) => {
            assert_eq!(part.write(), bytes, "one part has one encoding");
        }
        (page, found) => panic!("the page reads {page:?}, the decoder {found:?}"),
    }
    root
}

fn raw(bytes: &[u8]) {
    if let Some(root) = root_of_part(bytes) {
        let mut other = root;
        other.0[5] ^= 1;
        let (expected, found) = (other, root);
        let refused = verify(&other, &ProofRequest::new(), bytes);
        assert_eq!(refused, Err(ProofError::RootMismatch { expected, found }));
        // Read as a chunk it shows what the page reads in it, and nothing is hidden in between.
        if let Ok(chunk) = verify_chunk(&root, None, bytes) {
            let part = read(bytes, entry_key_len).unwrap();
            assert!(chunk.entries.is_sorted_by(|one, other| one.0 < other.0));
            for (key, value) in &chunk.entries {
                let shown = part.leaf(key.as_bytes());
                assert_eq!(shown, Some((key.as_bytes(), &Shown::Value(value.to_vec()))));
            }
        }
        if let Ok(walked) = verify_walk(&root, Key::EMPTY, Key::EMPTY, 8, bytes) {
            assert!(walked.len() <= 8 && walked.is_sorted_by(|one, other| one.0 < other.0));
        }
    }
    for limit in [bytes.len(), bytes.len().saturating_sub(1)] {
        if let Ok(proof) = decode_exact::<ReceiptProof>(bytes, limit) {
            assert_eq!(proof.encode(), bytes);
            assert!(proof.verify(&Hash::ZERO).is_err(), "nobody finds a trie with a root of zeros");
        }
        if let Ok(proof) = decode_exact::<EventProof>(bytes, limit) {
            assert_eq!(proof.encode(), bytes);
            assert!(proof.verify(&Hash::ZERO).is_err());
        }
    }
}

fn of_a_state(u: &mut Unstructured<'_>) -> Result<()> {
    let keys = entries::keys(u, 16)?;
    let model = entries::entries(u, &keys)?;
    let view = whole_view(&model);
    let root = view.trie().root();
    let mut request = ProofRequest::new();
    for _ in 0..u.int_in_range(0..=4u8)? {
        request.key(*u.choose(&keys)?);
    }
    for _ in 0..u.int_in_range(0..=2u8)? {
        request.search(entries::prefix(u, &keys)?, entries::prefix(u, &keys)?);
    }
    let (after, size) = (u.choose(&keys).copied()?, u.int_in_range(1..=200)?);
    let (prefix, from, limit) =
        (entries::prefix(u, &keys)?, entries::prefix(u, &keys)?, u.int_in_range(0..=5)?);
    let edits = u.bytes(u.len())?;

    let proof = prove(&view, &request).unwrap();
    assert!(verify(&root, &request, &proof).is_ok());
    let changed = edited(&proof, edits);
    assert_eq!(verify(&root, &request, &changed).is_ok(), changed == proof, "one request, one proof");
    // Another request's proof is another's, unless one shows both.
    let mut more = request.clone();
    more.key(after);
    let larger = prove(&view, &more).unwrap();
    if larger != proof {
        assert_eq!(verify(&root, &request, &larger), Err(ProofError::Superfluous));
        assert_eq!(verify(&root, &more, &proof), Err(ProofError::Incomplete));
    }

    let after = model.contains_key(&after).then_some(after);
    if let Some(bytes) = chunk(&view, after.as_ref(), size).unwrap() {
        holds(&model, &root, after.as_ref(), &bytes, true);
        holds(&model, &root, after.as_ref(), &edited(&bytes, edits), false);
    }

    let mut request = ProofRequest::new();
    let walked = request.walk(&view, prefix, from, limit).unwrap();
    let proof = prove(&view, &request).unwrap();
    assert_eq!(verify_walk(&root, prefix, from, limit, &proof), Ok(walked));
    let changed = edited(&proof, edits);
    let found = verify_walk(&root, prefix, from, limit, &changed);
    assert_eq!(found.is_ok(), changed == proof, "one walk, one proof");
    Ok(())
}

/// A chunk that is taken shows the state's own entries, the next ones after `after`, and whether they are the last.
fn holds(model: &Entries, root: &Hash, after: Option<&Key>, bytes: &[u8], must: bool) {
    let chunk = match verify_chunk(root, after, bytes) {
        Ok(chunk) => chunk,
        Err(error) => return assert!(!must, "a chunk of the state: {error}"),
    };
    let mut from = after.map_or(Some(Key::EMPTY), Key::successor);
    for (key, value) in &chunk.entries {
        assert_eq!(from.and_then(|from| next(model, &Key::EMPTY, &from)), Some((key, value)));
        from = key.successor();
    }
    let more = from.and_then(|from| next(model, &Key::EMPTY, &from)).is_some();
    assert_eq!(chunk.is_last, !more);
}

fn of_receipts(u: &mut Unstructured<'_>) -> Result<()> {
    let count = u.int_in_range(1..=9u8)?;
    let receipts = (0..count).map(|_| receipt(u)).collect::<Result<Vec<_>>>()?;
    let root = index_root(receipts.iter().map(Receipt::hash));
    let (index, event) = (u.int_in_range(0..=9u32)?, u.int_in_range(0..=3u32)?);
    let edits = u.bytes(u.len())?;
    let of = |index: u32| usize::try_from(index).unwrap();
    let proof = ReceiptProof::new(&receipts, index);
    assert_eq!(proof.is_some(), of(index) < receipts.len());
    if let Some(proof) = proof {
        assert!(proof.verify(&root).is_ok());
        let bytes = proof.encode();
        let changed = edited(&bytes, edits);
        if let Ok(other) = decode_exact::<ReceiptProof>(&changed, changed.len())
            && let Ok(body) = other.verify(&root)
        {
            assert_eq!((changed == bytes, body), (true, &receipts[of(index)].body()));
        }
    }
    if let Some(proof) = EventProof::new(&receipts, index, event) {
        assert!(proof.verify(&root).is_ok());
        let bytes = proof.encode();
        let changed = edited(&bytes, edits);
        if let Ok(other) = decode_exact::<EventProof>(&changed, changed.len())
            && let Ok(shown) = other.verify(&root)
        {
            assert_eq!((changed == bytes, shown), (true, &receipts[of(index)].events[of(event)]));
        }
    }
    Ok(())
}

fn receipt(u: &mut Unstructured<'_>) -> Result<Receipt> {
    let events = u.int_in_range(0..=3u8)?;
    let events = (0..events).map(|_| {
        let data = vec![u.arbitrary()?; u.int_in_range(0..=40usize)?];
        Ok(Event { contract: Address::ZERO, name: "e".into(), data })
    });
    let events = events.collect::<Result<_>>()?;
    let output = vec![u.arbitrary()?; u.int_in_range(0..=40usize)?];
    Ok(Receipt { status: Status::Success, output, gas_used: u.arbitrary()?, gas_refunded: 0, events })
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(6);
    let mut seeds = vec![];
    for (mode, name) in [(1u8, "state"), (2, "receipts")] {
        for index in 0..6 {
            seeds.push((format!("{name}-{index:02}"), [&[mode][..], &inputs.bytes(300)].concat()));
        }
    }
    for (name, bytes) in crate::vectors::bytes("proofs") {
        seeds.push((format!("vector-{name}"), [&[0][..], &bytes].concat()));
    }
    seeds
}
