//! The ten steps, and who is told of them.

use std::time::{Duration, Instant};

use super::error::BuildError;
use super::finding::Finding;

/// A step of a build, in order (R70).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Read the crate.
    Read,
    /// Validate the source.
    Validate,
    /// Extract the interface.
    Interface,
    /// Generate entry points.
    Entries,
    /// Prepare a hermetic build.
    Prepare,
    /// Compile.
    Compile,
    /// Optimise.
    Optimise,
    /// Validate the module.
    Check,
    /// Store the artefact.
    Store,
    /// Print code hash and address.
    Name,
}

impl Step {
    /// Its number, from 1.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Validate => 2,
            Self::Interface => 3,
            Self::Entries => 4,
            Self::Prepare => 5,
            Self::Compile => 6,
            Self::Optimise => 7,
            Self::Check => 8,
            Self::Store => 9,
            Self::Name => 10,
        }
    }

    /// What it does.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Read => "read the crate",
            Self::Validate => "validate the source",
            Self::Interface => "extract the interface",
            Self::Entries => "generate entry points",
            Self::Prepare => "prepare a hermetic build",
            Self::Compile => "compile",
            Self::Optimise => "optimise",
            Self::Check => "validate the module",
            Self::Store => "store the artefact",
            Self::Name => "code hash",
        }
    }
}

/// A step that came to its end.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which.
    pub step: Step,
    /// How long it took.
    pub took: Duration,
    /// What came of it, in a few words.
    pub said: String,
}

/// Who is told what a build does, while it does it.
pub trait Observer {
    /// A step begins.
    fn begin(&mut self, step: Step);
    /// It has ended, well.
    fn done(&mut self, done: &Done);
    /// It has failed.
    fn failed(&mut self, step: Step);
    /// The source breaks rules.
    fn findings(&mut self, findings: &[Finding]);
    /// rustc has something to say, be the crate compiled or not.
    fn compiler(&mut self, words: &str);
}

/// Runs steps, takes their times, tells the observer.
pub struct Steps<'a> {
    observer: &'a mut dyn Observer,
    done: Vec<Done>,
}

impl std::fmt::Debug for Steps<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Steps").field("done", &self.done).finish_non_exhaustive()
    }
}

impl<'a> Steps<'a> {
    /// None has run.
    pub fn new(observer: &'a mut dyn Observer) -> Self {
        Self { observer, done: Vec::new() }
    }

    /// The observer.
    pub fn observer(&mut self) -> &mut dyn Observer {
        self.observer
    }

    /// Those that ended well, in order.
    #[must_use]
    pub fn done(&self) -> &[Done] {
        &self.done
    }

    /// Runs a step, which gives its result and what is to be said of it.
    pub(crate) fn run<T>(
        &mut self,
        step: Step,
        work: impl FnOnce() -> Result<(T, String), BuildError>,
    ) -> Result<T, BuildError> {
        self.observer.begin(step);
        let start = Instant::now();
        match work() {
            Ok((result, said)) => {
                let done = Done { step, took: start.elapsed(), said };
                self.observer.done(&done);
                self.done.push(done);
                Ok(result)
            }
            Err(error) => {
                self.observer.failed(step);
                Err(error)
            }
        }
    }
}
