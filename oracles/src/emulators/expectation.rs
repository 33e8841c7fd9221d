//! What every trial should see, and where an emulator is known to differ.

use super::report::Report;
use super::{Emulator, Fact, Machine, Width};
use crate::version::Version;

/// The manual's account, in the order of the trials.
const EXPECTED: &[&str] = &[
    "svme-clear: svm_vmrun raises #UD at 0f 01 d8",
    "svme-clear: svm_vmload raises #UD at 0f 01 da",
    "svme-clear: svm_vmsave raises #UD at 0f 01 db",
    "svme-clear: svm_stgi raises #UD at 0f 01 dc",
    "svme-clear: svm_clgi raises #UD at 0f 01 dd",
    "svme-clear: svm_skinit raises #UD at 0f 01 de",
    "svme-clear: svm_invlpga raises #UD at 0f 01 df",
    "svme-clear: page untouched: true",
    "misaligned: svm_vmrun raises #GP(0) at 0f 01 d8",
    "misaligned: svm_vmrun raises #GP(0) at 0f 01 d8",
    "misaligned: svm_vmrun raises #GP(0) at 0f 01 d8",
    "misaligned: svm_vmload raises #GP(0) at 0f 01 da",
    "misaligned: svm_vmload raises #GP(0) at 0f 01 da",
    "misaligned: svm_vmload raises #GP(0) at 0f 01 da",
    "misaligned: svm_vmsave raises #GP(0) at 0f 01 db",
    "misaligned: svm_vmsave raises #GP(0) at 0f 01 db",
    "misaligned: svm_vmsave raises #GP(0) at 0f 01 db",
    "beyond-width: svm_vmrun raises #GP(0) at 0f 01 d8",
    "beyond-width: svm_vmload raises #GP(0) at 0f 01 da",
    "beyond-width: svm_vmsave raises #GP(0) at 0f 01 db",
    "ring-3: svm_vmrun raises #GP(0) at 0f 01 d8",
    "ring-3: svm_vmload raises #GP(0) at 0f 01 da",
    "ring-3: svm_vmsave raises #GP(0) at 0f 01 db",
    "ring-3: svm_stgi raises #GP(0) at 0f 01 dc",
    "ring-3: svm_clgi raises #GP(0) at 0f 01 dd",
    "ring-3: svm_skinit raises #GP(0) at 0f 01 de",
    "ring-3: svm_invlpga raises #GP(0) at 0f 01 df",
    "faults: page untouched: true",
    "vmsave-writes: 440..460 470..480 490..4a0 600..640 128 bytes",
    "vmload-unchanged: nothing changed",
    "vmload-changed: 10 registers as loaded; selectors as loaded: true",
    "global-interrupt-flag: 1 before CLGI, 1 while clear, 2 after STGI",
    "translation: 1 mapped, 1 with the table changed, 2 after INVLPGA",
    "guest: exits with VMMCALL, rax 0x3333, entry + 5",
    "guest-invalid: exits with 0xffffffffffffffff",
    "hypervisor: CPUID of leaf 0x40000000",
    "hypervisor: RDMSR of 0xc0000082",
    "hypervisor: OUT of 1 byte to 0x3f8: 0x5a",
    "hypervisor: HLT; injected is interrupt 0x40",
    "hypervisor: VMMCALL after 1 interrupt",
];

/// The trials whose operand 32 bits cannot hold, or whose guest needs a host in long mode.
const LONG_ONLY: [&str; 2] = ["beyond-width: ", "hypervisor: "];

/// An emulator's own way, asserted so that a change of it is noticed.
struct Difference {
    emulator: Emulator,
    /// The first version that does as the manual says; no version, if none does.
    before: Option<Version>,
    expected: &'static str,
    seen: &'static str,
}

const DIFFERENCES: &[Difference] = &[
    // SKINIT is not implemented: #UD, whatever the privilege level.
    Difference {
        emulator: Emulator::Qemu,
        before: None,
        expected: "ring-3: svm_skinit raises #GP(0) at 0f 01 de",
        seen: "ring-3: svm_skinit raises #UD at 0f 01 de",
    },
    // The exit code of an invalid VMCB is stored with its lower 32 bits only: seen of 7.2, and of
    // 10.0 no more.
    Difference {
        emulator: Emulator::Qemu,
        before: Some(Version::new(10, 0)),
        expected: "guest-invalid: exits with 0xffffffffffffffff",
        seen: "guest-invalid: exits with 0xffffffff",
    },
];

/// One fact for each trial, on an emulator of that version.
pub(super) fn check(
    machine: Machine,
    version: Version,
    processors: usize,
    report: &Report,
) -> Vec<Fact> {
    let expected: Vec<_> = expected(machine, version).collect();
    let mut facts = vec![Fact::new(
        format!("{machine}, {processors} processors: as many trials as expected"),
        expected.len() == report.saw.len(),
        || format!("{}, not {}", report.saw.len(), expected.len()),
    )];
    facts.extend(
        expected
            .into_iter()
            .zip(&report.saw)
            .map(|(expected, saw)| {
                Fact::new(
                    format!("{machine}, {processors} processors: {expected}"),
                    expected == saw,
                    || format!("saw {saw}"),
                )
            }),
    );
    facts
}

impl Difference {
    fn is_of(&self, machine: Machine, version: Version) -> bool {
        self.emulator == machine.emulator && self.before.is_none_or(|before| version < before)
    }
}

fn expected(machine: Machine, version: Version) -> impl Iterator<Item = &'static str> {
    EXPECTED
        .iter()
        .filter(move |line| {
            let long_only = LONG_ONLY.iter().any(|trial| line.starts_with(trial));
            machine.width == Width::Bits64 || !long_only
        })
        .map(move |line| {
            DIFFERENCES
                .iter()
                .find(|one| one.is_of(machine, version) && one.expected == *line)
                .map_or(*line, |one| one.seen)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_one_from_something_expected() {
        for difference in DIFFERENCES {
            assert!(EXPECTED.contains(&difference.expected));
            assert_ne!(difference.expected, difference.seen);
        }
    }

    #[test]
    fn a_difference_ends_with_the_version_that_has_it_no_more() {
        let last = |emulator, version| {
            let machine = Machine::new(emulator, Width::Bits64);
            let mut lines = expected(machine, version);
            lines
                .find(|line| line.starts_with("guest-invalid: "))
                .unwrap()
        };
        let (old, new) = (Version::new(7, 2), Version::new(10, 0));
        assert_eq!(
            last(Emulator::Qemu, old),
            "guest-invalid: exits with 0xffffffff"
        );
        assert_eq!(
            last(Emulator::Qemu, new),
            "guest-invalid: exits with 0xffffffffffffffff"
        );
        assert_eq!(last(Emulator::Bochs, old), last(Emulator::Qemu, new));
        let skinit = "ring-3: svm_skinit raises #UD at 0f 01 de";
        let machine = Machine::new(Emulator::Qemu, Width::Bits64);
        assert!(expected(machine, new).any(|line| line == skinit));
    }

    #[test]
    fn a_trial_that_sees_something_else_or_nothing_is_noticed() {
        let machine = Machine::new(Emulator::Bochs, Width::Bits32);
        let version = Version::new(2, 7);
        let mut report = Report {
            saw: expected(machine, version).map(str::to_owned).collect(),
            ..Report::default()
        };
        let violations = |report: &Report| {
            let facts = check(machine, version, 1, report);
            facts.iter().filter(|fact| fact.violation.is_some()).count()
        };
        assert_eq!(violations(&report), 0);
        report.saw[0].push('!');
        assert_eq!(violations(&report), 1);
        report.saw.pop();
        assert_eq!(violations(&report), 2);
    }
}
