//! The example of docs/format.md section 7, read from the page: another team would check itself by it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::default_numeric_fallback,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests"
)]

mod naive;

use naive::part::{Asked, Part, Shown, entry_key_len, needed, pairs, part, read};
use naive::{Entries, of, val, whole_view};
use parity_scale_codec::Encode;
use vm_core::{Account, Address, Hash, Key, ObjectId, ObjectMeta, OwnedObject, Policy, Stamp, System};
use vm_state::{ProofRequest, View, prove, verify};

const PAGE: &str = include_str!("../../docs/format.md");

/// What the page gives in hex.
#[derive(Debug, Default)]
struct Example {
    entries: Vec<Entry>,
    root: Vec<u8>,
    have: Vec<u8>,
    lack: Vec<u8>,
    proof: Vec<u8>,
    /// The bits that the proof's comments name, one per fork.
    forks: Vec<usize>,
}

#[derive(Debug, Default)]
struct Entry {
    key: Vec<u8>,
    value: Vec<u8>,
    leaf: Vec<u8>,
}

/// Lines are a name in seven columns, hex, and after two spaces a comment; without a name they continue the last.
fn example() -> Example {
    let (_, rest) = PAGE.split_once("**Example.**").unwrap();
    let (_, rest) = rest.split_once("```text\n").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let mut example = Example::default();
    let mut last = "";
    for line in block.lines().filter(|line| !line.is_empty()) {
        let (name, rest) = line.split_at(7);
        last = if name.trim().is_empty() { last } else { name.trim() };
        if last == "entry" {
            example.entries.push(Entry::default());
            continue;
        }
        let (digits, comment) = rest.split_once("  ").unwrap_or((rest, ""));
        if let Some(fork) = comment.strip_prefix("fork at bit ") {
            let number = fork.split(':').next().unwrap();
            example.forks.push(number.parse().unwrap());
        }
        let entry = example.entries.last_mut();
        let field = match last {
            "key" => &mut entry.unwrap().key,
            "value" => &mut entry.unwrap().value,
            "leaf" => &mut entry.unwrap().leaf,
            "root" => &mut example.root,
            "have" => &mut example.have,
            "lack" => &mut example.lack,
            "proof" => &mut example.proof,
            other => panic!("{other}: no name of the example"),
        };
        field.extend(unhex(digits));
    }
    example
}

fn unhex(digits: &str) -> Vec<u8> {
    assert_eq!(digits.len() % 2, 0, "{digits}");
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// What the comments of the example say its entries are.
fn described() -> Entries {
    let (one, two) = (Address([1; 32]), Address([2; 32]));
    let (contract, object) = (Address([0xcc; 32]), ObjectId([0x0b; 32]));
    let stamp = Stamp { height: 2, transaction: 1, index: 0 };
    let policy = Policy::Contract;
    let system =
        System { height: 2, time: 1_700_000_000_000, vm_version: 1, params: Hash([0xee; 32]), supply: 1500 };
    [
        (Key::account(&one), Account { nonce: 3, balance: 1000 }.encode()),
        (Key::account(&two), Account { nonce: 0, balance: 500 }.encode()),
        (Key::field(&object, b"balance"), 7u64.encode()),
        (Key::object(&object), ObjectMeta { contract, owner: one, policy, stamp }.encode()),
        (Key::system(), system.encode()),
        (Key::owned(&contract, &one, stamp), OwnedObject { object, policy }.encode()),
    ]
    .map(|(key, value)| (key, val(value)))
    .into()
}

#[test]
fn the_examples_entries_are_what_it_says() {
    let entries: Vec<_> =
        example().entries.into_iter().map(|entry| (of(entry.key), val(entry.value))).collect();
    assert_eq!(entries, described().into_iter().collect::<Vec<_>>());
}

#[test]
fn the_examples_hashes_and_proof_follow_from_its_entries_by_the_page_alone() {
    let example = example();
    for entry in &example.entries {
        let leaf = Part::Leaf(entry.key.clone(), Shown::Value(entry.value.clone()));
        assert_eq!(leaf.root().to_vec(), entry.leaf);
        assert_eq!(entry_key_len(entry.key[0]), Some(entry.key.len()));
    }
    let pairs = pairs(example.entries.iter().map(|entry| (entry.key.as_slice(), entry.value.as_slice())));
    let all = pairs.keys().map(|key| (key.clone(), true)).collect();
    assert_eq!(part(&pairs, &all).root().to_vec(), example.root);
    let asked = Asked { keys: vec![example.have, example.lack], searches: vec![] };
    assert_eq!(part(&pairs, &needed(&pairs, &asked)).write(), example.proof);
}

#[test]
fn the_examples_proof_shows_the_one_key_and_the_others_absence_by_the_page_alone() {
    let example = example();
    let part = read(&example.proof, entry_key_len).unwrap();
    assert_eq!(part.root().to_vec(), example.root);
    let value = &example.entries.iter().find(|entry| entry.key == example.have).unwrap().value;
    assert_eq!(part.leaf(&example.have), Some((example.have.as_slice(), &Shown::Value(value.clone()))));
    let (other, shown) = part.leaf(&example.lack).unwrap();
    assert_ne!(other, example.lack);
    assert!(matches!(shown, Shown::Hash(_)));
    assert!(example.entries.iter().all(|entry| entry.key != example.lack));
    assert_eq!(forks(&part), example.forks);
}

fn forks(part: &Part) -> Vec<usize> {
    match part {
        Part::Fork(at, left, right) => [vec![*at], forks(left), forks(right)].concat(),
        Part::Empty | Part::Hidden(_) | Part::Leaf(..) => Vec::new(),
    }
}

#[test]
fn the_examples_root_and_proof_are_the_products() {
    let example = example();
    let entries = described();
    let view = whole_view(&entries);
    assert_eq!(view.trie().root().0.to_vec(), example.root);
    let (have, lack) = (of(&example.have), of(&example.lack));
    assert_eq!(lack, Key::account(&Address([3; 32])));
    let mut request = ProofRequest::new();
    request.key(have).key(lack);
    assert_eq!(prove(&view, &request), Ok(example.proof.clone()));
    let shown = verify(&view.header().state_root, &request, &example.proof).unwrap();
    assert_eq!(shown.get(&have), Ok(entries.get(&have)));
    assert_eq!(shown.get(&lack), Ok(None));
}
