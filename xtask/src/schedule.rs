//! Tasks that are done side by side as far as they do not wait for each other.
//!
//! A task waits for those that it names, and for a place that it shares with others: cargo locks
//! its target folder, so two builds in one would only wait for each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::mem;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::record::Record;

/// Places in which two tasks at once would wait for each other: target folders.
pub(crate) mod place {
    /// Programs for this machine.
    pub(crate) const HOST: &str = "target/debug";
    /// Drivers.
    pub(crate) const STAGE: &str = "target/wdk-linux";
    /// Kernels and programs for other systems.
    pub(crate) const CROSS: &str = "target/release";
}

/// Something to do, and what has to be done before.
pub(crate) struct Task<'a> {
    name: &'static str,
    after: &'static [&'static str],
    place: Option<&'static str>,
    vital: bool,
    builds: bool,
    work: Box<dyn FnOnce() -> Outcome + Send + 'a>,
}

impl<'a> Task<'a> {
    /// A task that waits for nothing.
    pub(crate) fn new(name: &'static str, work: impl FnOnce() -> Outcome + Send + 'a) -> Self {
        Self {
            name,
            after: &[],
            place: None,
            vital: false,
            builds: false,
            work: Box::new(work),
        }
    }

    /// The same, after others, however those end.
    pub(crate) fn after(self, after: &'static [&'static str]) -> Self {
        Self { after, ..self }
    }

    /// The same, while no other task is in that place.
    pub(crate) fn at(self, place: &'static str) -> Self {
        Self {
            place: Some(place),
            ..self
        }
    }

    /// The same, which leaves something that others use, and is done however often it has passed.
    pub(crate) fn builds(self) -> Self {
        Self {
            builds: true,
            ..self
        }
    }

    /// The same, which is not done if it is known to have passed. What it comes to is noted.
    pub(crate) fn unless_passed(self, record: &'a Record) -> Self {
        if self.builds {
            return self;
        }
        let (name, work) = (self.name, self.work);
        let work = move || {
            if let Some(passed) = record.passed(name) {
                return Outcome {
                    passed,
                    passed_before: passed,
                    text: format!("{name}: {passed} passed before, with the same files"),
                    ..Outcome::default()
                };
            }
            let mut outcome = work();
            if let Err(error) = record.note(name, &outcome) {
                outcome.say(&format!("{name}: it will be done again: {error:#}"));
            }
            outcome
        };
        Self {
            work: Box::new(work),
            ..self
        }
    }

    /// The same, without which no other can succeed: if it fails, none begins any more.
    pub(crate) fn vital(self) -> Self {
        Self {
            vital: true,
            ..self
        }
    }
}

/// What came of all tasks.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    /// Tests and checks that passed.
    pub passed: u32,
    /// Those of them that were not run again.
    pub passed_before: u32,
    /// Tests and checks that failed.
    pub failed: u32,
    /// The time that each task took.
    pub times: Vec<(&'static str, Duration)>,
}

struct State<'a> {
    waiting: Vec<Task<'a>>,
    running: usize,
    done: BTreeSet<&'static str>,
    places: BTreeSet<&'static str>,
    summary: Summary,
}

/// Does all tasks, at most `at_once` at a time, those first that stand first; hands what each has
/// to say to `tell` when it has ended.
///
/// # Panics
///
/// If a task waits for one that is not there.
pub(crate) fn run(tasks: Vec<Task<'_>>, at_once: usize, tell: impl Fn(&str) + Sync) -> Summary {
    let names: BTreeSet<&str> = tasks.iter().map(|task| task.name).collect();
    for task in &tasks {
        for other in task.after {
            assert!(names.contains(other), "{} waits for {other}", task.name);
        }
    }
    let state = Mutex::new(State {
        waiting: tasks,
        running: 0,
        done: BTreeSet::new(),
        places: BTreeSet::new(),
        summary: Summary::default(),
    });
    let changed = Condvar::new();
    thread::scope(|scope| {
        for _ in 0..at_once.max(1) {
            scope.spawn(|| work(&state, &changed, &tell));
        }
    });
    let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.summary
}

/// How many tasks at once keep this machine busy: one for each processor, and one more, since some
/// wait for downloads and for Wine half of their time.
pub(crate) fn at_once() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get) + 1
}

fn work(state: &Mutex<State<'_>>, changed: &Condvar, tell: &(impl Fn(&str) + Sync)) {
    let mut guard = state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let Some(index) = guard.ready() else {
            if guard.waiting.is_empty() {
                return;
            }
            guard = changed.wait(guard).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        let task = guard.waiting.remove(index);
        guard.running += 1;
        guard.places.extend(task.place);
        drop(guard);
        let started = Instant::now();
        let outcome = (task.work)();
        if !outcome.text.is_empty() {
            tell(outcome.text.trim_end());
        }
        guard = state.lock().unwrap_or_else(PoisonError::into_inner);
        guard.running -= 1;
        guard.done.insert(task.name);
        if let Some(place) = task.place {
            guard.places.remove(place);
        }
        if task.vital && outcome.failed > 0 {
            let left = mem::take(&mut guard.waiting).len();
            tell(&format!("{left} tasks are left out: {} failed", task.name));
        }
        guard.summary.passed += outcome.passed;
        guard.summary.passed_before += outcome.passed_before;
        guard.summary.failed += outcome.failed;
        guard.summary.times.push((task.name, started.elapsed()));
        changed.notify_all();
    }
}

impl State<'_> {
    /// The first task that waits for nothing.
    fn ready(&self) -> Option<usize> {
        let waiting = self.waiting.iter();
        let mut ready = waiting.enumerate().filter(|(_, task)| {
            task.after.iter().all(|name| self.done.contains(name))
                && task.place.is_none_or(|place| !self.places.contains(place))
        });
        ready.next().map(|(index, _)| index)
    }
}

impl Summary {
    /// A line for each task with its time, the longest first.
    pub(crate) fn times(&self) -> String {
        let mut times: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, time) in &self.times {
            times.entry(*time).or_default().push(*name);
        }
        let mut lines = String::new();
        for (time, names) in times.iter().rev() {
            for name in names {
                let _ = writeln!(lines, "{:>7.1} s  {name}", time.as_secs_f32());
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn counted(passed: u32) -> Outcome {
        Outcome {
            passed,
            ..Outcome::default()
        }
    }

    #[test]
    fn a_task_comes_after_those_that_it_waits_for() {
        let order = Mutex::new(Vec::new());
        let note = |name: &'static str| {
            order.lock().unwrap().push(name);
            counted(1)
        };
        let tasks = vec![
            Task::new("last", || note("last")).after(&["middle", "first"]),
            Task::new("middle", || note("middle")).after(&["first"]),
            Task::new("first", || note("first")),
        ];
        let summary = run(tasks, 3, |_| {});
        assert_eq!((summary.passed, summary.times.len()), (3, 3));
        assert_eq!(order.into_inner().unwrap(), ["first", "middle", "last"]);
    }

    #[test]
    fn two_tasks_are_never_in_one_place() {
        let (inside, most) = (AtomicU32::new(0), AtomicU32::new(0));
        let enter = || {
            let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
            counted(1)
        };
        let tasks = ["a", "b", "c", "d"].map(|name| Task::new(name, enter).at("target"));
        let summary = run(tasks.into(), 4, |_| {});
        assert_eq!((summary.passed, most.into_inner()), (4, 1));
    }

    #[test]
    #[should_panic(expected = "a waits for nothing there")]
    fn a_task_that_could_never_begin_is_noticed() {
        run(
            vec![Task::new("a", || counted(1)).after(&["nothing there"])],
            1,
            |_| {},
        );
    }

    #[test]
    fn after_a_vital_task_that_fails_none_begins() {
        let failed = || Outcome {
            failed: 1,
            ..Outcome::default()
        };
        let told = Mutex::new(String::new());
        let tasks = vec![
            Task::new("vital", failed).vital(),
            Task::new("b", || counted(1)).after(&["vital"]),
            Task::new("c", || counted(1)).after(&["b"]),
        ];
        let summary = run(tasks, 2, |text| told.lock().unwrap().push_str(text));
        assert_eq!((summary.passed, summary.failed), (0, 1));
        assert_eq!(
            told.into_inner().unwrap(),
            "2 tasks are left out: vital failed"
        );
    }

    #[test]
    fn times_are_told_longest_first() {
        let summary = Summary {
            times: vec![
                ("short", Duration::from_millis(1500)),
                ("long", Duration::from_mins(1)),
            ],
            ..Summary::default()
        };
        assert_eq!(summary.times(), "   60.0 s  long\n    1.5 s  short\n");
    }
}
