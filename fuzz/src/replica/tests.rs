use std::collections::BTreeMap;

use super::*;

/// A target that never gets anywhere finds nothing.
#[test]
fn the_corpus_reaches_every_answer() {
    const ANSWERS: [&str; 32] = [
        "built empty",
        "built of a part",
        "built of all",
        "built on an unknown block",
        "built up to the bounds",
        "bytes of a block",
        "bytes of no block",
        "commit: already",
        "commit: beside the tip",
        "commit: conflict",
        "commit: diverged",
        "commit: gap",
        "commit: new",
        "edited: on an unknown block",
        "edited: out of bounds",
        "edited: refused",
        "edited: valid",
        "executed: claim",
        "executed: final",
        "executed: invalid",
        "executed: known",
        "executed: superseded",
        "executed: unauthorized",
        "executed: unknown parent",
        "executed: valid",
        "outcomes dropped",
        "refused: invalid",
        "refused: nonce",
        "refused: too much",
        "refused: unauthorized",
        "reopened",
        "replayed",
    ];
    let mut count: BTreeMap<&str, u32> = BTreeMap::new();
    for (_, bytes) in seeds() {
        for answer in run(&bytes) {
            *count.entry(answer).or_default() += 1;
        }
    }
    assert_eq!(count.keys().copied().collect::<Vec<_>>(), ANSWERS, "{count:?}");
}
