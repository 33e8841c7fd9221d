//! `watch`: snapshots again and again, and what changes between them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};
use std::{io, thread};

use super::Origin;
use crate::checks::{self, Comparison, Diff, Lack, Verdict};
use crate::cli::command_line::WatchOptions;
use crate::cli::exit::Exit;
use crate::cli::run::{Answer, Streams};
use crate::cli::terminal::CLEAR_LINE;
use crate::model::processor_list::{self, Owner};
use crate::model::{Error, Snapshot, field};
use crate::render::count::plural;
use crate::render::json::{self, Moment};
use crate::render::text::{self, Paint};

/// How soon Ctrl-C is noticed while nothing is to be done.
const NAP: Duration = Duration::from_millis(20);

pub(super) fn watch(
    options: &WatchOptions,
    mut origin: Origin,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let comparison = Comparison {
        fields: field::listed(&options.columns),
        ..Comparison::default()
    };
    let has_choice = !options.source.processors.is_empty();
    let compare = |before: &Snapshot, after: &Snapshot| {
        let mut diff = Diff::compare(before, after, &comparison);
        // Processors that were not asked for are not missed.
        diff.not_compared
            .retain(|one| !(has_choice && one.lack == Lack::NotInSnapshot));
        diff
    };
    interrupt::listen();
    let mut log = Log::new(options);
    let (mut latest, machine) = origin.whole()?;
    log.host = match origin.owner() {
        Owner::Machine => gethostname::gethostname().into_string().ok(),
        Owner::Snapshot => latest.machine.host.clone(),
    };
    let verdict = checks::check(&latest);
    processor_list::narrow(
        &mut latest.processors,
        &options.source.processors,
        origin.owner(),
    )?;
    // What cannot be compared with itself will never be compared.
    let itself = compare(&latest, &latest);
    let mut outcome = log
        .begin(&latest, machine.processors, &verdict, streams)
        .and_then(|()| log.tell_lacks(&itself, streams));
    let end = options.duration.map(|duration| log.started + duration);
    let mut due = log.started;
    while outcome.is_ok() {
        // A snapshot that took longer than it may delays the next, and is not made up for.
        due = (due + options.every).max(Instant::now());
        match log.sleep_until(due, end, streams) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
        let (next, _) = match origin.snapshot(&options.source.processors) {
            Ok(next) => next,
            Err(error) => {
                // A reader of the lines learns that they end, and how far they went.
                log.end(streams).map_err(Error::Output)?;
                return Err(error);
            }
        };
        outcome = log.add(&compare(&latest, &next), streams);
        latest = next;
    }
    match outcome.and_then(|()| log.end(streams)) {
        Ok(()) => Ok(log.answer()),
        // The reader has seen what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(log.answer()),
        Err(error) => Err(Error::Output(error)),
    }
}

/// What has been seen, and how it is told.
struct Log {
    jsonl: bool,
    heartbeat: Duration,
    started: Instant,
    /// When something was last told.
    told: Instant,
    /// The machine that is watched.
    host: Option<String>,
    snapshots: usize,
    changes: usize,
    /// Whether all that was to be compared was.
    is_complete: bool,
}

impl Log {
    fn new(options: &WatchOptions) -> Self {
        let started = Instant::now();
        Self {
            jsonl: options.jsonl,
            heartbeat: options.heartbeat,
            started,
            told: started,
            host: None,
            snapshots: 0,
            changes: 0,
            is_complete: true,
        }
    }

    fn begin(
        &mut self,
        first: &Snapshot,
        processors: usize,
        verdict: &Verdict,
        streams: &mut Streams,
    ) -> io::Result<()> {
        self.snapshots = 1;
        let watched = first.captures().count();
        if self.is_quiet(streams) {
            return Ok(());
        }
        if self.jsonl {
            let line = json::baseline(&self.moment(), watched, verdict);
            write(&line, streams)?;
        } else {
            writeln!(
                streams.stdout,
                "watching {watched} of {processors} processors"
            )?;
        }
        self.show_live_line(streams)?;
        streams.stdout.flush()
    }

    /// Tells what is not compared, once.
    fn tell_lacks(&mut self, diff: &Diff, streams: &mut Streams) -> io::Result<()> {
        if diff.is_complete() || !self.is_complete {
            return Ok(());
        }
        self.is_complete = false;
        if self.is_quiet(streams) {
            return Ok(());
        }
        self.clear(streams)?;
        if self.jsonl {
            write(&json::lacks(&self.moment(), diff), streams)?;
        } else {
            for line in text::lack_lines(diff) {
                writeln!(streams.stdout, "{line}")?;
            }
        }
        self.show_live_line(streams)?;
        streams.stdout.flush()
    }

    fn add(&mut self, diff: &Diff, streams: &mut Streams) -> io::Result<()> {
        self.tell_lacks(diff, streams)?;
        self.snapshots += 1;
        self.changes += diff.count();
        if !diff.is_empty() {
            self.clear(streams)?;
            self.told = Instant::now();
            if self.jsonl {
                let lines = json::changes(&self.moment(), diff);
                write(&lines, streams)?;
            } else {
                for line in text::change_lines(diff, streams.terminal.palette()) {
                    self.write_line(&line, streams)?;
                }
            }
        }
        self.show_live_line(streams)?;
        streams.stdout.flush()
    }

    /// Whether there is a time after this one: not if Ctrl-C or the end of the watch comes first.
    fn sleep_until(
        &mut self,
        due: Instant,
        end: Option<Instant>,
        streams: &mut Streams,
    ) -> io::Result<bool> {
        loop {
            let now = Instant::now();
            if interrupt::has_come() || end.is_some_and(|end| end <= now) {
                return Ok(false);
            }
            if streams.terminal.has_lost_its_reader() {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            if now >= self.told + self.heartbeat {
                self.beat(streams)?;
            }
            if now >= due {
                return Ok(true);
            }
            let until = end.map_or(due, |end| end.min(due));
            thread::sleep(NAP.min(until.saturating_duration_since(now)));
        }
    }

    /// A sign of life. On a terminal the live line is one.
    fn beat(&mut self, streams: &mut Streams) -> io::Result<()> {
        self.told = Instant::now();
        if self.is_quiet(streams) {
            return Ok(());
        }
        if self.jsonl {
            let line = json::counts("heartbeat", &self.moment(), self.snapshots, self.changes);
            write(&line, streams)?;
        } else if !streams.terminal.live {
            self.write_line(&self.counts(), streams)?;
        }
        streams.stdout.flush()
    }

    fn moment(&self) -> Moment {
        Moment {
            time: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            host: self.host.clone(),
            milliseconds: self.started.elapsed().as_millis(),
        }
    }

    fn write_line(&self, line: &str, streams: &mut Streams) -> io::Result<()> {
        let elapsed = self.started.elapsed();
        writeln!(
            streams.stdout,
            "{:5}.{:03} s  {line}",
            elapsed.as_secs(),
            elapsed.subsec_millis()
        )
    }

    /// On a terminal, where things stand; it gives way to whatever is printed next.
    fn show_live_line(&self, streams: &mut Streams) -> io::Result<()> {
        if self.jsonl || streams.quiet || !streams.terminal.live {
            return Ok(());
        }
        let line = format!("{}; Ctrl-C ends", self.counts());
        let painted = streams.terminal.palette().paint(Paint::Faint, line);
        write!(streams.stdout, "{CLEAR_LINE}{painted}")
    }

    fn clear(&self, streams: &mut Streams) -> io::Result<()> {
        if self.jsonl || streams.quiet || !streams.terminal.live {
            return Ok(());
        }
        streams.stdout.write_all(CLEAR_LINE.as_bytes())
    }

    fn counts(&self) -> String {
        let elapsed = self.started.elapsed();
        format!(
            "{} in {}.{} s, {}",
            plural(self.snapshots, "snapshot"),
            elapsed.as_secs(),
            elapsed.subsec_millis() / 100,
            plural(self.changes, "change")
        )
    }

    /// Whether changes alone are told: programs get all lines.
    fn is_quiet(&self, streams: &Streams) -> bool {
        streams.quiet && !self.jsonl
    }

    /// The closing line.
    fn end(&self, streams: &mut Streams) -> io::Result<()> {
        if self.is_quiet(streams) {
            return streams.stdout.flush();
        }
        self.clear(streams)?;
        if self.jsonl {
            let line = json::counts("end", &self.moment(), self.snapshots, self.changes);
            write(&line, streams)?;
        } else {
            writeln!(streams.stdout, "{}", self.counts())?;
        }
        streams.stdout.flush()
    }

    fn answer(&self) -> Answer {
        Answer {
            exit: match (self.changes, self.is_complete) {
                (0, true) => Exit::Done,
                (0, false) => Exit::Incomplete,
                _ => Exit::Found,
            },
            ..Answer::text("")
        }
    }
}

/// Writes lines of JSON, if they could be made.
fn write(lines: &Result<String, Error>, streams: &mut Streams) -> io::Result<()> {
    match lines {
        Ok(lines) => streams.stdout.write_all(lines.as_bytes()),
        Err(error) => Err(io::Error::other(error.to_string())),
    }
}

/// Ctrl-C, which ends the watch and nothing else.
mod interrupt {
    use super::{AtomicBool, OnceLock, Ordering};

    static CAME: AtomicBool = AtomicBool::new(false);
    static LISTENING: OnceLock<bool> = OnceLock::new();

    /// From now on Ctrl-C, and the request to terminate, are noticed, and do not kill. Where the
    /// system does not let a program listen they still kill, which ends the watch too.
    pub(super) fn listen() {
        LISTENING
            .get_or_init(|| ctrlc::set_handler(|| CAME.store(true, Ordering::Relaxed)).is_ok());
    }

    pub(super) fn has_come() -> bool {
        CAME.load(Ordering::Relaxed)
    }
}
