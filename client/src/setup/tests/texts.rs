//! What a user sees of installations, upgrades and removals.

use super::super::options::Options;
use super::machine::TestMachine;
use super::{assert_text, install, remove};

fn dry() -> Options {
    Options {
        dry_run: true,
        ..Options::default()
    }
}

#[test]
fn an_installation_an_upgrade_and_a_removal_are_told_step_by_step() {
    let mut machine = TestMachine::new();
    let mut text = String::new();
    for (build, options) in [
        (1, dry()),
        (1, Options::default()),
        (1, Options::default()),
        (2, dry()),
        (2, Options::default()),
    ] {
        text += &install(&mut machine, build, &options);
        text += "\n";
    }
    machine.restart();
    text += &install(&mut machine, 2, &Options::default());
    text += "\n";
    text += &remove(&mut machine);
    text += "\n";
    text += &remove(&mut machine);
    assert_text("steps", &text);
}

#[test]
fn an_upgrade_that_does_not_start_is_rolled_back() {
    let mut machine = TestMachine::new();
    install(&mut machine, 1, &Options::default());
    let before = machine.state.clone();
    machine.broken.insert(2);
    let text = install(&mut machine, 2, &Options::default());
    assert_eq!(machine.state, before);
    assert_text("roll_back", &text);
}

#[test]
fn an_upgrade_over_a_plain_installation_keeps_its_package() {
    let mut machine = TestMachine::new();
    machine.install_plainly(1);
    let certificates = machine.state.certificates.clone();
    machine.broken.insert(2);
    install(&mut machine, 2, &Options::default());
    assert_eq!(machine.state.service, Some((1, true)));
    machine.broken.clear();
    install(&mut machine, 2, &Options::default());
    assert_eq!(machine.state.service, Some((2, true)));
    remove(&mut machine);
    // This installation did not put the first build's there.
    assert_eq!(machine.state.certificates, certificates);
}

#[test]
fn a_first_installation_that_does_not_start_says_how_to_go_on() {
    let mut machine = TestMachine::new();
    machine.broken.insert(1);
    assert_text(
        "first_start_fails",
        &install(&mut machine, 1, &Options::default()),
    );
}

#[test]
fn a_driver_that_is_held_stays_whole_and_its_holder_is_named() {
    let mut machine = TestMachine::new();
    install(&mut machine, 1, &Options::default());
    machine.busy = true;
    let before = machine.state.clone();
    let mut text = install(&mut machine, 2, &Options::default());
    text += "\n";
    text += &remove(&mut machine);
    assert_eq!(machine.state, before);
    assert_text("held", &text);
}
