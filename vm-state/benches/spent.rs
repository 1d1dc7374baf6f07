//! CPU and elapsed time of what may wait for a disk.

#![allow(dead_code, unreachable_pub, reason = "a module of several benchmarks")]

use std::hint::black_box;
use std::ops::{Add, Sub};
use std::sync::LazyLock;
use std::time::Instant;

use cpu_time::ThreadTime;

/// CPU time of one thread and elapsed time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    pub cpu: f64,
    pub elapsed: f64,
}

impl Spent {
    /// What this thread has spent since it began, and the process since its first look at the clock: for differences
    /// between two points of one thread.
    pub fn so_far() -> Self {
        static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
        let elapsed = FIRST.elapsed().as_nanos() as f64;
        Self { cpu: ThreadTime::now().as_duration().as_nanos() as f64, elapsed }
    }
}

impl Add for Spent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { cpu: self.cpu + other.cpu, elapsed: self.elapsed + other.elapsed }
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { cpu: self.cpu - other.cpu, elapsed: self.elapsed - other.elapsed }
    }
}

pub fn time<T>(run: impl FnOnce() -> T) -> Spent {
    let start = Spent::so_far();
    // What is given back is dropped within the time: freeing is part of the cost.
    drop(black_box(run()));
    Spent::so_far() - start
}

/// The median, and half the distance between the quartiles as a share of it.
pub fn median(mut samples: Vec<f64>) -> (f64, f64) {
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    (at(0.5), (at(0.75) - at(0.25)) / 2.0 / at(0.5))
}
