//! What a proof consists of, counted from its bytes (`docs/format.md` section 7): for the bound that its size is
//! compared with.

#![allow(dead_code, unreachable_pub, reason = "a module of two benchmarks")]

/// How much of a proof no encoding could leave out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts {
    /// Leaves shown.
    pub leaves: usize,
    /// Hashes of what is not shown.
    pub hashes: usize,
    /// Bytes of keys, whole, and of values or their hashes.
    pub entry_bytes: usize,
}

impl Parts {
    /// The bytes of hashes, keys and values.
    pub fn least(&self) -> usize {
        self.hashes * 32 + self.entry_bytes
    }

    /// How many forks have to be hashed again when every leaf changes.
    pub fn forks(&self) -> usize {
        self.leaves + self.hashes - 1
    }

    /// Counts the parts of `proof`, which must be a good one.
    pub fn of(proof: &[u8]) -> Self {
        let (mut parts, mut at) = (Self::default(), 0);
        // The forks above, with whether their right side has begun; the last key; the highest fork passed since.
        let (mut above, mut last, mut fork): (Vec<(u16, bool)>, Vec<u8>, u16) = (vec![], vec![], u16::MAX);
        loop {
            let tag = proof[at];
            at += 1;
            match tag {
                1 => {
                    at += 32;
                    parts.hashes += 1;
                }
                2 | 3 => {
                    let shared = if parts.leaves == 0 { 0 } else { usize::from(fork / 8) };
                    last.truncate(shared);
                    let first = last.first().copied().unwrap_or(proof[at]);
                    let own = vm_core::KeySpace::from_tag(first).unwrap().key_len() - shared;
                    last.extend_from_slice(&proof[at..at + own]);
                    at += own;
                    let value = if tag == 2 {
                        32
                    } else {
                        use parity_scale_codec::{Compact, Decode};
                        let mut rest = &proof[at..];
                        let before = rest.len();
                        let Compact(len) = Compact::<u32>::decode(&mut rest).unwrap();
                        at += before - rest.len();
                        usize::try_from(len).unwrap()
                    };
                    at += value;
                    parts.entry_bytes += last.len() + value;
                    parts.leaves += 1;
                    fork = u16::MAX;
                }
                4..=254 => {
                    let below = above.last().map_or(0, |(bit, _)| bit + 1);
                    above.push((below + u16::from(tag - 4), false));
                    continue;
                }
                255 => {
                    let below = above.last().map_or(0, |(bit, _)| bit + 1);
                    above.push((below + u16::from_be_bytes([proof[at], proof[at + 1]]), false));
                    at += 2;
                    continue;
                }
                other => panic!("tag {other}"),
            }
            // Up to the last fork whose right side is still to come.
            while above.pop_if(|(_, right)| *right).is_some() {}
            let Some((bit, right)) = above.last_mut() else { break };
            *right = true;
            fork = fork.min(*bit);
        }
        assert_eq!(at, proof.len(), "the proof was counted to its end");
        parts
    }
}
