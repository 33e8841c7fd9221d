//! One snapshot in the lab, and all that is logged about it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use lab::{Access, Config, Handle, Lab, Operation, OperationResult, Report, Thread};
use protocol::{CONTROL_SNAPSHOT, Reply, ReplyHeader, Request, SnapshotRecord};

/// Enough for 255 processors, one instruction at a time.
const LIMIT: Duration = Duration::from_mins(2);

/// The second snapshot after loading: the first has warmed up what is kept.
pub(crate) struct Snapshot {
    /// Processors.
    pub processors: u32,
    /// What each processor executed of the driver meanwhile, as offsets in the image.
    pub executed: Vec<Vec<u64>>,
    /// How much the time-stamp counter went on while the caller waited.
    pub lasted: u64,
    /// How far apart the captures are, by the same counter.
    pub tsc_skew: u64,
    /// Control codes that the caller sent, each a system call.
    pub requests: u64,
    /// Length of the reply in bytes.
    pub reply: u64,
    /// What the lab had counted before.
    pub before: Report,
    /// What it had counted afterwards.
    pub after: Report,
}

impl Snapshot {
    /// Boots, takes two snapshots, and keeps what belongs to the second.
    pub(crate) fn take(processors: u32, kernel: &Path, driver: &Path) -> Result<Self> {
        let mut lab = Lab::boot(&config(processors), kernel, driver)?;
        lab.load()?;
        let handle = lab.open(protocol::USER_PATH, Access::READ)?;
        ask(&mut lab, handle, processors)?;
        lab.forget_writes()?;
        let before = lab.report()?;
        let earlier = lab.executed()?;
        let asked = ask(&mut lab, handle, processors)?;
        let mut executed = lab.executed()?;
        let after = lab.report()?;
        for (all, earlier) in executed.iter_mut().zip(earlier) {
            all.drain(..earlier.len());
        }
        lab.close(handle)?;
        lab.unload()?;
        lab.shutdown()?;
        Ok(Self {
            processors,
            executed,
            lasted: asked.lasted,
            tsc_skew: asked.tsc_skew,
            requests: asked.requests,
            reply: asked.reply,
            before,
            after,
        })
    }

    /// Where the DPC's routine begins and ends: a processor other than the caller's executes
    /// nothing else of the driver.
    pub(crate) fn routine(&self) -> Option<(u64, u64)> {
        let other = self.executed.get(1)?;
        Some((*other.first()?, *other.last()?))
    }
}

/// A machine whose instructions are counted and logged.
pub(crate) fn config(processors: u32) -> Config {
    Config {
        processors,
        count_instructions: true,
        log_instructions: true,
        timeout: LIMIT,
        ..Config::default()
    }
}

/// What a thread has that asked for a snapshot: as [`Snapshot`] has it.
struct Asked {
    lasted: u64,
    tsc_skew: u64,
    requests: u64,
    reply: u64,
}

/// Has a thread ask for a snapshot, between two looks at the time-stamp counter.
fn ask(lab: &mut Lab, handle: Handle, processors: u32) -> Result<Asked> {
    let length = size_of::<ReplyHeader>() + processors as usize * size_of::<SnapshotRecord>();
    let request = Operation::Ioctl {
        handle,
        code: CONTROL_SNAPSHOT,
        input: bytemuck::bytes_of(&Request::new()).to_vec(),
        output_length: u32::try_from(length)?,
    };
    let outcomes = lab.run(vec![Thread {
        processor: 0,
        operations: vec![Operation::TimeStamp, request, Operation::TimeStamp],
    }])?;
    let outcomes = outcomes.concat();
    let requests = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, OperationResult::Ioctl(_)));
    let requests = requests.count() as u64;
    let [
        OperationResult::TimeStamp(begun),
        OperationResult::Ioctl(reply),
        OperationResult::TimeStamp(ended),
    ] = outcomes.as_slice()
    else {
        bail!("{outcomes:?} instead of a snapshot between time stamps");
    };
    if reply.status != 0 {
        bail!("a snapshot ended with status {:#010x}", reply.status);
    }
    let length = reply.output.len() as u64;
    let reply = Reply::<SnapshotRecord>::parse(&reply.output)?;
    let captures = || reply.records().map(|record| record.tsc);
    let (first, last) = captures().min().zip(captures().max()).unwrap_or_default();
    Ok(Asked {
        lasted: ended - begun,
        tsc_skew: last - first,
        requests,
        reply: length,
    })
}
