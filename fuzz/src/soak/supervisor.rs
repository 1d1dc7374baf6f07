//! Starts the worker, kills it, and compares what it finds then with what it had said.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::course::{Course, Hit};
use super::figures::{Figures, Sample};
use super::message::Said;
use super::stop::Stop;
use super::worker::{create, store_path};
use crate::campaign::Inputs;

const SIGKILL: i32 = 9;
/// After so many blocks of its life a worker's memory is compared with other lives'.
const ALIKE_AT: u64 = 150;
/// How often memory is read, and figures are written.
const TICK: Duration = Duration::from_secs(1);
const TICKS_A_WRITE: u64 = 5;
const TICKS_A_SAMPLE: u64 = 15;
/// A worker that lives in peace is not measured before this: caches fill.
const WARM_UP: Duration = Duration::from_secs(120);
/// Shorter soaks have no stretch without kills.
const QUIET_FROM: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program that works when it is told `worker`.
    pub program: PathBuf,
    /// Where the store and the figures are.
    pub folder: PathBuf,
    /// How long it takes in all, earlier runs included.
    pub time: Duration,
    /// What blocks are made from, where nothing was begun yet.
    pub seed: u64,
    /// How long a worker lives at most before it is killed.
    pub life: Duration,
    /// A worker that commits nothing for so long hangs.
    pub silence: Duration,
}

impl Plan {
    /// From when to when there are no kills: a quarter of the time, a little before its middle.
    fn quiet(&self) -> (Duration, Duration) {
        if self.time < QUIET_FROM {
            return (self.time, self.time);
        }
        let from = self.time * 7 / 20;
        (from, from + self.time / 4)
    }
}

/// Runs a soak, or goes on with it, until its time is full; gives its figures.
///
/// # Errors
///
/// [`Stop`]. The store and the figures stay where they are.
pub fn supervise(plan: &Plan) -> Result<Figures, Stop> {
    let mut supervisor = Supervisor::begin(plan)?;
    let done = supervisor.run();
    let written = supervisor.write();
    // What was found counts, also where it can't be written down.
    done.and(written).map(|()| supervisor.figures)
}

struct Supervisor<'p> {
    plan: &'p Plan,
    figures: Figures,
    course: Course,
    dice: Inputs,
    /// What the figures had when this run began, and when that was.
    before: Duration,
    began: Instant,
    /// Printed last, in minutes.
    printed: u64,
}

/// How a worker's life goes.
struct Life {
    process: Child,
    lines: Receiver<String>,
    began: Instant,
    /// When it last committed a block, or began.
    heard: Instant,
    /// Blocks that it committed.
    blocks: u64,
    rss_kib: u64,
    /// Whether it is let live, and measured.
    quiet: bool,
}

impl<'p> Supervisor<'p> {
    fn begin(plan: &'p Plan) -> Result<Self, Stop> {
        let mut figures = match Figures::read(&plan.folder)? {
            Some(figures) => figures,
            None => Self::take(plan)?,
        };
        if figures.store_bytes.0 == 0 {
            create(&plan.folder)?;
            let size = store_bytes(&plan.folder)?;
            figures.store_bytes = (size, size);
            figures.write(&plan.folder)?;
        }
        let mut blocks = BTreeMap::new();
        for (height, hash) in &figures.blocks {
            let hash = hash.parse().map_err(|_| Stop::Left {
                at: Figures::path(&plan.folder).display().to_string(),
                cause: format!("the hash of block {height} is none"),
            })?;
            blocks.insert(*height, hash);
        }
        println!("seed {}, from second {} on", figures.seed, figures.millis / 1_000);
        let (before, printed) = (Duration::from_millis(figures.millis), figures.millis / 60_000);
        let dice = Inputs::new(figures.seed ^ figures.lives);
        let course = Course::known(blocks);
        Ok(Self { plan, figures, course, dice, before, began: Instant::now(), printed })
    }

    /// Takes a folder that is not there, or empty. Its store is not made yet.
    fn take(plan: &Plan) -> Result<Figures, Stop> {
        let at = plan.folder.display().to_string();
        fs::create_dir_all(&plan.folder).map_err(Stop::machine(format_args!("make {at}")))?;
        let held = fs::read_dir(&plan.folder).map_err(Stop::machine(format_args!("read {at}")))?.next();
        if held.is_some() {
            return Err(Stop::Left { at, cause: "the folder holds something, and no soak".into() });
        }
        let figures = Figures { seed: plan.seed, ..Figures::default() };
        figures.write(&plan.folder)?;
        Ok(figures)
    }

    fn run(&mut self) -> Result<(), Stop> {
        while self.elapsed() < self.plan.time {
            self.live()?;
        }
        self.check()?;
        self.figures.check_flat()
    }

    fn elapsed(&self) -> Duration {
        self.before + self.began.elapsed()
    }

    fn write(&mut self) -> Result<(), Stop> {
        let text = |(height, hash): (&u64, &vm_core::Hash)| (*height, hash.to_string());
        self.figures.blocks = self.course.blocks().iter().map(text).collect();
        self.figures.millis = u64::try_from(self.elapsed().as_millis()).unwrap();
        self.figures.store_bytes.1 = store_bytes(&self.plan.folder)?;
        self.figures.write(&self.plan.folder)
    }

    /// How long the next worker lives, and whether in peace.
    fn span(&mut self) -> (Duration, bool) {
        let (now, (from, to)) = (self.elapsed(), self.plan.quiet());
        if (from..to).contains(&now) {
            return (to - now, true);
        }
        let most = u64::try_from(self.plan.life.as_millis()).unwrap().max(10);
        // Of eight workers one is killed while it opens the store.
        let span = match self.dice.below(8) {
            0 => self.dice.number() % (most / 20 + 1),
            _ => most / 10 + self.dice.number() % (most * 9 / 10),
        };
        // The stretch without kills begins in time.
        let until = if now < from { from } else { self.plan.time };
        (Duration::from_millis(span).min(until.saturating_sub(now)), false)
    }

    fn start(&mut self, blocks: Option<u64>, quiet: bool) -> Result<Life, Stop> {
        self.figures.lives += 1;
        let mut command = Command::new(&self.plan.program);
        command.arg("worker").arg(&self.plan.folder);
        command.args(["--seed", &self.figures.seed.to_string(), "--life", &self.figures.lives.to_string()]);
        if let Some(blocks) = blocks {
            command.args(["--blocks", &blocks.to_string()]);
        }
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let action = format!("start {}", self.plan.program.display());
        let mut process = process.map_err(Stop::machine(action))?;
        let output = BufReader::new(process.stdout.take().unwrap());
        let (say, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        let now = Instant::now();
        Ok(Life { process, lines, began: now, heard: now, blocks: 0, rss_kib: 0, quiet })
    }

    /// A worker's life, until it is killed.
    fn live(&mut self) -> Result<(), Stop> {
        let (span, quiet) = self.span();
        let mut life = self.start(None, quiet)?;
        let lived = self.watch(&mut life, Some(span));
        // Whatever was found, no worker is left behind.
        life.process.kill().map_err(Stop::machine("kill the worker"))?;
        let rest: Vec<String> = life.lines.iter().collect();
        let status = life.process.wait().map_err(Stop::machine("wait for the worker"))?;
        lived?;
        for line in rest {
            self.hear(&mut life, &line)?;
        }
        if status.signal() != Some(SIGKILL) {
            return Err(self.died(status));
        }
        self.figures.kills += 1;
        self.write()
    }

    /// Has the store looked at once more, after the last kill.
    fn check(&mut self) -> Result<(), Stop> {
        let mut life = self.start(Some(1), false)?;
        let watched = self.watch(&mut life, None);
        if watched.is_err() {
            life.process.kill().map_err(Stop::machine("kill the worker"))?;
        }
        let status = life.process.wait().map_err(Stop::machine("wait for the worker"))?;
        watched?;
        if status.success() { Ok(()) } else { Err(self.died(status)) }
    }

    /// Refuses a worker that hangs: a kill would hide it.
    fn has_moved(&self, life: &Life) -> Result<(), Stop> {
        let silent = life.heard.elapsed();
        if silent < self.plan.silence {
            return Ok(());
        }
        let said = format!("nothing was committed for {} s", silent.as_secs());
        Err(Stop::Found { seed: self.figures.seed, life: self.figures.lives, said })
    }

    /// Listens to the worker until its span is over, or until it ends where there is none.
    fn watch(&mut self, life: &mut Life, span: Option<Duration>) -> Result<(), Stop> {
        let mut ticks = 0;
        loop {
            let age = life.began.elapsed();
            let left = span.map_or(TICK, |span| span.saturating_sub(age));
            if left.is_zero() {
                return Ok(());
            }
            let tick = (TICK * u32::try_from(ticks + 1).unwrap()).saturating_sub(age);
            if tick.is_zero() {
                ticks += 1;
                self.tick(life, ticks)?;
                continue;
            }
            match life.lines.recv_timeout(left.min(tick)) {
                Ok(line) => self.hear(life, &line)?,
                Err(RecvTimeoutError::Timeout) => (),
                Err(RecvTimeoutError::Disconnected) if span.is_none() => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = life.process.wait().map_err(Stop::machine("wait for the worker"))?;
                    return Err(self.died(status));
                }
            }
        }
    }

    fn hear(&mut self, life: &mut Life, line: &str) -> Result<(), Stop> {
        // A line that the kill has cut says nothing.
        let Ok(said) = line.parse::<Said>() else { return Ok(()) };
        self.figures.hear(&said);
        if let Said::Found(said) = said {
            return Err(Stop::Found { seed: self.figures.seed, life: self.figures.lives, said });
        }
        self.course.hear(&said)?;
        match self.course.take_hit() {
            Some(Hit::Undone) => self.figures.found_undone += 1,
            Some(Hit::Done) => self.figures.found_done += 1,
            None => (),
        }
        if matches!(said, Said::Committed { .. }) {
            life.blocks += 1;
            life.heard = Instant::now();
            if life.blocks == ALIKE_AT {
                self.measure(life)?;
                self.figures.alike.push(self.sample(life));
            }
        }
        Ok(())
    }

    fn sample(&self, life: &Life) -> Sample {
        let (blocks, rss_kib) = (life.blocks, life.rss_kib);
        Sample { life: self.figures.lives, blocks, rss_kib, entries: self.figures.entries }
    }

    fn measure(&mut self, life: &mut Life) -> Result<(), Stop> {
        let (rss, peak) = memory_kib(life.process.id())?;
        life.rss_kib = rss;
        self.figures.peak_kib = self.figures.peak_kib.max(peak);
        Ok(())
    }

    fn tick(&mut self, life: &mut Life, ticks: u64) -> Result<(), Stop> {
        self.has_moved(life)?;
        self.measure(life)?;
        // A stretch that is gone on with after a stop is another worker's, which warms up again.
        let warm_up = WARM_UP.min(self.plan.time / 20);
        if life.quiet && life.began.elapsed() >= warm_up {
            self.figures.quiet_millis += u64::try_from(TICK.as_millis()).unwrap();
            if ticks.is_multiple_of(TICKS_A_SAMPLE) {
                self.figures.quiet.push(self.sample(life));
            }
        }
        if ticks.is_multiple_of(TICKS_A_WRITE) {
            self.write()?;
        }
        let minute = self.elapsed().as_secs() / 60;
        if minute > self.printed {
            self.printed = minute;
            self.write()?;
            println!("{}", self.figures.line(life.rss_kib));
        }
        Ok(())
    }

    fn died(&self, status: ExitStatus) -> Stop {
        if status.code() == Some(3) {
            let action = format!("run the worker's life {}", self.figures.lives);
            return Stop::Machine { action, cause: "it says so above".into() };
        }
        let height = self.course.head().unwrap_or_default();
        let (seed, life) = (self.figures.seed, self.figures.lives);
        Stop::Died { seed, life, height, status: status.to_string() }
    }
}

fn store_bytes(folder: &Path) -> Result<u64, Stop> {
    let path = store_path(folder);
    let size = fs::metadata(&path).map(|data| data.len());
    size.map_err(Stop::machine(format_args!("look at {}", path.display())))
}

/// What a process holds of memory, now and at most; nothing of one that has ended.
fn memory_kib(process: u32) -> Result<(u64, u64), Stop> {
    let path = format!("/proc/{process}/status");
    let text = fs::read_to_string(&path).map_err(Stop::machine(format_args!("read {path}")))?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
    };
    Ok((field("VmRSS:"), field("VmHWM:")))
}
