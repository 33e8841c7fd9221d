//! Every way through the capture, on a processor made of plain data.

use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::Selectors;
use crate::cpuid::CpuidResult;
use crate::descriptor::Selector;
use crate::witness::{REGISTERS, Witness};

const EFER_OF_WINDOWS: u64 = 0xD01;
const SVME: u64 = 1 << 12;
const SVMDIS: u64 = 1 << 4;
const LOCK: u64 = 1 << 3;

/// What the capture did to the processor, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Read(Msr),
    WriteEfer(u64),
    Vmsave,
}

/// A processor with the registers that the capture touches, and a fault for any of its acts.
struct Mock {
    vendor: &'static [u8; 12],
    svm: bool,
    hypervisor: bool,
    vm_cr: u64,
    efer: u64,
    drops_svme: bool,
    /// Goes on with each reading. It begins where the lower half soon overflows.
    tsc: u64,
    /// The n-th act that may fault raises this instead of happening.
    fault: Option<(usize, Fault)>,
    acts: Vec<Act>,
}

impl Default for Mock {
    fn default() -> Self {
        Self {
            vendor: b"AuthenticAMD",
            svm: true,
            hypervisor: false,
            vm_cr: 0,
            efer: EFER_OF_WINDOWS,
            drops_svme: false,
            tsc: 0x1_FFFF_FC00,
            fault: None,
            acts: Vec::new(),
        }
    }
}

impl Mock {
    fn act(&mut self, act: Act) -> Result<(), Fault> {
        self.acts.push(act);
        match self.fault {
            Some((at, fault)) if at == self.acts.len() - 1 => Err(fault),
            _ => Ok(()),
        }
    }
}

impl Processor for Mock {
    fn cpuid(&mut self, leaf: u32, _subleaf: u32) -> CpuidResult {
        let word = |at: usize| u32::from_le_bytes(self.vendor[at..at + 4].try_into().unwrap());
        let mut result = CpuidResult::default();
        match leaf {
            0 => {
                (result.ebx, result.edx, result.ecx) = (word(0), word(4), word(8));
            }
            1 => result.ecx = u32::from(self.hypervisor) << 31,
            0x8000_0000 => result.eax = 0x8000_001F,
            0x8000_0001 => result.ecx = u32::from(self.svm) << 2,
            _ => {}
        }
        result
    }

    fn read_msr(&mut self, msr: Msr) -> Result<u64, Fault> {
        assert!(
            self.svm && self.vendor != b"GenuineIntel",
            "CPUID vouches first"
        );
        self.act(Act::Read(msr))?;
        Ok(match msr {
            Msr::VmCr => self.vm_cr,
            Msr::Efer => self.efer,
            other => value_of(other),
        })
    }

    fn write_efer(&mut self, value: Efer) -> Result<(), Fault> {
        let value = u64::from(value);
        self.act(Act::WriteEfer(value))?;
        self.efer = if self.drops_svme {
            value & !SVME
        } else {
            value
        };
        Ok(())
    }

    fn vmsave(&mut self) -> Result<(), Fault> {
        assert_ne!(self.efer & SVME, 0, "VMSAVE without SVME");
        self.act(Act::Vmsave)
    }

    fn tsc(&mut self) -> u64 {
        self.tsc += 1_000;
        self.tsc
    }

    fn selectors(&mut self) -> Selectors {
        Selectors {
            fs: Selector(0x53),
            gs: Selector(0x2B),
            tr: Selector(0x40),
            ldtr: Selector(0),
        }
    }

    fn global_descriptor<const QUADWORDS: usize>(
        &mut self,
        selector: Selector,
    ) -> [u64; QUADWORDS] {
        let offset = u64::from(selector.global_offset().unwrap());
        core::array::from_fn(|index| (offset + 8 * index as u64) << 32)
    }
}

/// The support check, and a capture after it.
fn capture(mock: &mut Mock) -> Result<Capture, Refusal> {
    let supported = support::check(mock)?;
    super::capture(mock, supported)
}

/// The support check, and a probe after it.
fn probe(mock: &mut Mock) -> Result<Efer, Refusal> {
    let supported = support::check(mock)?;
    super::probe(mock, supported)
}

/// A value of its own for each register.
fn value_of(msr: Msr) -> u64 {
    u64::from(msr.number()) << 8
}

#[test]
fn a_capture_sets_svme_for_vmsave_alone() {
    let mut mock = Mock::default();
    let capture = capture(&mut mock).unwrap();
    assert_eq!(
        mock.acts,
        vec![
            Act::Read(Msr::VmCr),
            Act::Read(Msr::Efer),
            Act::WriteEfer(EFER_OF_WINDOWS | SVME),
            Act::Read(Msr::Efer),
            Act::Vmsave,
            Act::WriteEfer(EFER_OF_WINDOWS),
            Act::Read(Msr::Efer),
        ]
    );
    assert_eq!(u64::from(capture.efer_found), EFER_OF_WINDOWS);
    assert_eq!(u64::from(capture.efer_left), EFER_OF_WINDOWS);
}

#[test]
fn cycles_are_told_without_what_lies_between_check_and_capture() {
    let mut mock = Mock::default();
    let before = mock.tsc;
    let supported = support::check(&mut mock).unwrap();
    assert_eq!(supported.cycles(), 1_000);
    mock.tsc += 1_000_000;
    let capture = super::capture(&mut mock, supported).unwrap();
    assert_eq!(capture.tsc, before + 1_004_000);
    assert_eq!(
        capture.cycles,
        Cycles {
            prepare: 2_000,
            vmsave: 1_000,
            restore: 1_000,
        }
    );
}

#[test]
fn svme_that_was_found_set_is_left_alone() {
    let mut mock = Mock {
        efer: EFER_OF_WINDOWS | SVME,
        ..Mock::default()
    };
    let capture = capture(&mut mock).unwrap();
    assert_eq!(
        mock.acts,
        vec![
            Act::Read(Msr::VmCr),
            Act::Read(Msr::Efer),
            Act::Vmsave,
            Act::Read(Msr::Efer),
        ]
    );
    assert!(capture.efer_found.svme() && capture.efer_left.svme());
}

#[test]
fn a_probe_does_all_but_vmsave() {
    let mut mock = Mock::default();
    assert_eq!(u64::from(probe(&mut mock).unwrap()), EFER_OF_WINDOWS);
    assert_eq!(
        mock.acts,
        vec![
            Act::Read(Msr::VmCr),
            Act::Read(Msr::Efer),
            Act::WriteEfer(EFER_OF_WINDOWS | SVME),
            Act::Read(Msr::Efer),
            Act::WriteEfer(EFER_OF_WINDOWS),
            Act::Read(Msr::Efer),
        ]
    );
}

#[test]
fn hygon_processors_are_supported() {
    let mut mock = Mock {
        vendor: b"HygonGenuine",
        ..Mock::default()
    };
    assert!(capture(&mut mock).is_ok());
}

#[test]
fn each_refusal_of_the_check_comes_before_anything_is_touched() {
    let cases = [
        (
            Mock {
                vendor: b"GenuineIntel",
                ..Mock::default()
            },
            Refusal::NotAmd,
            vec![],
        ),
        (
            Mock {
                svm: false,
                ..Mock::default()
            },
            Refusal::NoSvm { hypervisor: false },
            vec![],
        ),
        (
            Mock {
                svm: false,
                hypervisor: true,
                ..Mock::default()
            },
            Refusal::NoSvm { hypervisor: true },
            vec![],
        ),
        (
            Mock {
                vm_cr: SVMDIS,
                ..Mock::default()
            },
            Refusal::Disabled { locked: false },
            vec![Act::Read(Msr::VmCr)],
        ),
        (
            Mock {
                vm_cr: SVMDIS | LOCK,
                ..Mock::default()
            },
            Refusal::Disabled { locked: true },
            vec![Act::Read(Msr::VmCr)],
        ),
    ];
    for (mut mock, refusal, acts) in cases {
        assert_eq!(capture(&mut mock), Err(refusal));
        assert_eq!(mock.acts, acts);
        mock.acts.clear();
        assert_eq!(probe(&mut mock).unwrap_err(), refusal);
        assert_eq!(mock.efer, EFER_OF_WINDOWS);
    }
}

#[test]
fn a_lock_without_svmdis_is_no_refusal() {
    let mut mock = Mock {
        vm_cr: LOCK,
        ..Mock::default()
    };
    assert!(capture(&mut mock).is_ok());
}

#[test]
fn svme_that_does_not_stick_is_reported_and_vmsave_not_tried() {
    let mut mock = Mock {
        drops_svme: true,
        ..Mock::default()
    };
    assert_eq!(capture(&mut mock), Err(Refusal::SvmeDoesNotStick));
    assert!(!mock.acts.contains(&Act::Vmsave));
    assert_eq!(mock.efer, EFER_OF_WINDOWS);
}

#[test]
fn a_fault_at_each_step_is_named_and_leaves_efer_as_found() {
    let steps = [
        Step::Read(Msr::VmCr),
        Step::Read(Msr::Efer),
        Step::SetSvme,
        Step::ConfirmSvme,
        Step::Vmsave,
        Step::RestoreEfer,
        Step::ConfirmEfer,
    ];
    for fault in [Fault::InvalidOpcode, Fault::GeneralProtection, Fault::Other] {
        for (at, step) in steps.into_iter().enumerate() {
            let mut mock = Mock {
                fault: Some((at, fault)),
                ..Mock::default()
            };
            assert_eq!(capture(&mut mock), Err(Refusal::Fault { step, fault }));
            let left = if step == Step::RestoreEfer {
                EFER_OF_WINDOWS | SVME
            } else {
                EFER_OF_WINDOWS
            };
            assert_eq!(mock.efer, left, "{step:?}");
        }
    }
}

#[test]
fn the_witness_has_every_register_and_descriptor_in_its_place() {
    let mut mock = Mock::default();
    let mut witness = Witness::default();
    witness.read(&mut mock).unwrap();
    assert_eq!(mock.acts, REGISTERS.map(Act::Read));
    assert_eq!(witness.system_call.star, value_of(Msr::Star));
    assert_eq!(witness.system_call.lstar, value_of(Msr::Lstar));
    assert_eq!(witness.system_call.cstar, value_of(Msr::Cstar));
    assert_eq!(witness.system_call.sfmask, value_of(Msr::Sfmask));
    assert_eq!(
        witness.system_call.kernel_gs_base,
        value_of(Msr::KernelGsBase)
    );
    assert_eq!(witness.system_call.sysenter_cs, value_of(Msr::SysenterCs));
    assert_eq!(witness.system_call.sysenter_esp, value_of(Msr::SysenterEsp));
    assert_eq!(witness.system_call.sysenter_eip, value_of(Msr::SysenterEip));
    assert_eq!(witness.fs_base, value_of(Msr::FsBase));
    assert_eq!(witness.gs_base, value_of(Msr::GsBase));
    assert_eq!(
        [
            witness.fs_selector,
            witness.gs_selector,
            witness.tr_selector,
            witness.ldtr_selector,
        ],
        [0x53, 0x2B, 0x40, 0]
    );
    assert_eq!(witness.fs_descriptor, 0x50 << 32);
    assert_eq!(witness.gs_descriptor, 0x28 << 32);
    assert_eq!(witness.tr_descriptor, [0x40 << 32, 0x48 << 32]);
}

#[test]
fn a_register_that_cannot_be_read_is_named() {
    for (at, msr) in REGISTERS.into_iter().enumerate() {
        let fault = Fault::GeneralProtection;
        let mut mock = Mock {
            fault: Some((at, fault)),
            ..Mock::default()
        };
        let refused = Witness::default().read(&mut mock);
        let step = Step::Read(msr);
        assert_eq!(refused, Err(Refusal::Fault { step, fault }));
    }
}

proptest! {
    /// Whatever the registers hold and whichever act faults: `EFER` is as found, unless it was
    /// the restoring itself that faulted, and VMSAVE ran at most once.
    #[test]
    fn efer_is_never_left_changed(
        efer: u64,
        vm_cr: u64,
        drops_svme: bool,
        fault in proptest::option::of(0usize..18),
    ) {
        let mut mock = Mock {
            efer,
            vm_cr,
            drops_svme: drops_svme && efer & SVME == 0,
            fault: fault.map(|at| (at, Fault::GeneralProtection)),
            ..Mock::default()
        };
        let outcome = capture(&mut mock);
        let restoring_failed =
            matches!(outcome, Err(Refusal::Fault { step: Step::RestoreEfer, .. }));
        prop_assert!(mock.efer == efer || restoring_failed);
        prop_assert!(mock.acts.iter().filter(|act| **act == Act::Vmsave).count() <= 1);
    }
}
