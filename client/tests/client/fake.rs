//! A driver without a kernel: an imagined machine behind the real protocol.

use amd_svm::capture::Cycles;
use amd_svm::segment::Segment;
use amd_svm::vmcb::{SystemCallRegisters, VmsaveState};
use amd_svm::witness::Witness;
use client::{Device, DeviceError, KernelModule, Machine, ProcessorModel, Timestamp};
use protocol::{
    CONTROL_SNAPSHOT, CONTROL_STATUS, Outcome, ProcessorId, Record, ReplyHeader, Request,
    SnapshotRecord, StatusRecord,
};
use zerocopy::{FromBytes, IntoBytes};

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
            header.write_to_prefix(place).unwrap();
            let mut rest = &mut place[size_of::<ReplyHeader>()..];
            for record in records {
                record.write_to_prefix(rest).unwrap();
                rest = &mut rest[size_of::<R>()..];
            }
            return Ok(needed);
        }
        Err(match self.when_too_small {
            WhenTooSmall::Header if output.len() < size_of::<ReplyHeader>() => {
                DeviceError::from_ntstatus(0xC000_0023, 0)
            }
            WhenTooSmall::Header => {
                header.record_count = 0;
                header.write_to_prefix(output).unwrap();
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
        let Ok(request) = Request::read_from_bytes(input) else {
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

pub fn module(name: &str, base: u64, size: u32) -> KernelModule {
    KernelModule {
        name: name.to_owned(),
        base,
        size,
    }
}

/// The status of a processor on which nothing speaks against VMSAVE.
fn possible(id: ProcessorId) -> StatusRecord {
    StatusRecord {
        id,
        outcome: Outcome::DONE,
        svm_features: 0x1003_BCFF,
        efer: 0x0D01,
        asids: 32768,
        svm_revision: 1,
        reserved: [0; 3],
        vendor: *b"AuthenticAMD",
        hypervisor: [0; 12],
    }
}

/// What VMSAVE stores under Windows, with addresses that tell the processor.
fn captured(id: ProcessorId) -> SnapshotRecord {
    let stride = u64::from(id.index) << 20;
    let segment = |selector, attributes: u16, limit, base| Segment {
        selector,
        attributes: attributes.into(),
        limit,
        base,
    };
    let state = VmsaveState {
        fs: segment(0x53, 0x4F3, 0x3C00, 0),
        gs: segment(0x2B, 0xCF3, 0xFFFF_FFFF, 0xFFFF_C480_0000_0000 + stride),
        ldtr: segment(0, 0, 0, 0),
        tr: segment(0x40, 0x8B, 0x67, 0xFFFF_C480_0001_0000 + stride),
        system_call: SystemCallRegisters {
            star: 0x0023_0010_0000_0000,
            lstar: 0xFFFF_F803_1A42_B6C0,
            cstar: 0xFFFF_F803_1A42_B380,
            sfmask: 0x4700,
            kernel_gs_base: 0x0000_0071_8C3D_4000 + stride,
            sysenter_cs: 0,
            sysenter_esp: 0,
            sysenter_eip: 0,
        },
    };
    SnapshotRecord {
        id,
        outcome: Outcome::DONE,
        witness_outcome: Outcome::DONE,
        tsc: 0x0000_0123_4567_0000 + u64::from(id.index),
        efer_found: 0x0D01,
        efer_left: 0x0D01,
        state,
        witness: Witness {
            system_call: state.system_call,
            fs_base: state.fs.base,
            gs_base: state.gs.base,
            fs_selector: state.fs.selector,
            gs_selector: state.gs.selector,
            tr_selector: state.tr.selector,
            ldtr_selector: state.ldtr.selector,
            fs_descriptor: 0x0040_F300_0000_3C00,
            gs_descriptor: 0x00CF_F300_0000_FFFF,
            tr_descriptor: tss_descriptor(state.tr.base),
        },
        cycles: Cycles {
            prepare: 4000,
            vmsave: 300,
            restore: 900,
        },
        witness_cycles: 1100,
        reserved: [0; 2],
    }
}

/// The descriptor of a busy task state segment without an I/O permission map.
fn tss_descriptor(base: u64) -> [u64; 2] {
    let low = 0x0000_8B00_0000_0067 | (base & 0xFF_FFFF) << 16 | (base >> 24 & 0xFF) << 56;
    [low, base >> 32]
}
