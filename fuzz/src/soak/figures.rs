//! What a soak has done so far: kept in a file, so that it goes on where it was stopped.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::message::{Said, Step};
use super::stop::Stop;

/// The worker's memory at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Which worker, from 1.
    pub life: u64,
    /// How many blocks it had committed.
    pub blocks: u64,
    /// What it held of memory (VmRSS).
    pub rss_kib: u64,
    /// Live entries of its state.
    pub entries: u64,
}

/// What a soak has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// What its blocks are made from.
    pub seed: u64,
    /// How long it has run.
    pub millis: u64,
    /// Workers that were started.
    pub lives: u64,
    /// Workers that were killed.
    pub kills: u64,
    /// Kills in the midst of a commit or rollback of which nothing was found then.
    pub found_undone: u64,
    /// Those of which all was found.
    pub found_done: u64,
    /// Blocks that were executed in all ways, a light node's among them.
    pub executed: u64,
    /// Blocks that were durable.
    pub commits: u64,
    /// Transactions in those.
    pub transactions: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Gas that those used.
    pub gas: u64,
    /// Rollbacks that were durable.
    pub rollbacks: u64,
    /// Prunings that were durable.
    pub prunings: u64,
    /// Blocks that were executed once more on a past state.
    pub revisited: u64,
    /// Second stores from snapshots.
    pub restored: u64,
    /// The head.
    pub height: u64,
    /// Live entries at the head.
    pub entries: u64,
    /// The store's size when it was made, 0 before that, and now.
    pub store_bytes: (u64, u64),
    /// The most that a worker held of memory.
    pub peak_kib: u64,
    /// Memory after so many blocks of each life that got there.
    pub alike: Vec<Sample>,
    /// Memory in the stretch without kills.
    pub quiet: Vec<Sample>,
    /// How long that stretch was so far.
    pub quiet_millis: u64,
    /// Hashes of the blocks near the head, as text.
    pub blocks: BTreeMap<u64, String>,
}

/// Mebibytes with a digit behind the point.
fn mib(kib: u64) -> String {
    format!("{}.{}", kib / 1_024, kib % 1_024 * 10 / 1_024)
}

/// The mean of memory and entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mean {
    pub(super) rss_kib: u64,
    pub(super) entries: u64,
}

fn mean(samples: &[Sample]) -> Option<Mean> {
    let count = u64::try_from(samples.len()).unwrap();
    let sum = |of: fn(&Sample) -> u64| samples.iter().map(of).sum::<u64>().checked_div(count);
    Some(Mean { rss_kib: sum(|sample| sample.rss_kib)?, entries: sum(|sample| sample.entries)? })
}

/// Memory may differ by so much between the first and the last quarter of a quiet stretch: the allocator's and redb's
/// cache's own ups and downs are 2 MiB.
const GROWTH_KIB_MAX: u64 = 8 << 10;
/// A quiet stretch shorter than this says nothing of growth.
const QUIET_MILLIS_MIN: u64 = 10 * 60_000;

impl Figures {
    /// The file in a soak's folder.
    pub(super) fn path(folder: &Path) -> PathBuf {
        folder.join("figures.json")
    }

    /// Reads them; `None` if there are none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>, Stop> {
        let path = Self::path(folder);
        let at = path.display().to_string();
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|cause| Stop::Left {
                at,
                cause: format!("these are no figures of a soak: {cause}"),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Stop::machine(format_args!("read {at}"))(error)),
        }
    }

    /// Those of the soak in `folder`.
    ///
    /// # Errors
    ///
    /// [`Stop::Left`] if there are none, or they can't be read.
    pub fn of(folder: &Path) -> Result<Self, Stop> {
        let at = folder.display().to_string();
        Self::read(folder)?.ok_or(Stop::Left { at, cause: "there is no soak".into() })
    }

    /// Writes them, wholly or not at all.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Stop> {
        let (path, part) = (Self::path(folder), folder.join("figures.part"));
        let text = serde_json::to_string_pretty(self).unwrap();
        let written = fs::write(&part, text).and_then(|()| fs::rename(&part, &path));
        written.map_err(Stop::machine(format_args!("write {}", path.display())))
    }

    /// Counts what the worker says.
    pub(super) fn hear(&mut self, said: &Said) {
        match said {
            Said::Begun(Step::Commit(_)) => self.executed += 1,
            Said::Committed { name, transactions, succeeded, gas, entries } => {
                self.commits += 1;
                self.transactions += transactions;
                self.succeeded += succeeded;
                self.gas += gas;
                (self.height, self.entries) = (name.height, *entries);
            }
            Said::Rolled(name) => {
                self.rollbacks += 1;
                self.height = name.height;
            }
            Said::Pruned(_) => self.prunings += 1,
            Said::Revisited(_) => self.revisited += 1,
            Said::Restored { .. } => self.restored += 1,
            Said::Opened(name) => self.height = name.height,
            Said::Has(_) | Said::Begun(_) | Said::Done | Said::Found(_) => (),
        }
    }

    /// The first life's memory since the state has its size, within a tenth, and the last life's.
    fn settled(&self) -> Option<(&Sample, &Sample)> {
        let last = self.alike.last()?;
        let first = self.alike.iter().find(|sample| sample.entries * 10 >= last.entries * 9)?;
        Some((first, last))
    }

    /// Means of the first and the last quarter of the quiet stretch's samples.
    pub(super) fn quarters(&self) -> Option<(Mean, Mean)> {
        let quarter = self.quiet.len() / 4;
        let last = self.quiet.len() - quarter;
        Some((mean(&self.quiet[..quarter])?, mean(&self.quiet[last..])?))
    }

    /// Refuses growth.
    ///
    /// # Errors
    ///
    /// [`Stop::Grows`] if memory grew in a quiet stretch of ten minutes or more.
    pub(super) fn check_flat(&self) -> Result<(), Stop> {
        let Some((first, last)) = self.quarters().filter(|_| self.quiet_millis >= QUIET_MILLIS_MIN) else {
            return Ok(());
        };
        if last.rss_kib <= first.rss_kib + GROWTH_KIB_MAX {
            return Ok(());
        }
        Err(Stop::Grows {
            minutes: self.quiet_millis / 60_000,
            first_kib: first.rss_kib,
            last_kib: last.rss_kib,
            entries_first: first.entries,
            entries_last: last.entries,
        })
    }

    /// A line for people.
    pub(super) fn line(&self, rss_kib: u64) -> String {
        format!(
            "{} s: height {}, {} blocks, {} transactions, {} Mgas, {} rollbacks, {} restored, {} revisited, {} kills; \
             {} entries, store {} KiB, memory {} KiB (peak {})",
            self.millis / 1_000,
            self.height,
            self.executed,
            self.transactions,
            self.gas / 1_000_000,
            self.rollbacks,
            self.restored,
            self.revisited,
            self.kills,
            self.entries,
            self.store_bytes.1 >> 10,
            rss_kib,
            self.peak_kib,
        )
    }

    /// What it came to, for people: totals, then memory at like points.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut text = self.line(self.quiet.last().map_or(0, |sample| sample.rss_kib));
        let lives = |samples: &[Sample]| -> String {
            let shown = |sample: &Sample| format!("{} MiB ({} entries)", mib(sample.rss_kib), sample.entries);
            samples.iter().map(shown).collect::<Vec<_>>().join(", ")
        };
        text += &format!(
            "\n{} transactions succeeded; {} kills hit a commit or rollback, which was found undone, {} done",
            self.succeeded, self.found_undone, self.found_done
        );
        let (first, last) = self.alike.split_at(self.alike.len().min(5));
        let last = &last[last.len().saturating_sub(5)..];
        text += &format!("\nmemory of a worker after its first blocks, first lives: {}", lives(first));
        text += &format!("\nmemory of a worker after its first blocks, last lives: {}", lives(last));
        if let Some((first, last)) = self.quarters() {
            text += &format!(
                "\nmemory in {} minutes without a kill, means of the first and last quarter of {} samples: \
                 {} MiB ({} entries), {} MiB ({} entries)",
                self.quiet_millis / 60_000,
                self.quiet.len(),
                mib(first.rss_kib),
                first.entries,
                mib(last.rss_kib),
                last.entries
            );
        }
        text
    }

    /// The row of README.md's table, behind date and commit.
    #[must_use]
    pub fn row(&self, findings: &str) -> String {
        let alike = self.settled().map_or("-".into(), |(first, last)| {
            let lives = format!("lives {} / {}", first.life, last.life);
            let (rss_first, rss_last) = (mib(first.rss_kib), mib(last.rss_kib));
            format!("{lives}: {rss_first} / {rss_last} MiB, {} / {} entries", first.entries, last.entries)
        });
        let quiet = self.quarters().map_or("-".into(), |(first, last)| {
            format!(
                "{} min: {} / {} MiB, {} / {} entries",
                self.quiet_millis / 60_000,
                mib(first.rss_kib),
                mib(last.rss_kib),
                first.entries,
                last.entries
            )
        });
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} MiB | {alike} | {quiet} | {} / {} MiB | \
             {findings} |",
            self.seed,
            self.millis / 60_000,
            self.executed,
            self.transactions,
            self.gas / 1_000_000,
            self.commits,
            self.rollbacks,
            self.restored,
            self.kills,
            self.executed,
            mib(self.peak_kib),
            mib(self.store_bytes.0 >> 10),
            mib(self.store_bytes.1 >> 10),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_quiet(millis: u64, rss: impl Fn(u64) -> u64) -> Figures {
        let sample = |at| Sample { life: 3, blocks: at * 100, rss_kib: rss(at), entries: 20_000 };
        Figures { quiet: (0..40).map(sample).collect(), quiet_millis: millis, ..Figures::default() }
    }

    #[test]
    fn growth_is_reported_and_ups_and_downs_are_not() {
        let leak = with_quiet(900_000, |at| 100_000 + at * 1_000);
        let text = leak.check_flat().unwrap_err().to_string();
        assert!(
            text.contains("in 15 minutes without a kill the worker grew from 104500 to 134500 KiB"),
            "{text}"
        );
        with_quiet(900_000, |at| 100_000 + at % 7 * 3_000).check_flat().unwrap();
        // Too short to say anything.
        with_quiet(60_000, |at| 100_000 + at * 1_000).check_flat().unwrap();
        Figures::default().check_flat().unwrap();
    }

    #[test]
    fn lives_are_compared_once_the_state_has_its_size() {
        let sample = |life, entries| Sample { life, blocks: 150, rss_kib: 1_024 * life, entries };
        let alike = vec![sample(1, 500), sample(2, 17_900), sample(3, 18_100), sample(4, 20_000)];
        let figures = Figures { alike, ..Figures::default() };
        let row = figures.row("none");
        assert!(row.contains("| lives 3 / 4: 3.0 / 4.0 MiB, 18100 / 20000 entries |"), "{row}");
    }

    #[test]
    fn the_row_has_a_column_for_each_of_the_table() {
        let readme = include_str!("../../README.md");
        let columns = |line: &str| line.matches('|').count();
        let header =
            readme.lines().skip_while(|line| *line != "## Soak").find(|line| line.starts_with("| date"));
        let row = with_quiet(900_000, |_| 1_024).row("none");
        // Date and commit are the script's.
        assert_eq!(columns(&row) + 2, columns(header.unwrap()), "{row}");
    }
}
