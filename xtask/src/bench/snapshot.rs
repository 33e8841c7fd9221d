//! One snapshot in the lab, and all that is logged about it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use lab::{Access, Config, Handle, Lab, Report};
use protocol::{CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader, Request, SnapshotRecord};
use zerocopy::IntoBytes;

/// Enough for 255 processors, one instruction at a time.
const LIMIT: Duration = Duration::from_mins(2);

/// The second snapshot after loading: the first has warmed up what is kept.
pub struct Snapshot {
    /// Processors.
    pub processors: u32,
    /// What each processor executed of the driver meanwhile, as offsets in the image.
    pub executed: Vec<Vec<u64>>,
    /// The driver's instructions of a request that asks for nothing, at the caller's.
    pub empty_request: u64,
    /// What the lab had counted before.
    pub before: Report,
    /// What it had counted afterwards.
    pub after: Report,
}

impl Snapshot {
    /// Boots, takes two snapshots, and keeps what belongs to the second.
    pub fn take(processors: u32, kernel: &Path, driver: &Path) -> Result<Self> {
        let config = Config {
            processors,
            count_instructions: true,
            log_instructions: true,
            timeout: LIMIT,
            ..Config::default()
        };
        let mut lab = Lab::boot(&config, kernel, driver)?;
        lab.load()?;
        let handle = lab.open(protocol::USER_PATH, Access::READ)?;
        ask(&mut lab, handle, processors)?;
        let before = lab.report()?;
        let earlier = lab.executed()?;
        ask(&mut lab, handle, processors)?;
        let mut executed = lab.executed()?;
        let after = lab.report()?;
        let empty_request = empty_request(&mut lab, handle)?;
        for (all, earlier) in executed.iter_mut().zip(earlier) {
            all.drain(..earlier.len());
        }
        lab.close(handle)?;
        lab.unload()?;
        lab.shutdown()?;
        Ok(Self {
            processors,
            executed,
            empty_request,
            before,
            after,
        })
    }

    /// Where the DPC's routine begins and ends: a processor other than the caller's executes
    /// nothing else of the driver.
    pub fn routine(&self) -> Option<(u64, u64)> {
        let other = self.executed.get(1)?;
        Some((*other.first()?, *other.last()?))
    }
}

/// What the driver does for a request of a client that wants to know its version.
fn empty_request(lab: &mut Lab, handle: Handle) -> Result<u64> {
    let at_caller = |lab: &Lab| -> Result<usize> {
        let executed = lab.executed()?;
        Ok(executed.first().map_or(0, Vec::len))
    };
    let request = Request {
        version: 0,
        ..Request::new()
    };
    let earlier = at_caller(lab)?;
    let length = u32::try_from(size_of::<ReplyHeader>())?;
    let reply = lab.ioctl(handle, CONTROL_STATUS, request.as_bytes(), length)?;
    if reply.status != 0 {
        bail!("an empty request ended with status {:#010x}", reply.status);
    }
    Ok((at_caller(lab)? - earlier) as u64)
}

fn ask(lab: &mut Lab, handle: Handle, processors: u32) -> Result<()> {
    let length = size_of::<ReplyHeader>() + processors as usize * size_of::<SnapshotRecord>();
    let reply = lab.ioctl(
        handle,
        CONTROL_SNAPSHOT,
        Request::new().as_bytes(),
        u32::try_from(length)?,
    )?;
    if reply.status != 0 {
        bail!("a snapshot ended with status {:#010x}", reply.status);
    }
    Ok(())
}
