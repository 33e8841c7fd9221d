//! What VMSAVE stored, and the same as it was read without VMSAVE.

use amd_svm::segment::Segment;
use amd_svm::vmcb::{SystemCallRegisters, VmsaveState};
use amd_svm::witness::Witness;
use serde::{Deserialize, Serialize};

use super::Hex;
use super::lists::required;

#[derive(Clone, Copy, Deserialize, Serialize)]
struct SegmentMembers {
    selector: Hex<u16>,
    attrib: Hex<u16>,
    limit: Hex<u32>,
    base: Hex<u64>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct StateMembers {
    #[serde(deserialize_with = "required")]
    fs: SegmentMembers,
    #[serde(deserialize_with = "required")]
    gs: SegmentMembers,
    #[serde(deserialize_with = "required")]
    ldtr: SegmentMembers,
    #[serde(deserialize_with = "required")]
    tr: SegmentMembers,
    star: Hex<u64>,
    lstar: Hex<u64>,
    cstar: Hex<u64>,
    sfmask: Hex<u64>,
    kernel_gs_base: Hex<u64>,
    sysenter_cs: Hex<u64>,
    sysenter_esp: Hex<u64>,
    sysenter_eip: Hex<u64>,
}

#[derive(Deserialize, Serialize)]
pub(super) struct WitnessMembers {
    fs_selector: Hex<u16>,
    fs_descriptor: Hex<u64>,
    fs_base: Hex<u64>,
    gs_selector: Hex<u16>,
    gs_descriptor: Hex<u64>,
    gs_base: Hex<u64>,
    ldtr_selector: Hex<u16>,
    tr_selector: Hex<u16>,
    tr_descriptor: [Hex<u64>; 2],
    star: Hex<u64>,
    lstar: Hex<u64>,
    cstar: Hex<u64>,
    sfmask: Hex<u64>,
    kernel_gs_base: Hex<u64>,
    sysenter_cs: Hex<u64>,
    sysenter_esp: Hex<u64>,
    sysenter_eip: Hex<u64>,
}

impl From<Segment> for SegmentMembers {
    fn from(segment: Segment) -> Self {
        Self {
            selector: Hex(segment.selector),
            attrib: Hex(segment.attributes.into()),
            limit: Hex(segment.limit),
            base: Hex(segment.base),
        }
    }
}

impl From<SegmentMembers> for Segment {
    fn from(members: SegmentMembers) -> Self {
        Self {
            selector: members.selector.0,
            attributes: members.attrib.0.into(),
            limit: members.limit.0,
            base: members.base.0,
        }
    }
}

/// The registers of the system-call instructions stand among the other members.
macro_rules! system_call {
    (from $members:ident) => {
        SystemCallRegisters {
            star: $members.star.0,
            lstar: $members.lstar.0,
            cstar: $members.cstar.0,
            sfmask: $members.sfmask.0,
            kernel_gs_base: $members.kernel_gs_base.0,
            sysenter_cs: $members.sysenter_cs.0,
            sysenter_esp: $members.sysenter_esp.0,
            sysenter_eip: $members.sysenter_eip.0,
        }
    };
    (into $type:ident, $registers:expr, { $($member:ident: $value:expr,)* }) => {{
        let registers = $registers;
        $type {
            $($member: $value,)*
            star: Hex(registers.star),
            lstar: Hex(registers.lstar),
            cstar: Hex(registers.cstar),
            sfmask: Hex(registers.sfmask),
            kernel_gs_base: Hex(registers.kernel_gs_base),
            sysenter_cs: Hex(registers.sysenter_cs),
            sysenter_esp: Hex(registers.sysenter_esp),
            sysenter_eip: Hex(registers.sysenter_eip),
        }
    }};
}

impl From<VmsaveState> for StateMembers {
    fn from(state: VmsaveState) -> Self {
        system_call!(into Self, state.system_call, {
            fs: state.fs.into(),
            gs: state.gs.into(),
            ldtr: state.ldtr.into(),
            tr: state.tr.into(),
        })
    }
}

impl From<StateMembers> for VmsaveState {
    fn from(members: StateMembers) -> Self {
        Self {
            fs: members.fs.into(),
            gs: members.gs.into(),
            ldtr: members.ldtr.into(),
            tr: members.tr.into(),
            system_call: system_call!(from members),
        }
    }
}

impl From<Witness> for WitnessMembers {
    fn from(witness: Witness) -> Self {
        system_call!(into Self, witness.system_call, {
            fs_selector: Hex(witness.fs_selector),
            fs_descriptor: Hex(witness.fs_descriptor),
            fs_base: Hex(witness.fs_base),
            gs_selector: Hex(witness.gs_selector),
            gs_descriptor: Hex(witness.gs_descriptor),
            gs_base: Hex(witness.gs_base),
            ldtr_selector: Hex(witness.ldtr_selector),
            tr_selector: Hex(witness.tr_selector),
            tr_descriptor: witness.tr_descriptor.map(Hex),
        })
    }
}

impl From<WitnessMembers> for Witness {
    fn from(members: WitnessMembers) -> Self {
        Self {
            system_call: system_call!(from members),
            fs_base: members.fs_base.0,
            gs_base: members.gs_base.0,
            fs_selector: members.fs_selector.0,
            gs_selector: members.gs_selector.0,
            tr_selector: members.tr_selector.0,
            ldtr_selector: members.ldtr_selector.0,
            fs_descriptor: members.fs_descriptor.0,
            gs_descriptor: members.gs_descriptor.0,
            tr_descriptor: members.tr_descriptor.map(|half| half.0),
        }
    }
}
