//! QEMU's monitor, which shows the registers of the emulated processors, against what the driver's
//! VMSAVE stored of the same processors.
//!
//! Both read the same fields of the emulated processor, so all values have to be equal, the hidden
//! attributes too: no form in which processors may store them differs here.

use anyhow::{Context as _, Result, ensure};
use lab::monitor::{ProcessorRegisters, SegmentRegister};
use lab::{Access, Config, Handle, Lab, ProcessorChange};
use protocol::{Record as _, Reply, ReplyHeader, Request, SnapshotRecord};
use wdk_linux::host::{self, Workspace, step};
use xtask::artifact::{self, Profile};
use xtask::needs;

use crate::Verdict;

/// Logical processors of the machines.
const PROCESSORS: [u32; 2] = [8, 64];

/// Compares all values of each machine as it boots, and once more when each processor has values
/// that no other has.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for processors in PROCESSORS {
        let mut machine = Machine::boot(workspace, processors)?;
        let place = format!("{processors} processors");
        verdict.absorb(&place, machine.judge()?);
        for index in 0..processors {
            machine.lab.set_processor(index, distinct(index))?;
        }
        verdict.absorb(&format!("{place}, all different"), machine.judge()?);
        machine.stop()?;
    }
    Ok(verdict)
}

/// Values of FS, GS and TR that no other processor and no other register has.
fn distinct(processor: u32) -> ProcessorChange {
    let number = u64::from(processor);
    ProcessorChange {
        fs_base: Some(0x4_0000_0ABC + 0x1_0000_0000 * number),
        gs_base: Some(0xFFFF_F000_0050_0ABC + 0x1_0000_0000 * number),
        fs_descriptor: Some(0x0040_F300_0000_1000 + number),
        // Expand-down data with AVL, so that attributes differ too.
        gs_descriptor: Some(0x0050_F700_0000_0010 + number),
        tss_limit: Some(0x67 + processor),
        ..ProcessorChange::default()
    }
}

/// A machine with the driver started and its device open.
struct Machine {
    lab: Lab,
    device: Handle,
}

impl Machine {
    /// Builds what it is made of, if need be, and boots it.
    fn boot(workspace: &Workspace, processors: u32) -> Result<Self> {
        host::ensure(workspace, needs::DEMO, needs::TARGETS)?;
        let driver = artifact::build_driver(workspace, Profile::Release)?;
        let kernel = artifact::build_kernel(workspace)?;
        let config = Config {
            processors,
            monitor: true,
            ..Config::default()
        };
        step(&format!("booting {processors} processors"), |_| {
            let mut lab = Lab::boot(&config, &kernel, &driver)?;
            lab.load()?;
            let device = lab.open(protocol::USER_PATH, Access::READ)?;
            Ok(Self { lab, device })
        })
    }

    /// Takes a snapshot, asks the monitor while no processor executes anything of its own, and
    /// compares.
    fn judge(&mut self) -> Result<Verdict> {
        let records = self.snapshot()?;
        let shown = self.lab.qemu_registers()?;
        Ok(compare(&records, &shown))
    }

    /// A record of each processor.
    fn snapshot(&mut self) -> Result<Vec<SnapshotRecord>> {
        let processors = self.lab.ready().processors as usize;
        let room = size_of::<ReplyHeader>() + processors * size_of::<SnapshotRecord>();
        let (request, room) = (Request::new(), u32::try_from(room)?);
        let control = SnapshotRecord::CONTROL;
        let result = self
            .lab
            .ioctl(self.device, control, bytemuck::bytes_of(&request), room)?;
        ensure!(result.status == 0, "NTSTATUS {:#010x}", result.status);
        let reply = Reply::<SnapshotRecord>::parse(&result.output);
        let reply = reply.context("the driver's reply")?;
        Ok(reply.records().collect())
    }

    fn stop(mut self) -> Result<()> {
        self.lab.close(self.device)?;
        let report = self.lab.unload()?;
        ensure!(report.is_clean(), "unloading left something: {report:?}");
        self.lab.shutdown()?;
        Ok(())
    }
}

/// Compares selector, attributes, limit and base of the segment registers that VMSAVE stores.
/// Processors are found by their system-wide index, which is QEMU's number of the processor.
fn compare(records: &[SnapshotRecord], shown: &[ProcessorRegisters]) -> Verdict {
    let mut verdict = Verdict::default();
    let indices: Vec<usize> = records.iter().map(|one| one.id.index as usize).collect();
    let numbers: Vec<usize> = (0..shown.len()).collect();
    verdict.same("processors", &indices, &numbers);
    for (record, shown) in records.iter().zip(shown) {
        let state = &record.state;
        for (register, stored, shown) in [
            ("fs", &state.fs, shown.fs),
            ("gs", &state.gs, shown.gs),
            ("ldtr", &state.ldtr, shown.ldtr),
            ("tr", &state.tr, shown.tr),
        ] {
            let SegmentRegister {
                selector,
                base,
                limit,
                ..
            } = shown;
            let mut same = |part: &str, stored: u64, shown: u64| {
                let violation = (stored != shown)
                    .then(|| format!("{part} is {stored:#x} by VMSAVE, {shown:#x} by the monitor"));
                let index = record.id.index;
                verdict
                    .add(violation.map(|found| format!("processor {index}: {register}.{found}")));
            };
            let attributes = stored.attributes.into_bits();
            same("selector", stored.selector.into(), selector.into());
            same("attributes", attributes.into(), shown.attributes().into());
            same("limit", stored.limit.into(), limit.into());
            same("base", stored.base, base);
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use amd_svm::segment::{Segment, SegmentAttributes};
    use protocol::ProcessorId;

    use super::*;

    fn segment(selector: u16, attributes: u16, limit: u32, base: u64) -> Segment {
        Segment {
            selector,
            attributes: SegmentAttributes::from_bits(attributes),
            limit,
            base,
        }
    }

    fn shown() -> ProcessorRegisters {
        let register = |selector, base, limit, flags| SegmentRegister {
            selector,
            base,
            limit,
            flags,
        };
        ProcessorRegisters {
            fs: register(0x53, 0x06A1_E000, 0x3C00, 0x0040_F300),
            gs: register(0x2B, 0xFFFF_F801_1D0A_5000, 0xFFFF_FFFF, 0x00CF_F300),
            ldtr: register(0, 0, 0, 0x8200),
            tr: register(0x40, 0xFFFF_8000_0F5B_1060, 0x67, 0x8900),
        }
    }

    /// The record of processor 0 that fits what is shown.
    fn record() -> SnapshotRecord {
        let mut record = SnapshotRecord::default();
        record.id = ProcessorId {
            index: 0,
            ..record.id
        };
        record.state.fs = segment(0x53, 0x4F3, 0x3C00, 0x06A1_E000);
        record.state.gs = segment(0x2B, 0xCF3, 0xFFFF_FFFF, 0xFFFF_F801_1D0A_5000);
        record.state.ldtr = segment(0, 0x082, 0, 0);
        record.state.tr = segment(0x40, 0x089, 0x67, 0xFFFF_8000_0F5B_1060);
        record
    }

    #[test]
    fn equal_values_are_counted_and_others_are_named() {
        let verdict = compare(&[record()], &[shown()]);
        assert_eq!((verdict.compared(), verdict.held()), (17, 17));
        let mut other = record();
        other.state.tr.attributes.set_segment_type(0xB);
        other.state.fs.selector = 0x2B;
        assert_eq!(
            compare(&[other], &[shown()]).violations(),
            [
                "processor 0: fs.selector is 0x2b by VMSAVE, 0x53 by the monitor",
                "processor 0: tr.attributes is 0x8b by VMSAVE, 0x89 by the monitor",
            ]
        );
    }

    #[test]
    fn a_processor_that_only_one_of_them_has_is_named() {
        let mut moved = record();
        moved.id.index = 7;
        for (records, processors) in [
            (vec![moved], vec![shown()]),
            (vec![], vec![shown()]),
            (vec![record()], vec![]),
        ] {
            let verdict = compare(&records, &processors);
            assert_eq!(verdict.held() + 1, verdict.compared(), "{verdict:?}");
        }
    }
}

/// Damage that the judge has to notice, in the registers of a processor.
#[cfg(all(test, feature = "boot"))]
mod damage {
    use super::*;

    #[test]
    fn registers_that_change_after_the_snapshot_are_noticed() {
        let workspace = Workspace::locate().unwrap();
        let mut machine = Machine::boot(&workspace, 2).unwrap();
        let records = machine.snapshot().unwrap();
        let change = ProcessorChange {
            tss_limit: Some(0x1234),
            ..ProcessorChange::default()
        };
        machine.lab.set_processor(1, change).unwrap();
        let shown = machine.lab.qemu_registers().unwrap();
        assert_eq!(
            compare(&records, &shown).violations(),
            ["processor 1: tr.limit is 0x67 by VMSAVE, 0x1234 by the monitor"]
        );
        machine.stop().unwrap();
    }
}
