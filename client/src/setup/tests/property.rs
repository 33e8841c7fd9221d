//! Whatever goes wrong, and whenever: a removal leaves everything as it was.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::install::install_package;
use super::super::options::Options;
use super::super::record::{Record, Store};
use super::super::uninstall::uninstall;
use super::machine::{How, State, TestMachine};

/// More steps than any installation has.
const MOST_STEPS: usize = 24;

/// What a user does, or what happens.
#[derive(Clone, Debug)]
enum Event {
    Install {
        build: u8,
        test_signing: bool,
        fail: Option<(usize, How)>,
    },
    Uninstall {
        fail: Option<(usize, How)>,
    },
    /// With Secure Boot or without.
    Restart {
        secure_boot: bool,
    },
    /// A process holds the service, up to a restart.
    Held,
    /// A process opens the device, or closes it.
    Busy(bool),
}

fn failure() -> impl Strategy<Value = Option<(usize, How)>> {
    let how = prop_oneof![
        Just(How::NotDone),
        Just(How::DoneWithError),
        Just(How::EndBefore),
        Just(How::EndAfter),
    ];
    proptest::option::of((0..MOST_STEPS, how))
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (1..=3_u8, any::<bool>(), failure()).prop_map(|(build, test_signing, fail)| {
            Event::Install { build, test_signing, fail }
        }),
        2 => failure().prop_map(|fail| Event::Uninstall { fail }),
        2 => any::<bool>().prop_map(|secure_boot| Event::Restart { secure_boot }),
        1 => Just(Event::Held),
        1 => any::<bool>().prop_map(Event::Busy),
    ]
}

prop_compose! {
    /// A machine on which some certificates are trusted already, some builds don't start, and test
    /// signing may be set for the next start to what it is not now.
    fn machine()(
        trusted in proptest::collection::btree_set((proptest::sample::select(&Store::ALL[..]), 1..=3_u8), 0..3),
        broken in proptest::collection::btree_set(1..=3_u8, 0..2),
        attested in proptest::collection::btree_set(1..=3_u8, 0..2),
        (test_signing, takes_tests) in any::<(bool, bool)>(),
    ) -> TestMachine {
        let mut machine = TestMachine::new();
        let certificates = trusted.into_iter().map(|(store, build)| (store, vec![build]));
        machine.state.certificates = certificates.collect();
        machine.broken = broken;
        machine.attested = attested;
        machine.state.test_signing = test_signing;
        machine.facts.signing.takes_tests = takes_tests;
        machine
    }
}

fn happens(machine: &mut TestMachine, event: &Event) {
    (machine.fail, machine.steps) = (None, 0);
    match *event {
        Event::Install {
            build,
            test_signing,
            fail,
        } => {
            machine.fail = fail;
            let options = Options {
                test_signing,
                ..Options::default()
            };
            let package = machine.package(build);
            let _ = install_package(machine, &package, &options, &mut Vec::new());
        }
        Event::Uninstall { fail } => {
            machine.fail = fail;
            let _ = uninstall(machine, false, &mut Vec::new());
        }
        Event::Restart { secure_boot } => {
            machine.secure_boot_next = secure_boot;
            machine.restart();
        }
        Event::Held => machine.service_held = true,
        Event::Busy(busy) => machine.busy = busy,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn after_anything_a_removal_leaves_the_machine_as_it_was(
        mut machine in machine(),
        events in proptest::collection::vec(event(), 1..6),
    ) {
        let before = machine.state.clone();
        for event in &events {
            happens(&mut machine, event);
        }
        (machine.fail, machine.busy) = (None, false);
        if machine.service_held {
            // The restart that the removal asks for, with Secure Boot as it is.
            let _ = uninstall(&mut machine, false, &mut Vec::new());
            machine.secure_boot_next = machine.facts.signing.secure_boot;
            machine.restart();
        }
        let result = uninstall(&mut machine, false, &mut Vec::new());
        prop_assert!(result.is_ok(), "{result:?}");
        if machine.facts.signing.secure_boot && machine.state.test_signing != before.test_signing {
            // Left is what can't be changed, and its record.
            let left = State {
                test_signing: true,
                record: Some(Record { test_signing: true, ..Record::default() }),
                ..before.clone()
            };
            prop_assert_eq!(&machine.state, &left);
            prop_assert!(uninstall(&mut machine, false, &mut Vec::new()).is_ok());
            prop_assert_eq!(&machine.state, &left);
            machine.secure_boot_next = false;
            machine.restart();
            prop_assert!(uninstall(&mut machine, false, &mut Vec::new()).is_ok());
        }
        prop_assert_eq!(&machine.state, &before);
        // Twice.
        prop_assert!(uninstall(&mut machine, false, &mut Vec::new()).is_ok());
        prop_assert_eq!(&machine.state, &before);
    }
}

/// The machine with build 1 installed, and what it was before.
fn installed(plainly: bool) -> TestMachine {
    let mut machine = TestMachine::new();
    if plainly {
        machine.install_plainly(1);
    } else {
        happens(
            &mut machine,
            &Event::Install {
                build: 1,
                test_signing: false,
                fail: None,
            },
        );
    }
    assert_eq!(machine.state.service, Some((1, true)));
    machine
}

/// What does not matter to users of the driver: by which name the store has the package, and
/// which of the copies there are.
fn essence(state: &State) -> State {
    State {
        packages: state
            .packages
            .values()
            .map(|build| (build.to_string(), *build))
            .collect(),
        kept: BTreeMap::new(),
        record: state
            .record
            .clone()
            .filter(|record| *record != Record::default()),
        ..state.clone()
    }
}

#[test]
fn an_upgrade_that_fails_at_any_step_leaves_one_of_the_two_running() {
    for plainly in [false, true] {
        for how in [How::NotDone, How::DoneWithError] {
            let mut came_back = 0;
            for at in 0.. {
                let mut machine = installed(plainly);
                let before = machine.state.clone();
                machine.steps = 0;
                machine.fail = Some((at, how));
                let package = machine.package(2);
                let result =
                    install_package(&mut machine, &package, &Options::default(), &mut Vec::new());
                match machine.state.service {
                    Some((1, true)) => {
                        assert!(result.is_err());
                        assert_eq!(essence(&machine.state), essence(&before), "{at} {how:?}");
                        came_back += 1;
                    }
                    Some((2, true)) => {}
                    other => panic!("{at} {how:?}: {other:?}"),
                }
                if machine.steps <= at {
                    assert!(result.is_ok());
                    break;
                }
            }
            assert!(came_back > 5, "{came_back}");
        }
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    for mut machine in [TestMachine::new(), installed(false), installed(true)] {
        let before = machine.state.clone();
        machine.steps = 0;
        let options = Options {
            dry_run: true,
            ..Options::default()
        };
        for build in 1..=2 {
            let package = machine.package(build);
            install_package(&mut machine, &package, &options, &mut Vec::new()).unwrap();
        }
        uninstall(&mut machine, true, &mut Vec::new()).unwrap();
        assert_eq!((machine.state, machine.steps), (before, 0));
    }
}
