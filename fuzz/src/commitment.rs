//! Target `commitment`: the trie, held whole, over rows and under changes, against the root and the proofs that
//! `docs/format.md` defines.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use vm_core::Key;
use vm_state::{ChangeSet, ProofRequest, View, next_trie, prove, verify};

use crate::campaign::Inputs;
use crate::entries;
use crate::naive::part::{Asked, needed, pairs, part};
use crate::naive::state::{Entries, Rows, applied, next, on_top, root, whole, whole_view};

/// A state, blocks of changes, and what is asked of the state after each.
#[derive(Debug)]
struct Plan {
    keys: Vec<Key>,
    bucket: u32,
    entries: Entries,
    blocks: Vec<ChangeSet>,
    asked: Vec<Key>,
    searches: Vec<(Key, Key)>,
}

impl Plan {
    fn generate(u: &mut Unstructured<'_>) -> Result<Self> {
        let keys = entries::keys(u, 24)?;
        let bucket = *u.choose(&[1, 2, 3, 4, 16, 32])?;
        let entries = entries::entries(u, &keys)?;
        let blocks = u.int_in_range(0..=4u8)?;
        let blocks = (0..blocks).map(|_| entries::changes(u, &keys)).collect::<Result<_>>()?;
        let asked = u.int_in_range(0..=6u8)?;
        let asked = (0..asked)
            .map(|_| if u.ratio(3, 4)? { u.choose(&keys).copied() } else { entries::key(u) })
            .collect::<Result<_>>()?;
        let searches = u.int_in_range(0..=4u8)?;
        let searches = (0..searches)
            .map(|_| Ok((entries::prefix(u, &keys)?, entries::prefix(u, &keys)?)))
            .collect::<Result<_>>()?;
        Ok(Self { keys, bucket, entries, blocks, asked, searches })
    }
}

/// Runs the plan that `data` describes; panics where the trie is not the model.
pub fn commitment(data: &[u8]) {
    let Ok(plan) = Plan::generate(&mut Unstructured::new(data)) else { return };
    let mut model = plan.entries.clone();
    let rows: Arc<dyn View> = Arc::new(Rows::new(plan.bucket, &model));
    let mut views: Vec<Arc<dyn View>> = vec![Arc::new(whole_view(&model)), rows];
    shows(&plan, &views, &model);
    for changes in &plan.blocks {
        let after = applied(&model, changes);
        let expected = root(&after);
        // From rows that are asked for no more than a bucket, as a store's are.
        let strict = Rows::strict(plan.bucket, &model);
        assert_eq!(next_trie(&strict, changes).unwrap().root(), expected, "updated over rows");
        let before = whole(&model);
        assert_eq!(before.update(None, changes).unwrap().root(), expected, "updated without a view");
        views = views.iter().map(|view| on_top(view, changes)).collect();
        model = after;
        shows(&plan, &views, &model);
    }
}

/// Every view has the model's root, entries and proofs.
fn shows(plan: &Plan, views: &[Arc<dyn View>], model: &Entries) {
    let expected = root(model);
    let mut request = ProofRequest::new();
    let mut asked = Asked::default();
    for key in &plan.asked {
        request.key(*key);
        asked.keys.push(key.as_bytes().to_vec());
    }
    for (prefix, from) in &plan.searches {
        request.search(*prefix, *from);
        asked.searches.push((prefix.as_bytes().to_vec(), from.as_bytes().to_vec()));
    }
    let all = pairs(model.iter().map(|(key, value)| (key.as_bytes(), value.as_slice())));
    let proof = part(&all, &needed(&all, &asked)).write();
    for view in views {
        assert_eq!(view.trie().root(), expected, "the root is the definition's");
        for key in &plan.keys {
            assert_eq!(view.get(key).unwrap().as_ref(), model.get(key), "{key:?}");
        }
        for (prefix, from) in &plan.searches {
            let found = view.next(prefix, from).unwrap();
            let own = next(model, prefix, from).map(|(key, value)| (*key, value.clone()));
            assert_eq!(found, own, "under {prefix:?} from {from:?}");
        }
        assert_eq!(prove(&**view, &request).unwrap(), proof, "the proof is the definition's");
    }
    let shown = verify(&expected, &request, &proof).unwrap();
    for key in &plan.asked {
        assert_eq!(shown.get(key).unwrap(), model.get(key), "{key:?} by its proof");
    }
    for (prefix, from) in &plan.searches {
        assert_eq!(shown.next(prefix, from).unwrap(), next(model, prefix, from), "a search by its proof");
    }
}

pub(crate) fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut inputs = Inputs::new(4);
    (0..16).map(|index| (format!("seed-{index:02}"), inputs.bytes(400))).collect()
}
