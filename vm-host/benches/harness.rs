//! Figures beside their floor, measured in alternation.
#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part")]

use cpu_time::ThreadTime;

/// Rounds per figure; the median is reported.
pub const ROUNDS: usize = 15;

/// One measured thing: nanoseconds of CPU time per operation.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    pub median: f64,
    /// Half the distance between the quartiles, as a share of the median.
    pub spread: f64,
}

pub fn figure(mut samples: Vec<f64>) -> Figure {
    samples.sort_by(f64::total_cmp);
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize];
    Figure { median: at(0.5), spread: (at(0.75) - at(0.25)) / 2.0 / at(0.5) }
}

/// Times `ours` and `floor` in alternation; each returns how many operations it did.
pub fn beside(mut ours: impl FnMut() -> u64, mut floor: impl FnMut() -> u64) -> (Figure, Figure) {
    let time = |run: &mut dyn FnMut() -> u64| {
        let start = ThreadTime::now();
        let operations = run();
        start.elapsed().as_nanos() as f64 / operations as f64
    };
    let (mut a, mut b) = (vec![], vec![]);
    for round in 0..=ROUNDS {
        let (x, y) = (time(&mut ours), time(&mut floor));
        // The first round warms caches up.
        if round > 0 {
            a.push(x);
            b.push(y);
        }
    }
    (figure(a), figure(b))
}

pub fn header() {
    println!("{:<58} {:>12} {:>7} {:>12} {:>7}  aim", "name", "ns", "+-", "floor ns", "ratio");
}

pub fn line(name: &str, ours: Figure, floor: Option<f64>, aim: &str) {
    let (floor_text, ratio) = match floor {
        Some(floor) => (format!("{floor:.1}"), format!("{:.2}", ours.median / floor)),
        None => (String::new(), String::new()),
    };
    println!(
        "{name:<58} {:>12.1} {:>6.1}% {floor_text:>12} {ratio:>7}  {aim}",
        ours.median,
        ours.spread * 100.0
    );
}
