//! What is in the way: that it is noticed, that nothing is changed then, and what is said.

use std::fmt::Write;

use super::super::machine::{Security, Switch};
use super::super::options::Options;
use super::super::processor::Hypervisor;
use super::machine::{NOW, TestMachine};
use super::{assert_text, install, remove};

/// A machine with something in the way.
type Change = fn(&mut TestMachine);

const IN_THE_WAY: [(&str, Change); 24] = [
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
            Switch::On,
        );
    }),
    ("memory integrity, locked", |machine| {
        security(
            machine,
            |security| &mut security.memory_integrity,
            Switch::Locked,
        );
    }),
    ("Credential Guard", |machine| {
        security(
            machine,
            |security| &mut security.credential_guard,
            Switch::On,
        );
    }),
    ("Credential Guard, locked", |machine| {
        security(
            machine,
            |security| &mut security.credential_guard,
            Switch::Locked,
        );
    }),
    ("other use of virtualization", |machine| {
        security(
            machine,
            |security| &mut security.virtualization_based,
            Switch::On,
        );
    }),
    ("other use of virtualization, locked", |machine| {
        security(
            machine,
            |security| &mut security.virtualization_based,
            Switch::Locked,
        );
    }),
    ("no test signing", |machine| {
        machine.facts.signing.takes_tests = false;
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
    let wanted = Options {
        test_signing: true,
        ..Options::default()
    };
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
    machine.facts.signing.secure_boot = true;
    machine.facts.signing.takes_tests = false;
    let before = machine.state.clone();
    install(&mut machine, 1, &Options::default());
    assert_eq!(machine.state.service, Some((1, true)));
    assert_eq!(machine.state.certificates, before.certificates);
}
