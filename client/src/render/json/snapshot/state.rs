//! What VMSAVE stored, and the same as it was read without VMSAVE.

use std::mem::offset_of;

use amd_svm::segment::Segment;
use amd_svm::vmcb::VmsaveState;
use amd_svm::witness::Witness;

use super::numbers::{Member, Table, list, number, object};

const SEGMENT: &[Member] = &[
    number("selector", offset_of!(Segment, selector), 2),
    number("attrib", offset_of!(Segment, attributes), 2),
    number("limit", offset_of!(Segment, limit), 4),
    number("base", offset_of!(Segment, base), 8),
];

/// The registers of the system-call instructions stand among the other members.
macro_rules! with_system_call {
    ($type:ident: $($member:expr,)*) => {
        &[
            $($member,)*
            number("star", offset_of!($type, system_call.star), 8),
            number("lstar", offset_of!($type, system_call.lstar), 8),
            number("cstar", offset_of!($type, system_call.cstar), 8),
            number("sfmask", offset_of!($type, system_call.sfmask), 8),
            number("kernel_gs_base", offset_of!($type, system_call.kernel_gs_base), 8),
            number("sysenter_cs", offset_of!($type, system_call.sysenter_cs), 8),
            number("sysenter_esp", offset_of!($type, system_call.sysenter_esp), 8),
            number("sysenter_eip", offset_of!($type, system_call.sysenter_eip), 8),
        ]
    };
}

impl Table for VmsaveState {
    const MEMBERS: &'static [Member] = with_system_call! { VmsaveState:
        object("fs", offset_of!(VmsaveState, fs), SEGMENT),
        object("gs", offset_of!(VmsaveState, gs), SEGMENT),
        object("ldtr", offset_of!(VmsaveState, ldtr), SEGMENT),
        object("tr", offset_of!(VmsaveState, tr), SEGMENT),
    };
}

impl Table for Witness {
    const MEMBERS: &'static [Member] = with_system_call! { Witness:
        number("fs_selector", offset_of!(Witness, fs_selector), 2),
        number("fs_descriptor", offset_of!(Witness, fs_descriptor), 8),
        number("fs_base", offset_of!(Witness, fs_base), 8),
        number("gs_selector", offset_of!(Witness, gs_selector), 2),
        number("gs_descriptor", offset_of!(Witness, gs_descriptor), 8),
        number("gs_base", offset_of!(Witness, gs_base), 8),
        number("ldtr_selector", offset_of!(Witness, ldtr_selector), 2),
        number("tr_selector", offset_of!(Witness, tr_selector), 2),
        list("tr_descriptor", offset_of!(Witness, tr_descriptor), 2),
    };
}
