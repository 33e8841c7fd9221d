//! Programs: what one processor calls, one after another.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use fastrand::Rng;
use lab_wire::{Access, Token};
use protocol::{CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader, SnapshotRecord, StatusRecord};
use zerocopy::IntoBytes;

/// Places where handles are kept, shared by all processors: any of them uses and
/// closes what another has opened.
pub const SLOTS: usize = 8;

/// Of so many calls, on average, one restarts the driver.
const CALLS_PER_RESTART: u32 = 2048;

/// Of so many control codes, on average, one has large buffers.
const CONTROLS_PER_LARGE: u32 = 256;

/// As large as buffers get.
const LARGE: u32 = 1 << 16;

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

/// A control code with its buffers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Control {
    /// The control code.
    pub code: u32,
    /// The input.
    pub input: Vec<u8>,
    /// Bytes of output that there is room for.
    pub output_length: u32,
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
                control: self.control(),
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

    fn control(&mut self) -> Control {
        if self.one_in(CONTROLS_PER_LARGE) {
            let input_length = self.random.usize(..LARGE as usize);
            return Control {
                code: self.code(),
                input: self.bytes(input_length),
                output_length: self.random.u32(..=LARGE),
            };
        }
        let code = self.code();
        Control {
            code,
            input: self.input(),
            output_length: self.output_length(code),
        }
    }

    /// Mostly a code that the driver serves, or one that differs little from it.
    fn code(&mut self) -> u32 {
        const FUNCTION_SHIFT: u32 = 2;
        let valid = self.any(&[CONTROL_STATUS, CONTROL_SNAPSHOT]);
        match self.random.u32(..16) {
            0 => valid ^ 1 << self.random.u32(..32),
            1 => valid.wrapping_add(self.random.u32(..64) << FUNCTION_SHIFT),
            2 => self.random.u32(..),
            _ => valid,
        }
    }

    /// Mostly a request that the driver serves, or one that differs little from it.
    fn input(&mut self) -> Vec<u8> {
        let mut input = if self.one_in(6) {
            protocol::Request::handshake()
        } else {
            protocol::Request::new()
        }
        .as_bytes()
        .to_vec();
        match self.random.u32(..16) {
            0 => {
                let byte = self.random.usize(..input.len());
                input[byte] ^= 1 << self.random.u32(..8);
            }
            1 => input.truncate(self.random.usize(..input.len())),
            2 => {
                let more = self.random.usize(1..=8);
                input.resize(input.len() + more, 0);
            }
            3 => {
                let length = self.random.usize(..64);
                input = self.bytes(length);
            }
            _ => {}
        }
        input
    }

    /// Mostly what the reply needs, or a byte or two more or less.
    fn output_length(&mut self, code: u32) -> u32 {
        let header = length(size_of::<ReplyHeader>());
        let record = if code == CONTROL_STATUS {
            length(size_of::<StatusRecord>())
        } else {
            length(size_of::<SnapshotRecord>())
        };
        let whole = header + self.processors * record;
        let near = |random: &mut Rng, length: u32| (length + random.u32(..5)).saturating_sub(2);
        match self.random.u32(..16) {
            0 => 0,
            1 => self.random.u32(..=header),
            2 => near(&mut self.random, header),
            3 => near(&mut self.random, whole - record),
            4..8 => near(&mut self.random, whole),
            8 => self.random.u32(..=whole),
            9 => whole + self.random.u32(..=whole),
            _ => whole,
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = alloc::vec![0; length];
        self.random.fill(&mut bytes);
        bytes
    }
}

fn length(size: usize) -> u32 {
    u32::try_from(size).expect("a few hundred bytes")
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

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 64;
        let Self {
            code,
            input,
            output_length,
        } = self;
        write!(
            f,
            "control code {code:#010x}, {} bytes of input",
            input.len()
        )?;
        let shown = &input[..input.len().min(SHOWN)];
        if !shown.is_empty() {
            write!(f, " {shown:02x?}")?;
        }
        if shown.len() < input.len() {
            f.write_str("...")?;
        }
        write!(f, ", room for {output_length}")
    }
}

#[cfg(test)]
mod tests {
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
