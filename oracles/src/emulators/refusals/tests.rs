use super::super::image::Width;
use super::deviations::DEVIATIONS;
use super::*;
use crate::emulators::Emulator;

const QEMU: Machine = Machine::new(Emulator::Qemu, Width::Bits64);
const MACHINE: &str = "28 3d01 751ffc 10010001 0 0 1 1";

/// A guest in long mode, as the kernel's.
fn sound() -> Vmcb {
    let mut vmcb = Vmcb::new();
    vmcb.control.asid = 1;
    vmcb.control.intercepts_2.set_vmrun(true);
    vmcb.save.efer = 0x1500.into();
    vmcb.save.cr0 = 0x8001_0011;
    vmcb.save.cr3 = 0x1000;
    vmcb.save.cr4 = 0x20;
    vmcb.save.cs.attributes = 0x29B.into();
    vmcb
}

/// What an emulator says that does just as is predicted.
fn answers() -> Refusals {
    let machine = machine(MACHINE).unwrap();
    let sound = sound();
    let mut judge = Judge {
        on: QEMU,
        machine: &machine,
        seen: BTreeSet::new(),
    };
    let mut code = |vmcb: &Vmcb| {
        if judge.predicts(vmcb) {
            ExitCode(0xFFFF_FFFF)
        } else {
            ExitCode::VMMCALL
        }
    };
    let mut refusals = Refusals {
        enters: vec![ExitCode::VMMCALL; 2],
        ..Refusals::default()
    };
    for condition in Condition::ALL {
        let mut vmcb = sound;
        if svm_cases::breaks(condition, &mut vmcb, &machine) {
            refusals.breaking.push((condition, code(&vmcb)));
        }
    }
    for number in 0..svm_cases::FUZZED {
        let mut vmcb = sound;
        svm_cases::fuzz(number, &mut vmcb, &machine, false);
        refusals.fuzzed.push(code(&vmcb));
    }
    refusals.machine = Some(machine);
    refusals.sound = Some(Box::new(sound));
    refusals
}

fn violations(refusals: &Refusals, version: Version) -> Vec<String> {
    let judgement = refusals.judge(QEMU, version).unwrap();
    let facts = judgement.facts.into_iter();
    facts.filter_map(|fact| fact.violation).collect()
}

#[test]
fn an_answer_that_changes_is_noticed_and_one_of_another_version_is_said() {
    let known = Version::new(7, 2);
    let mut refusals = answers();
    assert_eq!(violations(&refusals, known), [""; 0]);
    let flip = |code: &mut ExitCode| {
        *code = if code.is_invalid() {
            ExitCode::HLT
        } else {
            ExitCode::INVALID
        };
    };
    flip(&mut refusals.breaking[3].1);
    flip(&mut refusals.fuzzed[1234]);
    let found = violations(&refusals, known);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[1].starts_with("of 1 it was not: 1234 exits with "));
    // A version whose differences are not listed: said, and not judged.
    let unknown = Version::new(8, 1);
    assert_eq!(violations(&refusals, unknown), [""; 0]);
    let notes = refusals.judge(QEMU, unknown).unwrap().notes;
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("QEMU 8.1 is not judged"));
    assert!(
        notes[0].ends_with("of what is listed of QEMU 7.2 and 10.0, 2 things are otherwise here")
    );
    // One of another version whose differences are listed is judged.
    assert_eq!(violations(&refusals, Version::new(10, 0)).len(), 2);
    // But it has to have run.
    refusals.fuzzed.pop();
    refusals.enters.pop();
    assert_eq!(violations(&refusals, unknown).len(), 2);
    refusals.sound = None;
    assert!(refusals.judge(QEMU, unknown).is_err());
}

#[test]
fn a_difference_that_nothing_shows_is_noticed() {
    let mut refusals = answers();
    refusals.fuzzed.clear();
    let found = violations(&refusals, Version::new(7, 2));
    let unseen = found.iter().filter(|text| *text == "no VMCB showed it");
    assert!(unseen.count() >= 4, "{found:?}");
}

#[test]
fn lines_that_the_kernel_does_not_write_are_errors() {
    let mut refusals = Refusals::default();
    assert!(!refusals.add("saw", "something").unwrap());
    assert!(refusals.add("machine", MACHINE).unwrap());
    for (kind, rest) in [
        ("machine", "28 3d01"),
        ("machine", "x"),
        ("sound", "00"),
        ("enters", "#GP(0)"),
        ("breaking", "asid-zero"),
        ("breaking", "asid-0 81"),
        ("fuzzed", "1 81"),
        ("fuzzed", "0"),
    ] {
        assert!(refusals.add(kind, rest).is_err(), "{kind} {rest}");
    }
    assert!(refusals.add("fuzzed", "0 ffffffffffffffff").unwrap());
}

#[test]
fn names_of_differences_are_unique_and_say_whose_they_are() {
    let names: BTreeSet<_> = DEVIATIONS.iter().map(|deviation| deviation.name).collect();
    assert_eq!(names.len(), DEVIATIONS.len());
    for emulator in [Emulator::Qemu, Emulator::Bochs] {
        let prefix = emulator.to_string().to_lowercase();
        for deviation in Deviation::of(emulator) {
            assert!(deviation.name.starts_with(&prefix));
        }
    }
}

#[test]
fn docs_vmrun_is_as_it_is_generated() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vmrun.md");
    let page = answers::page();
    if std::env::var_os("SVMSAVE_WRITE_VMRUN").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/vmrun.md is stale: SVMSAVE_WRITE_VMRUN=1 cargo test -p oracles vmrun"
    );
}
