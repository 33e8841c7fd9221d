//! Captures: each against its own witness, and QEMU's against Bochs'.

use amd_svm::msr::Efer;
use amd_svm::witness::{canonical, compare as compare_with_witness};

use super::image::Width;
use super::report::Report;
use super::{Fact, Machine};

/// The busy bit of a task state segment's type.
const BUSY: u8 = 0b0010;

/// Each processor's capture against the same state read without VMSAVE, and `EFER` as found.
pub(super) fn check(machine: Machine, processors: usize, report: &Report) -> Vec<Fact> {
    let count = report.records.len();
    let mut facts = vec![Fact::new(
        format!("{machine}: {processors} processors capture"),
        count == processors,
        || format!("{count} did"),
    )];
    for (number, record) in report.records.iter().enumerate() {
        let here = format!("{machine}, processor {number} of {processors}");
        let compared: Vec<_> = compare_with_witness(&record.state, &record.witness).collect();
        facts.push(Fact::new(
            format!("{here}: 21 values are compared with the witness"),
            compared.len() == 21,
            || format!("{} are", compared.len()),
        ));
        facts.extend(compared.into_iter().map(|comparison| {
            Fact::new(
                format!("{here}: {} as without VMSAVE", comparison.field),
                comparison.agrees,
                || format!("{:#x}, not {:#x}", comparison.vmsave, comparison.witness),
            )
        }));
        let [found, left, after] = record.efer;
        facts.push(Fact::new(
            format!("{here}: EFER is left as found, with SVME clear"),
            found == left && left == after && !Efer::from(found).svme(),
            || format!("{found:#x}, then {left:#x} and {after:#x}"),
        ));
    }
    facts
}

/// The same image on both: the same state, but for what the two are known to store differently.
pub(super) fn compare(width: Width, qemu: &Report, bochs: &Report) -> Vec<Fact> {
    let mut facts = Vec::new();
    let processors = qemu.records.len();
    for (number, (qemu, bochs)) in qemu.records.iter().zip(&bochs.records).enumerate() {
        let here = format!("{width} bits, processor {number} of {processors}");
        let (ours, theirs) = (qemu.state, bochs.state);
        let mut fact = |rule: &str, holds, found: &dyn Fn() -> String| {
            facts.push(Fact::new(format!("{here}: {rule}"), holds, found));
        };
        fact(
            "QEMU and Bochs save the same canonical state",
            canonical(&ours) == canonical(&theirs),
            &|| format!("{:?}, not {:?}", canonical(&ours), canonical(&theirs)),
        );
        let types = [ours, theirs].map(|state| state.tr.attributes.segment_type());
        fact(
            "TR's busy bit is clear in QEMU and set in Bochs",
            types[0] & BUSY == 0 && types[1] == types[0] | BUSY,
            &|| format!("types {types:x?}"),
        );
        let ldtr = [ours, theirs].map(|state| u16::from(state.ldtr.attributes));
        fact(
            "a null LDTR is present in QEMU and not in Bochs",
            ldtr == [0x082, 0x000],
            &|| format!("attributes {ldtr:x?}"),
        );
    }
    facts
}

#[cfg(test)]
mod tests {
    use amd_svm::vmcb::VmsaveState;
    use amd_svm::witness::Witness;

    use super::*;
    use crate::emulators::report::Record;
    use crate::emulators::{Emulator, Machine};

    /// One processor whose task state segment has the given attributes, and whose LDTR has.
    fn report(task: u16, ldtr: u16) -> Report {
        let mut state = VmsaveState::default();
        state.tr.selector = 0x38;
        state.tr.limit = 0x67;
        state.tr.attributes = task.into();
        state.ldtr.attributes = ldtr.into();
        let witness = Witness {
            tr_selector: 0x38,
            tr_descriptor: [0x0000_8B00_0000_0067, 0],
            ..Witness::default()
        };
        Report {
            records: vec![Record {
                state,
                witness,
                efer: [0x500; 3],
            }],
            ..Report::default()
        }
    }

    fn violations(facts: &[Fact]) -> usize {
        facts.iter().filter(|fact| fact.violation.is_some()).count()
    }

    #[test]
    fn the_known_differences_are_expected_and_their_absence_is_noticed() {
        let (qemu, bochs) = (report(0x089, 0x082), report(0x08B, 0));
        let compared = |qemu, bochs| violations(&compare(Width::Bits64, qemu, bochs));
        assert_eq!(compared(&qemu, &bochs), 0);
        assert_eq!(compared(&qemu, &qemu), 2);
        assert_eq!(compared(&bochs, &bochs), 2);
    }

    #[test]
    fn one_bit_of_an_attribute_is_noticed() {
        let (qemu, bochs) = (report(0x089, 0x082), report(0x18B, 0));
        assert_eq!(violations(&compare(Width::Bits64, &qemu, &bochs)), 1);
    }

    #[test]
    fn a_capture_that_leaves_svme_set_or_saves_another_limit_is_noticed() {
        let machine = Machine::new(Emulator::Qemu, Width::Bits64);
        let honest = report(0x089, 0x082);
        let facts = check(machine, 1, &honest);
        let before = violations(&facts);
        let mut damaged = report(0x089, 0x082);
        damaged.records[0].efer[2] |= 1 << 12;
        damaged.records[0].state.tr.limit ^= 1;
        assert_eq!(violations(&check(machine, 1, &damaged)), before + 2);
        assert_eq!(violations(&check(machine, 2, &honest)), before + 1);
    }
}
