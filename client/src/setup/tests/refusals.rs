//! What is in the way: that it is noticed, that nothing is changed then, and what is said.

use std::fmt::Write;

use super::super::options::Options;
use super::super::processor::Hypervisor;
use super::super::record::Record;
use super::super::security::{Security, SetBy, Switch};
use super::machine::{NOW, State, TestMachine};
use super::{assert_text, install, remove};

/// A machine with something in the way.
type Change = fn(&mut TestMachine);

const IN_THE_WAY: [(&str, Change); 35] = [
    ("no administrator", |machine| machine.facts.elevated = false),
    ("an old Windows", |machine| machine.facts.build = 18363),
    ("ARM64", |machine| machine.facts.x64 = false),
    ("Intel", |machine| {
        machine.facts.processor.vendor = "GenuineIntel".to_owned();
        machine.facts.processor.svm = false;
    }),
    ("no SVM", |machine| machine.facts.processor.svm = false),
    ("off in the firmware", |machine| {
        machine.facts.processor.switched_on = false;
    }),
    ("KVM", |machine| {
        hidden(machine, Hypervisor::Other("KVMKVMKVM".to_owned()));
    }),
    ("Hyper-V on the host", |machine| {
        hidden(machine, Hypervisor::HyperV);
    }),
    ("Hyper-V here", |machine| {
        hidden(machine, Hypervisor::OwnHyperV);
    }),
    ("memory integrity", |machine| {
        security(
            machine,
            |security| &mut security.memory_integrity,
            Switch::On(SetBy::Machine),
        );
    }),
    ("memory integrity, locked", |machine| {
        security(
            machine,
            |security| &mut security.memory_integrity,
            Switch::Locked(SetBy::Machine),
        );
    }),
    ("Credential Guard", |machine| {
        security(
            machine,
            |security| &mut security.credential_guard,
            Switch::On(SetBy::Machine),
        );
    }),
    ("Credential Guard, locked", |machine| {
        security(
            machine,
            |security| &mut security.credential_guard,
            Switch::Locked(SetBy::Machine),
        );
    }),
    ("other use of virtualization", |machine| {
        security(
            machine,
            |security| &mut security.virtualization_based,
            Switch::On(SetBy::Machine),
        );
    }),
    ("other use of virtualization, locked", |machine| {
        security(
            machine,
            |security| &mut security.virtualization_based,
            Switch::Locked(SetBy::Machine),
        );
    }),
    ("Credential Guard, by default", |machine| {
        security(
            machine,
            |security| &mut security.credential_guard,
            Switch::On(SetBy::Default),
        );
    }),
    ("memory integrity, by a policy", |machine| {
        security(
            machine,
            |security| &mut security.memory_integrity,
            Switch::On(SetBy::Policy),
        );
    }),
    ("Credential Guard, by a policy", |machine| {
        security(
            machine,
            |security| &mut security.credential_guard,
            Switch::On(SetBy::Policy),
        );
    }),
    ("Credential Guard, by a policy and locked", |machine| {
        security(
            machine,
            |security| &mut security.credential_guard,
            Switch::Locked(SetBy::Policy),
        );
    }),
    ("other use of virtualization, by a policy", |machine| {
        security(
            machine,
            |security| &mut security.virtualization_based,
            Switch::On(SetBy::Policy),
        );
    }),
    ("no test signing", |machine| {
        machine.state.test_signing = false;
        machine.facts.signing.takes_tests = false;
    }),
    (
        "no test signing, and a boot configuration that is not read",
        |machine| {
            machine.facts.signing.takes_tests = false;
            machine.reads_boot = false;
        },
    ),
    ("test signing from the next start", |machine| {
        machine.facts.signing.takes_tests = false;
    }),
    (
        "test signing from the next start, and BitLocker",
        |machine| {
            machine.facts.signing.takes_tests = false;
            machine.bit_locker = true;
        },
    ),
    ("test signing until the next start", |machine| {
        machine.state.test_signing = false;
    }),
    ("test signing that Secure Boot keeps off", |machine| {
        machine.facts.signing.takes_tests = false;
        machine.facts.signing.secure_boot = true;
    }),
    ("a service that is deleted and held", |machine| {
        machine.install_plainly(1);
        machine.restart();
        machine.service_deleted = true;
    }),
    ("Secure Boot", |machine| {
        machine.facts.signing.secure_boot = true;
    }),
    ("Secure Boot and BitLocker", |machine| {
        machine.facts.signing.secure_boot = true;
        machine.bit_locker = true;
    }),
    ("Secure Boot, and no administrator", |machine| {
        machine.facts.signing.secure_boot = true;
        machine.facts.elevated = false;
    }),
    ("a clock that is slow", |machine| {
        machine.facts.now = NOW - 2;
    }),
    ("a clock that is fast", |machine| {
        machine.facts.now = NOW + 2;
    }),
    (
        "a clock that is slow, and Microsoft's signature",
        |machine| {
            machine.attested.insert(1);
            machine.facts.now = NOW - 2;
        },
    ),
    ("all at once", |machine| {
        machine.facts.elevated = false;
        machine.facts.build = 10240;
        hidden(machine, Hypervisor::HyperV);
        machine.state.test_signing = false;
        machine.facts.signing.takes_tests = false;
        machine.facts.now = NOW + 2;
    }),
    (
        "nothing but a hypervisor that lets SVM through",
        |machine| {
            machine.facts.processor.hypervisor = Some(Hypervisor::HyperV);
            machine.facts.processor.switched_on = false;
        },
    ),
];

fn hidden(machine: &mut TestMachine, by: Hypervisor) {
    machine.facts.processor.svm = false;
    machine.facts.processor.hypervisor = Some(by);
}

fn security(machine: &mut TestMachine, which: fn(&mut Security) -> &mut Switch, switch: Switch) {
    hidden(machine, Hypervisor::OwnHyperV);
    *which(&mut machine.facts.security) = switch;
}

#[test]
fn what_is_in_the_way_has_a_line_each_and_nothing_is_changed() {
    let mut text = String::new();
    for (name, change) in IN_THE_WAY {
        let mut machine = TestMachine::new();
        change(&mut machine);
        let before = machine.state.clone();
        let seen = install(&mut machine, 1, &Options::default());
        let refused = seen.starts_with("client: ");
        assert_eq!(refused, !name.starts_with("nothing but"), "{name}: {seen}");
        if refused {
            assert_eq!((&machine.state, machine.steps), (&before, 0), "{name}");
        }
        writeln!(text, "{name}\n{seen}").unwrap();
    }
    assert_text("refusals", &text);
}

#[test]
fn without_svm_the_driver_is_installed_if_that_is_wanted() {
    let mut machine = TestMachine::new();
    machine.facts.processor.svm = false;
    let options = Options {
        without_svm: true,
        ..Options::default()
    };
    install(&mut machine, 1, &options);
    assert_eq!(machine.state.service, Some((1, true)));
}

#[test]
fn a_time_stamp_lets_a_signature_outlive_its_certificate() {
    let mut machine = TestMachine::new();
    machine.facts.now = NOW + 2;
    let mut package = machine.package(1);
    package.signer.has_time_stamp = true;
    let options = Options::default();
    super::install_package(&mut machine, &package, &options, &mut Vec::new()).unwrap();
}

#[test]
fn test_signing_is_changed_only_when_that_is_wanted_and_never_under_bit_locker() {
    let wanted = with_test_signing();
    let mut machine = TestMachine::new();
    machine.state.test_signing = false;
    machine.restart();
    machine.bit_locker = true;
    let mut text = install(&mut machine, 1, &wanted);
    assert!(!machine.state.test_signing);
    machine.bit_locker = false;
    text += &install(&mut machine, 1, &wanted);
    assert!(machine.state.test_signing && machine.state.service.is_none());
    machine.restart();
    text += &install(&mut machine, 1, &wanted);
    assert_eq!(machine.state.service, Some((1, true)));
    machine.bit_locker = true;
    text += &remove(&mut machine);
    assert_eq!(machine.state.service, Some((1, true)));
    machine.bit_locker = false;
    text += &remove(&mut machine);
    assert!(!machine.state.test_signing);
    assert_text("test_signing", &text);
}

/// A package that Microsoft signed needs none of it.
#[test]
fn an_attested_package_needs_no_test_signing_and_no_certificate() {
    let mut machine = TestMachine::new();
    machine.attested.insert(1);
    machine.secure_boot_next = true;
    machine.restart();
    let before = machine.state.clone();
    install(&mut machine, 1, &Options::default());
    assert_eq!(machine.state.service, Some((1, true)));
    assert_eq!(machine.state.certificates, before.certificates);
}

fn with_test_signing() -> Options {
    Options {
        test_signing: true,
        ..Options::default()
    }
}

/// A machine on which an installation has turned test signing on, and its state before that.
fn with_test_signing_turned_on(wanted: &Options) -> (TestMachine, State) {
    let mut machine = TestMachine::new();
    machine.state.test_signing = false;
    machine.restart();
    let before = machine.state.clone();
    install(&mut machine, 1, wanted);
    machine.restart();
    install(&mut machine, 1, wanted);
    (machine, before)
}

/// A removal that comes before a restart is taken back by an installation, if that is wanted.
#[test]
fn test_signing_that_ends_with_the_next_start_is_set_anew() {
    let wanted = with_test_signing();
    let (mut machine, before) = with_test_signing_turned_on(&wanted);
    remove(&mut machine);
    assert_eq!(machine.state, before);
    assert!(machine.facts.signing.takes_tests);
    let mut text = install(&mut machine, 1, &Options::default());
    assert_eq!(machine.state, before);
    text += &install(&mut machine, 1, &wanted);
    text += &install(&mut machine, 1, &wanted);
    machine.restart();
    text += &install(&mut machine, 1, &wanted);
    assert_eq!(machine.state.service, Some((1, true)));
    remove(&mut machine);
    assert_eq!(machine.state, before);
    assert_text("test_signing_ends", &text);
}

/// What a user has set before the restart is the user's.
#[test]
fn test_signing_that_a_user_has_set_stays_after_a_removal() {
    let wanted = with_test_signing();
    for reads_boot in [true, false] {
        let mut machine = TestMachine::new();
        machine.facts.signing.takes_tests = false;
        machine.reads_boot = reads_boot;
        let before = machine.state.clone();
        let mut text = install(&mut machine, 1, &wanted);
        machine.restart();
        text += &install(&mut machine, 1, &wanted);
        assert_eq!(machine.state.service, Some((1, true)));
        text += &remove(&mut machine);
        assert_eq!(machine.state.test_signing, reads_boot, "{text}");
        assert_eq!(machine.state.record, before.record);
        let name = if reads_boot {
            "test_signing_of_a_user"
        } else {
            "test_signing_not_known"
        };
        assert_text(name, &text);
    }
}

/// The usual order: done, Secure Boot on again, removed.
#[test]
fn under_secure_boot_a_removal_leaves_nothing_but_test_signing_and_says_so() {
    let wanted = with_test_signing();
    let (mut machine, before) = with_test_signing_turned_on(&wanted);
    machine.secure_boot_next = true;
    machine.restart();
    // Nothing that it seals is changed.
    machine.bit_locker = true;
    let mut text = remove(&mut machine);
    let left = machine.state.clone();
    assert!(left.service.is_none() && left.kept.is_empty() && left.packages.is_empty());
    assert_eq!(left.certificates, before.certificates);
    text += "\n";
    text += &remove(&mut machine);
    assert_eq!(machine.state, left);
    machine.bit_locker = false;
    machine.secure_boot_next = false;
    machine.restart();
    text += "\n";
    text += &remove(&mut machine);
    assert_eq!(machine.state, before);
    assert_text("secure_boot", &text);
}

/// What was turned off by hand needs no change, which Secure Boot would refuse.
#[test]
fn test_signing_that_is_set_to_be_off_is_no_reason_to_keep_the_record() {
    let mut machine = TestMachine::new();
    machine.state.record = Some(Record {
        test_signing: true,
        ..Record::default()
    });
    machine.state.test_signing = false;
    machine.secure_boot_next = true;
    machine.restart();
    machine.bit_locker = true;
    remove(&mut machine);
    assert_eq!(machine.state.record, None);
}

#[test]
fn a_service_that_is_held_is_removed_after_a_restart() {
    let mut machine = TestMachine::new();
    let before = machine.state.clone();
    install(&mut machine, 1, &Options::default());
    machine.service_held = true;
    let text = remove(&mut machine);
    assert!(text.contains("as soon as the last handle to it is closed"));
    assert!(machine.service_deleted && machine.state.record.is_some());
    machine.restart();
    remove(&mut machine);
    assert_eq!(machine.state, before);
}
