//! The init process of the machine that `cargo xtask bench --peer` boots: it reads registers of
//! every processor through Linux' `/dev/cpu/N/msr`, in three ways, and prints what each took.
//!
//! Its arguments are the numbers of the registers. It knows nothing of svmsave: what is measured
//! is the kernel, `rdmsr`, and as little else as there can be.
//!
//! It prints lines of `peer NAME VALUE`, which the kernel's own messages may stand between:
//!
//! | name | value |
//! |---|---|
//! | `processors` | how many it read |
//! | `WAY.cost` | instructions of the whole machine |
//! | `WAY.set` | those between the first reading of any register and the last, at least |
//! | `WAY.register` | those between the readings of one register on the first and the last processor, at least, if there are more than two |
//! | `done` | 0, the last line if nothing failed |
//! | `failed` | why it ends without |
//!
//! Each way is gone once to warm up, and then [`REPETITIONS`] times, each with its lines.

mod machine;
mod time_stamp;
mod ways;

use std::env;
use std::fmt::Display;

use anyhow::{Context as _, Result, bail};

use ways::Reading;

/// How often each way is measured.
const REPETITIONS: usize = 5;

/// `FS.base`, the one register here that is of whichever process runs on a processor.
const FS_BASE: u32 = 0xC000_0100;

fn main() {
    match run() {
        Ok(()) => say("done", 0),
        Err(error) => say("failed", format!("{error:#}")),
    }
    machine::end();
}

fn run() -> Result<()> {
    machine::prepare()?;
    let registers = env::args().skip(1).map(|word| number(&word));
    let registers = registers.collect::<Result<Vec<u32>>>()?;
    let processors = ways::processors()?.len();
    say("processors", processors);
    let mut known: Option<Vec<Vec<u64>>> = None;
    for (name, way) in ways::ALL {
        for repetition in 0..=REPETITIONS {
            let reading = way(&registers).with_context(|| name.to_owned())?;
            let values = comparable(&registers, &reading, processors)?;
            match &known {
                Some(known) if *known != values => {
                    bail!("{name}: read {values:x?} where {known:x?} was read before")
                }
                Some(_) => {}
                None => known = Some(values),
            }
            if repetition > 0 {
                tell(name, &reading);
            }
        }
    }
    Ok(())
}

/// A register's number, as in `0xc0000082`.
fn number(word: &str) -> Result<u32> {
    let digits = word.strip_prefix("0x").unwrap_or_default();
    u32::from_str_radix(digits, 16).with_context(|| format!("`{word}` is no register"))
}

/// The values by register, in an order of their own because the ways differ in that of the
/// processors, without those that change between two readings.
fn comparable(registers: &[u32], reading: &Reading, processors: usize) -> Result<Vec<Vec<u64>>> {
    if reading.values.len() != registers.len() {
        bail!("values of {} registers", reading.values.len());
    }
    let all = registers.iter().zip(&reading.values);
    let all = all.map(|(register, values)| {
        if values.len() != processors {
            bail!("{} values of register {register:#x}", values.len());
        }
        let mut values = values.clone();
        values.sort_unstable();
        values.retain(|_| *register != FS_BASE);
        Ok(values)
    });
    all.collect()
}

fn tell(name: &str, reading: &Reading) {
    say(&format!("{name}.cost"), reading.cost);
    for (quantity, span) in [("set", reading.set), ("register", reading.register)] {
        if let Some(span) = span {
            say(&format!("{name}.{quantity}"), span);
        }
    }
}

fn say(name: &str, value: impl Display) {
    println!("peer {name} {value}");
}
