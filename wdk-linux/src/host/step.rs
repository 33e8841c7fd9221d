//! What a command tells on stderr: one line for each step, with the time that it took; and for a
//! step that takes longer, every few seconds what it is doing.
//!
//! Steps may run side by side, one in each thread.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

/// A step that takes longer than this says what it is doing.
const SILENCE: Duration = Duration::from_secs(5);

/// How long a line about what a step is doing may get.
const WIDTH: usize = 72;

/// A step that has begun and not ended.
#[derive(Debug)]
pub(super) struct Running {
    what: String,
    started: Instant,
    doing: Mutex<Doing>,
}

#[derive(Debug)]
struct Doing {
    /// The last line of a program that the step runs.
    line: String,
    /// When something was told of the step.
    told: Instant,
    /// How long the next line waits.
    pause: Duration,
}

static RUNNING: Mutex<Vec<Arc<Running>>> = Mutex::new(Vec::new());

thread_local! {
    static CURRENT: RefCell<Option<Arc<Running>>> = const { RefCell::new(None) };
}

/// Does `work`, and prints a line with `what` and the time that it took. What `work` leaves in the
/// string, a compiler's warnings for instance, follows on lines of its own.
///
/// # Errors
///
/// What `work` returns.
pub fn step<T>(what: &str, work: impl FnOnce(&mut String) -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let running = Arc::new(Running {
        what: what.to_owned(),
        started,
        doing: Mutex::new(Doing {
            line: String::new(),
            told: started,
            pause: SILENCE,
        }),
    });
    lock(&RUNNING).push(Arc::clone(&running));
    tell_of_long_steps();
    let outer = CURRENT.replace(Some(Arc::clone(&running)));
    let mut remarks = String::new();
    let result = work(&mut remarks);
    CURRENT.set(outer);
    lock(&RUNNING).retain(|other| !Arc::ptr_eq(other, &running));
    let outcome = if result.is_ok() { "done" } else { "failed" };
    let mut lines = format!(
        "{what} ... {outcome} in {:.1} s",
        started.elapsed().as_secs_f32()
    );
    if !remarks.trim().is_empty() {
        lines.push('\n');
        lines.push_str(remarks.trim_end());
    }
    // In one piece: other steps write too.
    eprintln!("{lines}");
    result
}

/// The step that this thread is in.
pub(super) fn current() -> Option<Arc<Running>> {
    CURRENT.with_borrow(Clone::clone)
}

impl Running {
    /// Takes a line that a program of the step wrote as what the step is doing.
    pub(super) fn note(&self, line: &str) {
        let line = plain(line);
        // Cargo's messages for programs say nothing to people.
        if !line.is_empty() && !line.starts_with('{') {
            lock(&self.doing).line = line;
        }
    }

    /// The line about the step, if one is due.
    fn due(&self, now: Instant) -> Option<String> {
        let mut doing = lock(&self.doing);
        if now.duration_since(doing.told) < doing.pause {
            return None;
        }
        doing.told = now;
        doing.pause = SILENCE * 2;
        let seconds = now.duration_since(self.started).as_secs();
        let what = &self.what;
        Some(match &*doing.line {
            "" => format!("{what} ... {seconds} s"),
            line => format!("{what} ... {seconds} s: {line}"),
        })
    }
}

/// Starts the thread that tells of steps which take long, once.
fn tell_of_long_steps() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        thread::spawn(|| {
            loop {
                thread::sleep(Duration::from_millis(500));
                let now = Instant::now();
                let lines: Vec<String> = lock(&RUNNING)
                    .iter()
                    .filter_map(|running| running.due(now))
                    .collect();
                for line in lines {
                    eprintln!("{line}");
                }
            }
        });
    });
}

/// A program's line without colours and blanks around it, short enough for a line of ours.
pub(super) fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut escape = false;
    for character in line.trim().chars() {
        match character {
            ' ' if text.is_empty() => {}
            '\u{1b}' => escape = true,
            'm' if escape => escape = false,
            _ if escape || character.is_control() => {}
            _ => text.push(character),
        }
    }
    if text.chars().count() > WIDTH {
        text = text.chars().take(WIDTH - 3).chain("...".chars()).collect();
    }
    text
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_tells_what_it_is_doing_after_a_while_and_then_less_often() {
        let started = Instant::now();
        let running = Running {
            what: "svmsave.sys".to_owned(),
            started,
            doing: Mutex::new(Doing {
                line: String::new(),
                told: started,
                pause: SILENCE,
            }),
        };
        let at = |seconds| running.due(started + Duration::from_secs(seconds));
        assert_eq!(at(4), None);
        assert_eq!(at(5).as_deref(), Some("svmsave.sys ... 5 s"));
        running.note("\u{1b}[1m   Compiling\u{1b}[0m bindgen v0.72.1\n");
        assert_eq!(at(14), None);
        let line = at(15);
        assert_eq!(
            line.as_deref(),
            Some("svmsave.sys ... 15 s: Compiling bindgen v0.72.1")
        );
    }

    #[test]
    fn a_long_line_is_cut_and_an_empty_one_keeps_the_last() {
        assert_eq!(plain(&"x".repeat(200)).len(), WIDTH);
        let started = Instant::now();
        let doing = Mutex::new(Doing {
            line: "test one ... ok".to_owned(),
            told: started,
            pause: SILENCE,
        });
        let what = String::new();
        let running = Running {
            what,
            started,
            doing,
        };
        running.note("\n");
        assert_eq!(lock(&running.doing).line, "test one ... ok");
    }

    #[test]
    fn steps_are_nested_in_their_thread() {
        let what = || current().map(|running| running.what.clone());
        let inner = step("outer", |_| {
            step("inner", |_| Ok(what()))?;
            Ok(what())
        });
        assert_eq!(inner.unwrap().as_deref(), Some("outer"));
        assert_eq!(what(), None);
    }
}
