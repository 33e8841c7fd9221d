//! The machines by which each rule is tried.

use amd_svm::Fault;
use amd_svm::msr::Msr;
use amd_svm::support::{Refusal, Step};
use client::{Field, FindingId, Guest, Unavailable};

use super::{Rule, capture, every, hide, no_modules, nothing, paged, refused};
use crate::fake::module;

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: FindingId::LstarDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.lstar += 0x40,
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.lstar += 0x40),
        blinds: Some(|s| {
            hide(s, Field::Lstar);
            every(s, |one| one.vmsave.system_call.lstar = 0);
        }),
    },
    Rule {
        id: FindingId::CstarDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.cstar += 0x40,
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.cstar += 0x40),
        blinds: Some(|s| {
            hide(s, Field::Cstar);
            every(s, |one| one.vmsave.system_call.cstar = 0);
        }),
    },
    Rule {
        id: FindingId::StarDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.star |= 1,
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.star |= 1),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::SfmaskDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.sfmask |= 1 << 18,
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.sfmask |= 1 << 18),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::SysenterDiffers,
        breaks: |s| capture(s, 2).vmsave.system_call.sysenter_eip = 0xFFFF_F803_1A42_0000,
        also: &[],
        keeps: |s| {
            // Each processor may have a stack of its own.
            capture(s, 2).vmsave.system_call.sysenter_esp = 0xFFFF_C480_0001_1000;
            every(s, |one| {
                one.vmsave.system_call.sysenter_cs = 0x10;
                one.vmsave.system_call.sysenter_eip = 0xFFFF_F803_1A42_0000;
            });
        },
        blinds: Some(|s| {
            hide(s, Field::SysenterEip);
        }),
    },
    Rule {
        id: FindingId::LstarOutsideKernel,
        breaks: |s| {
            every(s, |one| {
                one.vmsave.system_call.lstar = 0xFFFF_F803_1B04_7000;
            });
        },
        also: &[],
        keeps: |s| {
            every(s, |one| {
                one.vmsave.system_call.lstar = 0xFFFF_F803_1B04_6FFF;
            });
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::CstarOutsideKernel,
        breaks: |s| {
            every(s, |one| {
                one.vmsave.system_call.cstar = 0xFFFF_F803_19FF_FFFF;
            });
        },
        also: &[],
        keeps: |s| {
            every(s, |one| {
                one.vmsave.system_call.cstar = 0xFFFF_F803_1A00_1000;
            });
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::SysenterOutsideKernel,
        breaks: |s| {
            every(s, |one| {
                one.vmsave.system_call.sysenter_eip = 0xFFFF_F803_2000_0000;
            });
        },
        also: &[],
        keeps: |s| {
            every(s, |one| {
                one.vmsave.system_call.sysenter_eip = 0xFFFF_F803_1A42_0000;
            });
        },
        blinds: Some(|s| s.modules.remove(0).size = 0),
    },
    Rule {
        id: FindingId::EntryInHeaders,
        breaks: |s| {
            every(s, |one| {
                one.vmsave.system_call.lstar = 0xFFFF_F803_1A00_0FFF;
            });
        },
        also: &[],
        keeps: |s| {
            every(s, |one| {
                one.vmsave.system_call.lstar = 0xFFFF_F803_1A00_1000;
            });
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::SysenterIncomplete,
        breaks: |s| every(s, |one| one.vmsave.system_call.sysenter_cs = 0x10),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.sysenter_cs = 0x3),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::StarInvalid,
        breaks: |s| every(s, |one| one.vmsave.system_call.star ^= 3 << 48),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.star |= 0xFFFF_FFFF),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::AddressNoncanonical,
        breaks: |s| capture(s, 1).vmsave.system_call.kernel_gs_base = 1 << 56,
        also: &[],
        keeps: |s| capture(s, 1).vmsave.system_call.kernel_gs_base = (1 << 56) - 1,
        blinds: Some(|s| {
            hide(s, Field::KernelGsBase);
            capture(s, 1).vmsave.system_call.kernel_gs_base = 0;
        }),
    },
    Rule {
        id: FindingId::VmsaveContradicted,
        breaks: |s| {
            let Some(Ok(witness)) = &mut capture(s, 1).witness else {
                panic!("no witness");
            };
            witness.system_call.kernel_gs_base += 8;
        },
        also: &[],
        keeps: |s| capture(s, 1).vmsave.tr.attributes.set_segment_type(9),
        blinds: Some(|s| capture(s, 1).witness = None),
    },
    Rule {
        id: FindingId::TrBaseShared,
        breaks: |s| {
            let base = capture(s, 0).vmsave.tr.base;
            capture(s, 2).vmsave.tr.base = base;
        },
        also: &[],
        keeps: |s| {
            let base = capture(s, 0).vmsave.tr.base;
            capture(s, 2).vmsave.tr.base = base + 1;
        },
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::GsBaseShared,
        breaks: |s| {
            let base = capture(s, 0).vmsave.gs.base;
            capture(s, 2).vmsave.gs.base = base;
        },
        also: &[],
        keeps: |s| {
            let base = capture(s, 0).vmsave.gs.base;
            capture(s, 2).vmsave.gs.base = base + 1;
        },
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::GsBaseOutsideKernel,
        breaks: |s| capture(s, 2).vmsave.gs.base = 0x7FF6_0000_0000,
        also: &[],
        keeps: |s| capture(s, 2).vmsave.gs.base = 0xFFFF_8000_0000_0000,
        blinds: Some(|s| {
            hide(s, Field::GsBase);
            capture(s, 2).vmsave.gs.base = 0;
        }),
    },
    Rule {
        id: FindingId::TssInvalid,
        breaks: |s| every(s, |one| one.vmsave.tr.limit = 0x66),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.tr.attributes.set_segment_type(9)),
        blinds: Some(|s| {
            hide(s, Field::TrBase);
            capture(s, 2).vmsave.tr.base = 0;
        }),
    },
    Rule {
        id: FindingId::TrLimitDiffers,
        breaks: |s| capture(s, 2).vmsave.tr.limit = 0x68,
        also: &[FindingId::TrLimitWide],
        keeps: nothing,
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::TrLimitWide,
        breaks: |s| every(s, |one| one.vmsave.tr.limit = 0x68),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.tr.limit = 0x67),
        blinds: Some(paged),
    },
    Rule {
        id: FindingId::SfmaskWeak,
        breaks: |s| every(s, |one| one.vmsave.system_call.sfmask = 0x4600),
        also: &[],
        keeps: |s| every(s, |one| one.vmsave.system_call.sfmask = 0x700),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::SegmentInvalid,
        breaks: |s| capture(s, 2).vmsave.fs.attributes.set_segment_type(8),
        also: &[],
        keeps: |s| capture(s, 2).vmsave.fs.attributes.set_segment_type(10),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::AttributesReserved,
        breaks: |s| capture(s, 2).vmsave.ldtr.attributes.set_reserved(1),
        also: &[],
        keeps: |s| capture(s, 2).vmsave.ldtr.attributes = 0xFFF.into(),
        blinds: Some(refused),
    },
    Rule {
        id: FindingId::LdtrLoaded,
        breaks: |s| capture(s, 2).vmsave.ldtr.selector = 0x48,
        also: &[],
        keeps: |s| capture(s, 2).vmsave.ldtr.selector = 3,
        blinds: Some(paged),
    },
    Rule {
        id: FindingId::EferNotRestored,
        breaks: |s| {
            let details = capture(s, 2).details.as_mut().unwrap();
            details.efer_left.set_svme(true);
        },
        also: &[],
        keeps: nothing,
        blinds: Some(|s| capture(s, 2).details = None),
    },
    Rule {
        id: FindingId::EferDiffers,
        breaks: |s| {
            let details = capture(s, 2).details.as_mut().unwrap();
            details.efer_found = 0x4D01.into();
            details.efer_left = details.efer_found;
        },
        also: &[],
        keeps: nothing,
        blinds: Some(|s| capture(s, 2).details = None),
    },
    Rule {
        id: FindingId::EferUnprotected,
        breaks: |s| {
            every(s, |one| {
                let details = one.details.as_mut().unwrap();
                details.efer_found.set_no_execute(false);
                details.efer_left = details.efer_found;
            });
        },
        also: &[],
        keeps: nothing,
        blinds: Some(paged),
    },
    Rule {
        id: FindingId::SvmInUse,
        breaks: |s| {
            let details = capture(s, 2).details.as_mut().unwrap();
            details.efer_found.set_svme(true);
            details.efer_left = details.efer_found;
        },
        also: &[],
        keeps: nothing,
        blinds: Some(paged),
    },
    Rule {
        id: FindingId::NotCaptured,
        breaks: refused,
        also: &[],
        keeps: nothing,
        blinds: None,
    },
    Rule {
        id: FindingId::WitnessUnread,
        breaks: |s| {
            capture(s, 2).witness = Some(Err(Unavailable::Refused(Refusal::Fault {
                step: Step::Read(Msr::Lstar),
                fault: Fault::GeneralProtection,
            })));
        },
        also: &[],
        keeps: nothing,
        blinds: Some(|s| capture(s, 2).witness = None),
    },
    Rule {
        id: FindingId::KernelNameTwice,
        breaks: |s| {
            s.modules
                .push(module("NTOSKRNL.EXE", 0xFFFF_F803_3000_0000, 0x1000));
        },
        also: &[],
        keeps: |s| {
            s.modules
                .push(module("ntoskrnl.sys", 0xFFFF_F803_3000_0000, 0x1000));
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::ModuleNameDeceptive,
        breaks: |s| {
            s.modules
                .push(module("ntoskrn1.exe", 0xFFFF_F803_3000_0000, 0x1000));
        },
        also: &[],
        keeps: |s| {
            s.modules
                .push(module("ntoskrnl2.exe", 0xFFFF_F803_3000_0000, 0x1000));
        },
        blinds: Some(no_modules),
    },
    Rule {
        id: FindingId::GuestEncrypted,
        breaks: |s| {
            paged(s);
            capture(s, 2).guest = Some(Guest {
                encrypted: true,
                ..Guest::default()
            });
        },
        also: &[],
        keeps: paged,
        blinds: None,
    },
];
