//! A driver without a kernel: an imagined machine behind the real protocol.

use client::{Device, DeviceError, KernelModule, Machine, ProcessorModel, Timestamp};
use protocol::{
    CONTROL_SNAPSHOT, CONTROL_STATUS, Outcome, ProcessorId, Record, ReplyHeader, Request,
    SnapshotRecord, StatusRecord,
};
use protocol_samples::{captured, possible};

/// `FILE_WRITE_ACCESS` in a control code.
const DEMANDS_WRITE: u32 = 2 << 14;

/// How the driver says that the buffer is too small.
#[derive(Clone, Copy)]
pub enum WhenTooSmall {
    /// With the header, which tells the size.
    Header,
    /// With a status alone.
    Nothing,
}

pub struct Driver {
    pub protocol: u16,
    pub version: [u16; 3],
    pub maximum_processors: u32,
    pub statuses: Vec<StatusRecord>,
    pub snapshots: Vec<SnapshotRecord>,
    pub when_too_small: WhenTooSmall,
    /// [`ReplyHeader::flags`].
    pub flags: u32,
    /// Processors that are added before each request.
    pub added_each_time: u32,
    /// What the system has loaded: the kernel, where the entry points are, and a driver.
    pub modules: Vec<KernelModule>,
    /// The processor, if its host may be reset by VMSAVE.
    pub resets_hosts: Option<ProcessorModel>,
    /// What the system tells of its machine: nothing.
    pub machine: Machine,
    /// The system's clock, which stands still, or is not there.
    pub clock: Option<Timestamp>,
    /// Every request that came: control code and length of the output buffer.
    pub requests: Vec<(u32, usize)>,
}

impl Driver {
    /// A driver on an AMD machine that refuses nothing, with this many processors in one group
    /// after the other, each of `group_size`.
    pub fn new(processors: u32, group_size: u32) -> Self {
        let mut driver = Self {
            protocol: protocol::VERSION,
            version: [0, 1, 0],
            maximum_processors: processors,
            statuses: Vec::new(),
            snapshots: Vec::new(),
            when_too_small: WhenTooSmall::Header,
            flags: 0,
            added_each_time: 0,
            modules: vec![
                module("ntoskrnl.exe", 0xFFFF_F803_1A00_0000, 0x104_7000),
                module("hook.sys", 0xFFFF_F803_2000_0000, 0x8000),
            ],
            resets_hosts: None,
            machine: Machine::default(),
            clock: None,
            requests: Vec::new(),
        };
        for index in 0..processors {
            driver.add(ProcessorId {
                index,
                group: (index / group_size).try_into().unwrap(),
                number: (index % group_size).try_into().unwrap(),
                reserved: 0,
            });
        }
        driver
    }

    /// The same with all processors in one group.
    pub fn with_processors(processors: u32) -> Self {
        Self::new(processors, processors)
    }

    pub fn add(&mut self, id: ProcessorId) {
        self.statuses.push(possible(id));
        self.snapshots.push(captured(id));
    }

    /// Lets a processor refuse, in both kinds of records.
    pub fn refuse(&mut self, index: usize, outcome: impl Into<Outcome>) -> &mut Self {
        let outcome = outcome.into();
        self.statuses[index].outcome = outcome;
        let id = self.snapshots[index].id;
        self.snapshots[index] = SnapshotRecord {
            id,
            outcome,
            ..SnapshotRecord::default()
        };
        self
    }

    pub fn refuse_everywhere(&mut self, outcome: impl Into<Outcome> + Copy) -> &mut Self {
        for index in 0..self.statuses.len() {
            self.refuse(index, outcome);
        }
        self
    }

    pub fn snapshot(&mut self, index: usize) -> &mut SnapshotRecord {
        &mut self.snapshots[index]
    }

    pub fn hypervisor(&mut self, signature: [u8; 12]) -> &mut Self {
        for status in &mut self.statuses {
            status.hypervisor = signature;
        }
        self
    }

    fn reply<R: Record>(&self, records: &[R], output: &mut [u8]) -> Result<usize, DeviceError> {
        let needed = size_of::<ReplyHeader>() + size_of_val(records);
        let mut header = ReplyHeader {
            version: self.protocol,
            driver_version: self.version,
            header_size: size_of::<ReplyHeader>().try_into().unwrap(),
            record_size: size_of::<R>().try_into().unwrap(),
            record_count: records.len().try_into().unwrap(),
            needed: needed.try_into().unwrap(),
            active_processors: self.statuses.len().try_into().unwrap(),
            maximum_processors: self.maximum_processors,
            flags: self.flags,
            reserved: [0; 4],
        };
        if let Some(place) = output.get_mut(..needed) {
            let (start, rest) = place.split_at_mut(size_of::<ReplyHeader>());
            start.copy_from_slice(bytemuck::bytes_of(&header));
            rest.copy_from_slice(bytemuck::cast_slice(records));
            return Ok(needed);
        }
        Err(match self.when_too_small {
            WhenTooSmall::Header if output.len() < size_of::<ReplyHeader>() => {
                DeviceError::from_ntstatus(0xC000_0023, 0)
            }
            WhenTooSmall::Header => {
                header.record_count = 0;
                output[..size_of::<ReplyHeader>()].copy_from_slice(bytemuck::bytes_of(&header));
                DeviceError::from_ntstatus(0x8000_0005, size_of::<ReplyHeader>())
            }
            WhenTooSmall::Nothing => DeviceError::from_ntstatus(0xC000_0023, 0),
        })
    }
}

impl Device for &mut Driver {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        self.requests.push((code, output.len()));
        for _ in 0..self.added_each_time {
            let index = self.statuses.len().try_into().unwrap();
            self.add(ProcessorId {
                index,
                ..ProcessorId::default()
            });
        }
        let refusal = |status| Err(DeviceError::from_ntstatus(status, 0));
        // The handle is one for reading.
        if code & DEMANDS_WRITE != 0 {
            return refusal(0xC000_0022);
        }
        if ![CONTROL_STATUS, CONTROL_SNAPSHOT].contains(&code) {
            return refusal(0xC000_0010);
        }
        let Ok(request) = bytemuck::try_pod_read_unaligned::<Request>(input) else {
            return refusal(0xC000_0004);
        };
        if request.reserved != [0; 6] {
            return refusal(0xC000_000D);
        }
        match (code, request.version) {
            (CONTROL_STATUS, 0) => self.reply::<StatusRecord>(&[], output),
            (_, version) if version != self.protocol => refusal(0xC000_0059),
            (CONTROL_STATUS, _) => self.reply(&self.statuses, output),
            _ => self.reply(&self.snapshots, output),
        }
    }

    fn processor_that_resets_hosts(&self) -> Option<ProcessorModel> {
        self.resets_hosts
    }

    fn kernel_modules(&mut self) -> Vec<KernelModule> {
        self.modules.clone()
    }

    fn machine(&mut self) -> Machine {
        self.machine.clone()
    }

    fn clock(&mut self) -> Option<Timestamp> {
        self.clock
    }
}

pub(crate) fn module(name: &str, base: u64, size: u32) -> KernelModule {
    KernelModule {
        name: name.to_owned(),
        base,
        size,
    }
}
