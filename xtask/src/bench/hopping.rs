//! The usual way, in the lab: a thread goes to each processor in turn and makes a request for
//! each register, as `rdmsr`, chipsec and PCM do.

use std::path::Path;

use amd_svm::witness::REGISTERS;
use anyhow::{Context, Result, bail};
use lab::mapped_image::{MappedImage, RDTSC};
use lab::{Access, Handle, Lab, Operation, OperationResult, Report};

use self::requests::{CONTROL_REGISTER, CONTROL_SEGMENT, Register, Segment, SegmentName};
use super::Figures;
use super::snapshot::config;

#[path = "../../../lab/hopping/src/requests.rs"]
mod requests;

/// Each with its descriptor.
const SEGMENTS: [SegmentName; 4] = [
    SegmentName::Fs,
    SegmentName::Gs,
    SegmentName::Ldtr,
    SegmentName::Tr,
];

/// One way through all processors, and all that is logged about it.
pub struct Hopping {
    /// Processors.
    processors: u32,
    /// How much the time-stamp counter went on from before the first request until after the
    /// last.
    lasted: u64,
    /// The same from the first reading until the last.
    skew: u64,
    /// How many readings there were, each a request.
    requests: u64,
    /// What was executed of the driver meanwhile, as offsets in the image: by one processor at
    /// a time, in this order.
    executed: Vec<u64>,
    /// Interrupts that took the thread to another processor.
    hops: u64,
}

impl Hopping {
    /// Boots, and goes through all processors.
    pub fn take(processors: u32, kernel: &Path, driver: &Path) -> Result<Self> {
        let mut lab = Lab::boot(&config(processors), kernel, driver)?;
        lab.load()?;
        let handle = lab.open(requests::USER_PATH, Access::READ)?;
        let before = lab.report()?;
        let earlier = lab.executed()?;
        let outcomes = lab.run_in_turn((0..processors).collect(), readings(handle))?;
        let executed = lab.executed()?.into_iter().zip(earlier);
        let executed = executed.flat_map(|(mut all, earlier)| all.split_off(earlier.len()));
        let executed = executed.collect();
        let after = lab.report()?;
        lab.close(handle)?;
        lab.unload()?;
        lab.shutdown()?;
        let outcomes = outcomes.concat();
        let stamps: Vec<u64> = outcomes.iter().filter_map(stamp).collect();
        let requests = outcomes.iter().filter(|outcome| stamp(outcome).is_none());
        let readings = requests.map(reading).collect::<Result<Vec<u64>>>()?;
        Ok(Self {
            processors,
            lasted: span(&stamps).context("no time stamps")?,
            skew: span(&readings).context("no readings")?,
            requests: readings.len() as u64,
            executed,
            hops: threads(&after) - threads(&before) - 1,
        })
    }

    /// Adds the figures.
    pub fn report(&self, image: &MappedImage, figures: &mut Figures) -> Result<()> {
        let count = self.processors;
        let stamps = self.executed.iter().enumerate();
        let stamps = stamps.filter(|(_, offset)| image.is_at(**offset, RDTSC));
        let stamps: Vec<u64> = stamps.map(|(index, _)| index as u64).collect();
        let (first, last) = stamps.first().zip(stamps.last()).context("no readings")?;
        if stamps.len() as u64 != self.requests {
            bail!("{} readings for {} requests", stamps.len(), self.requests);
        }
        let mut put =
            |name: &str, value: u64| figures.insert(format!("hopping.{name}.{count}"), value);
        put("requests", self.requests);
        put("hops", self.hops);
        put("total", self.executed.len() as u64);
        put("skew", last - first);
        put("machine", self.lasted);
        put("machine_skew", self.skew);
        Ok(())
    }
}

/// What the thread does on each processor, between time stamps.
fn readings(handle: Handle) -> Vec<Operation> {
    let request = |code, input: &[u8], output_length: usize| Operation::Ioctl {
        handle,
        code,
        input: input.to_vec(),
        output_length: u32::try_from(output_length).unwrap_or(u32::MAX),
    };
    let registers = REGISTERS.map(|msr| {
        let input = msr.number().to_ne_bytes();
        request(CONTROL_REGISTER, &input, size_of::<Register>())
    });
    let segments = SEGMENTS.map(|name| {
        let input = (name as u32).to_ne_bytes();
        request(CONTROL_SEGMENT, &input, size_of::<Segment>())
    });
    let stamp = || std::iter::once(Operation::TimeStamp);
    let all = stamp().chain(registers).chain(segments).chain(stamp());
    all.collect()
}

/// How much later the last is than the first.
fn span(stamps: &[u64]) -> Option<u64> {
    Some(stamps.last()? - stamps.first()?)
}

fn stamp(outcome: &OperationResult) -> Option<u64> {
    match outcome {
        OperationResult::TimeStamp(stamp) => Some(*stamp),
        _ => None,
    }
}

/// When a request read what it was asked for.
fn reading(outcome: &OperationResult) -> Result<u64> {
    let OperationResult::Ioctl(reply) = outcome else {
        bail!("{outcome:?} where a request was made");
    };
    if reply.status != 0 {
        bail!("a reading ended with status {:#010x}", reply.status);
    }
    let tsc = reply.output.first_chunk();
    let tsc = tsc.context("a reading without a time stamp")?;
    Ok(u64::from_ne_bytes(*tsc))
}

fn threads(report: &Report) -> u64 {
    report.processors.iter().map(|one| one.threads).sum()
}
