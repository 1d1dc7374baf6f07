//! How much decoders hold, measured: what bytes from elsewhere can make a node allocate is a small multiple of them.
#![allow(clippy::unwrap_used, reason = "tests")]

use peak_alloc::PeakAlloc;
use vm_core::{Address, Hash, Header, Key, ObjectId};
use vm_state::{ProofError, ProofRequest, TrieBuilder, TrieView, Value, prove, verify, verify_chunk};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What one path takes, and what the test itself does beside.
const FIXED: usize = 64 << 10;

/// The most bytes that were in use at a time while `run` ran, beyond those before.
fn peak_of(run: impl FnOnce()) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    run();
    MEMORY.peak_usage() - before
}

fn decode(bytes: &[u8]) {
    let nothing = ProofRequest::new();
    drop(verify(&Hash::ZERO, &nothing, bytes));
    drop(verify_chunk(&Hash::ZERO, None, bytes));
}

/// Neighbouring entries without values: the most entries for their bytes.
fn many_entries() -> Vec<u8> {
    let mut keys: Vec<Key> = (0..=u16::MAX)
        .map(|number| {
            let mut id = [0xff; 32];
            id[30..].copy_from_slice(&number.to_be_bytes());
            Key::object(&ObjectId(id))
        })
        .collect();
    keys.sort_unstable();
    let (mut builder, mut request) = (TrieBuilder::new(), ProofRequest::new());
    for key in keys {
        builder.push(&key, &Value::new()).unwrap();
        request.key(key);
    }
    let trie = builder.finish();
    let header = Header {
        parent: Hash::ZERO,
        height: 0,
        time: 0,
        proposer: Address::ZERO,
        vm_version: 0,
        params: Hash::ZERO,
        transactions_root: Hash::ZERO,
        state_root: trie.root(),
        receipts_root: Hash::ZERO,
        gas_used: 0,
    };
    prove(&TrieView::new(header, trie).unwrap(), &request).unwrap()
}

/// One test, so that no other allocates meanwhile.
#[test]
fn r91_r122_decoders_hold_at_most_100_bytes_for_each_of_theirs() {
    let mut inputs: Vec<(String, Vec<u8>)> = vec![
        ("forks all the way down".into(), vec![4; 100_000]),
        ("a value of 4 GiB".into(), [&[3, b's', 3][..], &[0xff; 4]].concat()),
        (
            "a value of 1 GiB less than its bytes".into(),
            [&[3, b's', 0xfe, 0xff, 0xff, 0xff][..], &[0; 1_000]].concat(),
        ),
        ("many entries".into(), many_entries()),
    ];
    for name in ["proof_decoder", "witness_decoder"] {
        for bytes in vm_fuzz::run_corpus(vm_fuzz::target(name).unwrap()) {
            inputs.push((name.into(), bytes));
        }
    }
    let entries = &inputs[3].1;
    assert!(entries.len() > 3 << 16, "each entry takes three bytes or more");
    assert!(matches!(
        verify(&Hash::ZERO, &ProofRequest::new(), entries),
        Err(ProofError::RootMismatch { .. })
    ));
    let mut most = 0;
    for (name, bytes) in &inputs {
        for at in [0, 1] {
            let bytes = bytes.get(at..).unwrap_or_default();
            let peak = peak_of(|| decode(bytes));
            let limit = 100 * bytes.len() + FIXED;
            assert!(peak <= limit, "{name}: {peak} bytes for {}", bytes.len());
            most = most.max(peak / (bytes.len() + 1_000));
        }
    }
    assert!(most >= 20, "{most}: the measurement sees what is decoded");
}
