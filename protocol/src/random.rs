//! Random control codes with their buffers, and what the driver must answer each of them with.
//!
//! The lab's campaigns and the client's self-test make the same requests: a seed stands for them.

mod expectation;

use alloc::vec::Vec;
use core::fmt;

use fastrand::Rng;

pub use self::expectation::{Expectation, RecordKind};
use crate::{CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader};

/// Of so many control codes, on average, one has large buffers.
const CONTROLS_PER_LARGE: u32 = 256;

/// As large as buffers get, in bytes.
const LARGE: u32 = 1 << 16;

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

impl Control {
    /// The next one for a machine of so many processors: mostly what the driver serves, or what
    /// differs little from it.
    pub fn random(random: &mut Rng, processors: u32) -> Self {
        if random.u32(..CONTROLS_PER_LARGE) == 0 {
            let input_length = random.usize(..LARGE as usize);
            return Self {
                code: code(random),
                input: bytes(random, input_length),
                output_length: random.u32(..=LARGE),
            };
        }
        let code = code(random);
        Self {
            code,
            input: input(random),
            output_length: output_length(random, code, processors),
        }
    }
}

/// Mostly a code that the driver serves, or one that differs little from it.
fn code(random: &mut Rng) -> u32 {
    const FUNCTION_SHIFT: u32 = 2;
    let valid = [CONTROL_STATUS, CONTROL_SNAPSHOT][random.usize(..2)];
    match random.u32(..16) {
        0 => valid ^ 1 << random.u32(..32),
        1 => valid.wrapping_add(random.u32(..64) << FUNCTION_SHIFT),
        2 => random.u32(..),
        _ => valid,
    }
}

/// Mostly a request that the driver serves, or one that differs little from it.
fn input(random: &mut Rng) -> Vec<u8> {
    let request = if random.u32(..6) == 0 {
        crate::Request::handshake()
    } else {
        crate::Request::new()
    };
    let mut input = bytemuck::bytes_of(&request).to_vec();
    match random.u32(..16) {
        0 => {
            let byte = random.usize(..input.len());
            input[byte] ^= 1 << random.u32(..8);
        }
        1 => input.truncate(random.usize(..input.len())),
        2 => {
            let more = random.usize(1..=8);
            input.resize(input.len() + more, 0);
        }
        3 => {
            let length = random.usize(..64);
            input = bytes(random, length);
        }
        _ => {}
    }
    input
}

/// Mostly what the reply needs, or a byte or two more or less.
fn output_length(random: &mut Rng, code: u32, processors: u32) -> u32 {
    let header = length(size_of::<ReplyHeader>());
    let kind = if code == CONTROL_STATUS {
        RecordKind::Status
    } else {
        RecordKind::Snapshot
    };
    let record = length(kind.record_size());
    let whole = header + processors * record;
    let near = |random: &mut Rng, length: u32| (length + random.u32(..5)).saturating_sub(2);
    match random.u32(..16) {
        0 => 0,
        1 => random.u32(..=header),
        2 => near(random, header),
        3 => near(random, whole - record),
        4..8 => near(random, whole),
        8 => random.u32(..=whole),
        9 => whole + random.u32(..=whole),
        _ => whole,
    }
}

fn bytes(random: &mut Rng, length: usize) -> Vec<u8> {
    let mut bytes = alloc::vec![0; length];
    random.fill(&mut bytes);
    bytes
}

fn length(size: usize) -> u32 {
    u32::try_from(size).expect("a few hundred bytes")
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
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_seed_determines_the_requests() {
        let requests = |seed| -> Vec<Control> {
            let mut random = Rng::with_seed(seed);
            (0..100).map(|_| Control::random(&mut random, 4)).collect()
        };
        assert_eq!(requests(1), requests(1));
        assert_ne!(requests(1), requests(2));
    }

    #[test]
    fn every_kind_of_answer_is_asked_for() {
        let mut random = Rng::with_seed(0);
        let mut kinds = BTreeMap::<_, u32>::new();
        for _ in 0..10_000 {
            let control = Control::random(&mut random, 4);
            *kinds
                .entry(control.expectation(true, false, 4).name())
                .or_default() += 1;
        }
        assert_eq!(kinds.len(), 5, "{kinds:?}");
        assert!(kinds.values().all(|count| *count > 200), "{kinds:?}");
    }
}
