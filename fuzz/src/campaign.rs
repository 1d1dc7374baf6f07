//! Inputs: the committed corpus, and bytes from a seed.

use std::path::PathBuf;

use crate::Target;

/// Pseudo-random inputs (xorshift): the same seed gives the same inputs everywhere.
#[derive(Clone, Debug)]
pub struct Inputs(u64);

impl Inputs {
    /// The inputs of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % u64::try_from(bound).unwrap()).unwrap()
    }

    /// At most `most` bytes.
    pub fn bytes(&mut self, most: usize) -> Vec<u8> {
        let len = self.below(most + 1);
        (0..len).map(|_| self.number().to_le_bytes()[3]).collect()
    }

    /// A mutation of `bytes`: a few bytes set, removed, repeated, or taken from `other`.
    pub fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let len = self.below(9).min(bytes.len() - at);
            match self.below(5) {
                0 if at < bytes.len() => bytes[at] = self.number().to_le_bytes()[2],
                1 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.drain(at..at + len)),
                3 => {
                    let part = bytes[at..at + len].to_vec();
                    bytes.splice(at..at, part);
                }
                _ if !other.is_empty() => {
                    let from = self.below(other.len());
                    let part = other[from..(from + len).min(other.len())].to_vec();
                    bytes.splice(at..at + part.len().min(bytes.len() - at), part);
                }
                _ => (),
            }
        }
        bytes
    }
}

/// The folder of a target's committed corpus.
#[must_use]
pub fn corpus(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name)
}

/// Has `body` make what its first input makes (worlds, blocks, translated modules), before libFuzzer looks at the clock:
/// an input that takes long is a finding.
pub fn prepare(body: fn(&[u8])) {
    body(&[0; 64]);
}

/// Runs `target` over its corpus in the order of the file names; returns the inputs.
///
/// # Panics
///
/// If the corpus can't be read, or an invariant breaks: the file's name is printed first.
#[must_use]
pub fn run_corpus(target: &Target) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(corpus(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut inputs = vec![];
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        if std::panic::catch_unwind(|| (target.body)(&bytes)).is_err() {
            panic!("{} fails on {}", target.name, file.display());
        }
        inputs.push(bytes);
    }
    inputs
}
