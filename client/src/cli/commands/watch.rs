//! `watch`: snapshots again and again, and what changes between them.

use std::{
    io,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::Origin;
use crate::{
    checks::{Diff, diff::DiffMembers},
    cli::{
        command_line::WatchOptions,
        exit::Exit,
        run::{Answer, Streams},
    },
    model::{
        Error, Snapshot,
        field::{self, Field},
    },
    render::{
        count::plural,
        json,
        text::{self, Paint},
    },
};

/// How soon Ctrl-C is noticed while nothing is to be done.
const NAP: Duration = Duration::from_millis(20);

/// Clears the line that the cursor is in.
const CLEAR_LINE: &str = "\r\x1b[K";

pub(super) fn watch(
    options: &WatchOptions,
    mut origin: Origin,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let fields = field::chosen(&options.columns);
    interrupt::listen();
    let started = Instant::now();
    let (mut latest, machine) = origin.snapshot(&options.source.processors)?;
    let mut log = Log::new(options.jsonl, &fields);
    let mut outcome = log.begin(&latest, machine.processors, streams);
    let mut due = started;
    while outcome.is_ok() {
        // A snapshot that took longer than it may delays the next, and is not made up for.
        due = (due + options.every).max(Instant::now());
        if !sleep_until(due, options.duration.map(|duration| started + duration)) {
            break;
        }
        let (next, _) = match origin.snapshot(&options.source.processors) {
            Ok(next) => next,
            Err(error) => {
                log.clear(streams).map_err(Error::Output)?;
                return Err(error);
            }
        };
        outcome = log.add(&latest, &next, started.elapsed(), streams);
        latest = next;
    }
    match outcome.and_then(|()| log.clear(streams)) {
        Ok(()) => Ok(log.summary(started.elapsed())),
        // The reader has seen what it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Answer::text("")),
        Err(error) => Err(Error::Output(error)),
    }
}

/// Whether there is a time after this one: not if Ctrl-C or the end of the watch comes first.
fn sleep_until(due: Instant, end: Option<Instant>) -> bool {
    loop {
        let now = Instant::now();
        if interrupt::has_come() || end.is_some_and(|end| end <= now) {
            return false;
        }
        if now >= due {
            return true;
        }
        let until = end.map_or(due, |end| end.min(due));
        thread::sleep(NAP.min(until.saturating_duration_since(now)));
    }
}

/// What has been seen, and how it is told.
struct Log<'a> {
    jsonl: bool,
    fields: &'a [&'static Field],
    snapshots: usize,
    changes: usize,
}

impl<'a> Log<'a> {
    fn new(jsonl: bool, fields: &'a [&'static Field]) -> Self {
        Self {
            jsonl,
            fields,
            snapshots: 0,
            changes: 0,
        }
    }

    fn begin(
        &mut self,
        first: &Snapshot,
        processors: usize,
        streams: &mut Streams,
    ) -> io::Result<()> {
        self.snapshots = 1;
        if !self.jsonl {
            let watched = first.captures().count();
            writeln!(
                streams.stdout,
                "watching {watched} of {processors} processors"
            )?;
        }
        self.show_live_line(Duration::ZERO, streams)?;
        streams.stdout.flush()
    }

    fn add(
        &mut self,
        before: &Snapshot,
        after: &Snapshot,
        elapsed: Duration,
        streams: &mut Streams,
    ) -> io::Result<()> {
        #[derive(Serialize)]
        struct Line {
            milliseconds: u128,
            #[serde(flatten)]
            diff: DiffMembers,
        }
        self.snapshots += 1;
        let diff = Diff::of_fields(before, after, self.fields);
        self.changes += diff.count();
        if !diff.is_empty() {
            self.clear(streams)?;
            if self.jsonl {
                let line = json::line(&Line {
                    milliseconds: elapsed.as_millis(),
                    diff: DiffMembers::from(&diff),
                })
                .map_err(io::Error::other)?;
                streams.stdout.write_all(line.as_bytes())?;
            } else {
                for line in text::change_lines(&diff, streams.terminal.palette()) {
                    writeln!(
                        streams.stdout,
                        "{:5}.{:03} s  {line}",
                        elapsed.as_secs(),
                        elapsed.subsec_millis()
                    )?;
                }
            }
        }
        self.show_live_line(elapsed, streams)?;
        streams.stdout.flush()
    }

    /// On a terminal, where things stand; it gives way to whatever is printed next.
    fn show_live_line(&self, elapsed: Duration, streams: &mut Streams) -> io::Result<()> {
        if self.jsonl || !streams.terminal.live {
            return Ok(());
        }
        let line = format!("{}; Ctrl-C ends", self.counts(elapsed));
        let painted = streams.terminal.palette().paint(Paint::Faint, line);
        write!(streams.stdout, "{CLEAR_LINE}{painted}")
    }

    fn clear(&self, streams: &mut Streams) -> io::Result<()> {
        if self.jsonl || !streams.terminal.live {
            return Ok(());
        }
        streams.stdout.write_all(CLEAR_LINE.as_bytes())
    }

    fn counts(&self, elapsed: Duration) -> String {
        format!(
            "{} in {}.{} s, {}",
            plural(self.snapshots, "snapshot"),
            elapsed.as_secs(),
            elapsed.subsec_millis() / 100,
            plural(self.changes, "change")
        )
    }

    /// The closing line: data for people, talk for programs that read JSON.
    fn summary(&self, elapsed: Duration) -> Answer {
        let counts = self.counts(elapsed);
        let exit = Exit::Done;
        if self.jsonl {
            Answer {
                complaints: vec![counts],
                exit,
                ..Answer::text("")
            }
        } else {
            Answer {
                exit,
                ..Answer::text(format!("{counts}\n"))
            }
        }
    }
}

/// Ctrl-C, which ends the watch and nothing else.
mod interrupt {
    use super::{AtomicBool, OnceLock, Ordering};

    static CAME: AtomicBool = AtomicBool::new(false);
    static LISTENING: OnceLock<bool> = OnceLock::new();

    /// From now on Ctrl-C is noticed, and does not kill. Where the system lets nobody listen it
    /// still kills, which ends the watch too.
    pub(super) fn listen() {
        LISTENING
            .get_or_init(|| ctrlc::set_handler(|| CAME.store(true, Ordering::Relaxed)).is_ok());
    }

    pub(super) fn has_come() -> bool {
        CAME.load(Ordering::Relaxed)
    }
}
