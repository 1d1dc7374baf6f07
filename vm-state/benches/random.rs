//! Random numbers that are the same in every run.

#![allow(dead_code, unreachable_pub, reason = "a module of several benchmarks")]

/// A generator of its own (splitmix64).
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// `count` different numbers below `end`, ascending.
    pub fn pick(&mut self, count: u64, end: u64) -> Vec<u64> {
        let mut picked = std::collections::BTreeSet::new();
        while (picked.len() as u64) < count {
            picked.insert(self.below(end));
        }
        picked.into_iter().collect()
    }
}
