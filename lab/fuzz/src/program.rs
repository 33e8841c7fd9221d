//! Programs: what one processor calls, one after another.

use alloc::string::String;
use core::fmt;

use fastrand::Rng;
use lab_wire::{Access, Token};
use protocol::random::Control;

/// Places where handles are kept, shared by all processors: any of them uses and
/// closes what another has opened.
pub const SLOTS: usize = 8;

/// Of so many calls, on average, one restarts the driver.
const CALLS_PER_RESTART: u32 = 2048;

/// One system call, or a restart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Call {
    /// `CreateFile`. The handle takes the place of what was in the slot, which is
    /// closed afterwards.
    Open {
        /// Where the handle goes.
        slot: usize,
        /// What is opened.
        path: Path,
        /// For what.
        access: Access,
        /// The token of the opening thread.
        token: Token,
    },
    /// `CloseHandle` of what is in the slot.
    Close {
        /// Where the handle is.
        slot: usize,
    },
    /// `DeviceIoControl`.
    Control {
        /// Where the handle is.
        slot: usize,
        /// What is sent.
        control: Control,
    },
    /// Everything is closed, and the driver unloaded and loaded again, unless
    /// the driver is in use.
    Restart,
}

/// Paths on and near the device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Path {
    /// The device.
    Device,
    /// The device, in other letters.
    OtherCase,
    /// A file behind the device.
    Behind,
    /// Nothing but a separator behind the device.
    Root,
    /// A device that is not there.
    Missing,
}

impl Path {
    /// The path as a caller writes it.
    #[must_use]
    pub fn text(self) -> String {
        let device = protocol::USER_PATH;
        match self {
            Self::Device => device.into(),
            Self::OtherCase => device.to_uppercase(),
            Self::Behind => [device, r"\behind\it"].concat(),
            Self::Root => [device, r"\"].concat(),
            Self::Missing => [device, "s"].concat(),
        }
    }
}

/// The calls of one processor. There is no end to them.
#[derive(Clone, Debug)]
pub struct Program {
    random: Rng,
    processors: u32,
}

impl Program {
    /// The calls of one of so many processors.
    #[must_use]
    pub fn new(seed: u64, processor: u32, processors: u32) -> Self {
        let mut seeds = Rng::with_seed(seed);
        for _ in 0..processor {
            seeds.u64(..);
        }
        Self {
            random: Rng::with_seed(seeds.u64(..)),
            processors,
        }
    }

    fn one_in(&mut self, count: u32) -> bool {
        self.random.u32(..count) == 0
    }

    fn any<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.random.usize(..choices.len())]
    }

    fn call(&mut self) -> Call {
        if self.one_in(CALLS_PER_RESTART) {
            return Call::Restart;
        }
        let slot = self.random.usize(..SLOTS);
        match self.random.u32(..16) {
            0 | 1 => self.open(slot),
            2 if self.random.bool() => Call::Close { slot },
            _ => Call::Control {
                slot,
                control: Control::random(&mut self.random, self.processors),
            },
        }
    }

    fn open(&mut self, slot: usize) -> Call {
        let path = match self.random.u32(..12) {
            0 => Path::Behind,
            1 => Path::Root,
            2 => Path::Missing,
            3 => Path::OtherCase,
            _ => Path::Device,
        };
        // Most handles are good for something.
        let read = !self.one_in(8);
        let access = Access {
            read,
            write: self.random.bool(),
        };
        let token = self.any(Token::all());
        Call::Open {
            slot,
            path,
            access,
            token,
        }
    }
}

impl Iterator for Program {
    type Item = Call;

    fn next(&mut self) -> Option<Call> {
        Some(self.call())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open {
                slot,
                path,
                access,
                token,
            } => {
                let path = path.text();
                let Access { read, write } = access;
                write!(
                    f,
                    "slot {slot}: open {path} by {token:?}, read {read}, write {write}"
                )
            }
            Self::Close { slot } => write!(f, "slot {slot}: close"),
            Self::Control { slot, control } => write!(f, "slot {slot}: {control}"),
            Self::Restart => f.write_str("close everything, unload and load"),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn a_seed_and_a_processor_determine_the_calls() {
        let calls =
            |seed, processor| -> Vec<Call> { Program::new(seed, processor, 4).take(100).collect() };
        assert_eq!(calls(1, 2), calls(1, 2));
        assert_ne!(calls(1, 2), calls(1, 3));
        assert_ne!(calls(1, 2), calls(2, 2));
    }

    #[test]
    fn every_kind_of_call_comes_up() {
        let calls: Vec<Call> = Program::new(0, 0, 2).take(50_000).collect();
        let count = |matching: fn(&Call) -> bool| calls.iter().filter(|c| matching(c)).count();
        assert!(count(|call| matches!(call, Call::Restart)) > 10);
        assert!(count(|call| matches!(call, Call::Open { .. })) > 4000);
        assert!(count(|call| matches!(call, Call::Close { .. })) > 1000);
        assert!(count(|call| matches!(call, Call::Control { .. })) > 35_000);
    }
}
