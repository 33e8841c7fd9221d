//! The self-test: what a machine with the driver settles of docs/evidence.md, step by step, and one
//! file that carries the answer back.
//!
//! A step asks the driver through [`Device`](crate::Device) and the system through the [`Machine`]
//! trait, of which Windows is one implementation and a machine in the tests another. What can't be
//! asked where it runs is not done, and says why; nothing is called passed that did not run.

mod compare;
#[cfg(not(windows))]
mod elsewhere;
mod machine;
mod outcome;
mod page;
mod pool;
mod record;
mod run;
mod session;
mod step;
mod steps;
#[cfg(test)]
mod tests;
#[cfg(any(windows, test))]
mod verifier;
#[cfg(windows)]
mod windows;

pub(crate) use self::compare::compare;
pub(crate) use self::machine::Machine;
pub(crate) use self::outcome::Counts;
pub(crate) use self::page::html;
pub(crate) use self::record::Record;
pub(crate) use self::run::{Options, run};
pub use self::step::SelfTestStep;

/// The system that this runs on.
pub(crate) fn this_machine() -> Box<dyn Machine> {
    #[cfg(windows)]
    return Box::new(windows::ThisMachine::new());
    #[cfg(not(windows))]
    Box::new(elsewhere::NotWindows)
}
