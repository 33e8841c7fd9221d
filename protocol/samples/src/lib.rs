//! What svmsave.sys answers on a machine that is imagined: the records of its processors, and replies
//! of any bytes.

use amd_svm::capture::Cycles;
use amd_svm::segment::Segment;
use amd_svm::vmcb::{SystemCallRegisters, VmsaveState};
use amd_svm::witness::Witness;
use protocol::{Outcome, ProcessorId, SnapshotRecord, StatusRecord};

/// The status of a processor on which nothing speaks against VMSAVE.
#[must_use]
pub fn possible(id: ProcessorId) -> StatusRecord {
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

/// What VMSAVE stores under Windows, and the same read without it, with addresses that tell the
/// processor.
#[must_use]
pub fn captured(id: ProcessorId) -> SnapshotRecord {
    let state = state(id.index);
    SnapshotRecord {
        id,
        outcome: Outcome::DONE,
        witness_outcome: Outcome::DONE,
        tsc: 0x0000_0123_4567_0000 + u64::from(id.index),
        efer_found: 0x0D01,
        efer_left: 0x0D01,
        state,
        witness: witness(&state),
        cycles: Cycles {
            prepare: 4000,
            vmsave: 300,
            restore: 900,
        },
        witness_cycles: 1100,
        reserved: [0; 2],
    }
}

fn state(index: u32) -> VmsaveState {
    let stride = u64::from(index) << 20;
    let segment = |selector, attributes: u16, limit, base| Segment {
        selector,
        attributes: attributes.into(),
        limit,
        base,
    };
    VmsaveState {
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
    }
}

/// The same state, read without VMSAVE.
fn witness(state: &VmsaveState) -> Witness {
    Witness {
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
    }
}

/// The descriptor of a busy task state segment without an I/O permission map.
fn tss_descriptor(base: u64) -> [u64; 2] {
    let low = 0x0000_8B00_0000_0067 | (base & 0xFF_FFFF) << 16 | (base >> 24 & 0xFF) << 56;
    [low, base >> 32]
}

/// A device that answers every request with the same bytes, whatever they are.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// What it writes, as far as there is room.
    pub bytes: &'a [u8],
    /// How many bytes it says that it has written.
    pub claimed: usize,
    /// Whether it says that the buffer was too small.
    pub fails: bool,
}

impl Replay<'_> {
    /// Answers a request: what the device says that it has written, as the error if it fails.
    ///
    /// # Errors
    ///
    /// If the device is one that fails.
    pub fn answer(&self, output: &mut [u8]) -> Result<usize, usize> {
        let length = self.bytes.len().min(output.len());
        output[..length].copy_from_slice(&self.bytes[..length]);
        if self.fails {
            Err(self.claimed)
        } else {
            Ok(self.claimed)
        }
    }
}
