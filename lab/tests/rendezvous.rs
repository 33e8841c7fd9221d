//! The driver's rendezvous under a model checker: every order in which a thread and the DPCs of
//! two processors can meet, with the weakest memory that Rust's atomics allow.

#![expect(unsafe_code, reason = "cells that the model checker watches")]

use loom::{
    cell::UnsafeCell,
    sync::{Arc, Condvar, Mutex, atomic},
    thread::{self, JoinHandle},
};

#[path = "../../driver/src/rendezvous.rs"]
mod rendezvous;

use rendezvous::{Rendezvous, Signal};

/// What the driver has a notification event for.
#[derive(Default)]
struct Event {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Signal for Event {
    fn set(&self) {
        *self.set.lock().unwrap() = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let mut set = self.set.lock().unwrap();
        while !*set {
            set = self.changed.wait(set).unwrap();
        }
    }

    fn clear(&self) {
        *self.set.lock().unwrap() = false;
    }
}

/// A survey: the rendezvous, and what each processor writes for the thread to read. The model
/// checker reports a cell that is read while it is written, or without an order between the two.
struct Survey {
    arrivals: Rendezvous<Event>,
    found: [UnsafeCell<u32>; PROCESSORS],
}

const PROCESSORS: usize = 2;

/// Conducts a survey in which some of the processors can be queued, and leaves their threads on
/// their way out: the next survey may start before they are gone.
fn conduct(survey: &Arc<Survey>, round: u32, queued: [bool; PROCESSORS]) -> Vec<JoinHandle<()>> {
    survey.arrivals.open(2);
    let mut processors = Vec::new();
    for (number, queued) in queued.into_iter().enumerate() {
        if !queued {
            survey.arrivals.arrive();
            continue;
        }
        let survey = Arc::clone(survey);
        processors.push(thread::spawn(move || {
            survey.found[number].with_mut(|found| {
                // SAFETY: the model checker reports it if this is not the only access.
                unsafe { *found = round }
            });
            survey.arrivals.arrive();
        }));
    }
    survey.arrivals.wait();
    for (found, queued) in survey.found.iter().zip(queued) {
        let found = found.with(|found| {
            // SAFETY: the model checker reports it if a processor can still write.
            unsafe { *found }
        });
        assert_eq!(found == round, queued);
    }
    processors
}

fn check(rounds: &'static [[bool; PROCESSORS]]) {
    loom::model(move || {
        let survey = Arc::new(Survey {
            arrivals: Rendezvous::new(Event::default()),
            found: Default::default(),
        });
        assert!(!*survey.arrivals.signal().set.lock().unwrap());
        let processors: Vec<_> = (1..)
            .zip(rounds)
            .flat_map(|(round, queued)| conduct(&survey, round, *queued))
            .collect();
        for processor in processors {
            processor.join().unwrap();
        }
    });
}

#[test]
fn the_thread_sees_what_every_processor_wrote() {
    check(&[[true, true]]);
}

#[test]
fn a_processor_that_could_not_be_queued_is_not_waited_for() {
    check(&[[true, false]]);
    check(&[[false, true]]);
    check(&[[false, false]]);
}

#[test]
fn a_second_survey_starts_afresh() {
    check(&[[true, false], [false, true]]);
}
