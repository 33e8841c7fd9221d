//! Machines to look at: each is one of the examples, changed.

use amd_svm::descriptor::Descriptor;
use client::{Field, Guest, Machine, ProcessorSnapshot, Snapshot, Unavailable};

/// An address in the driver that the example has loaded.
const HOOK: u64 = 0xFFFF_F804_9A70_2340;

/// Names of machines that tests ask for.
pub(super) const HIDDEN_BUT_ON_2: &str = "hidden but on one";
pub(super) const DECEIVING: &str = "a module that is made to be read as another";

fn example(name: &str) -> Snapshot {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../client/examples");
    Snapshot::open(format!("{folder}/{name}.json")).unwrap()
}

pub(super) fn tampered() -> Snapshot {
    example("tampered")
}

pub(super) fn healthy() -> Snapshot {
    example("healthy")
}

fn changed(mut machine: Snapshot, change: impl FnOnce(&mut Snapshot)) -> Snapshot {
    change(&mut machine);
    machine
}

/// A healthy Windows with so many processors, in full groups.
pub(super) fn of(processors: u32) -> Snapshot {
    let mut machine = healthy();
    let first = machine.processors[0].clone();
    machine.active_processors = Some(processors);
    machine.processors = (0..processors).map(|index| placed(&first, index)).collect();
    machine.machine = workstation();
    machine.taken_at = Some("2026-01-31T08:15:30.125Z".parse().unwrap());
    machine
}

fn workstation() -> Machine {
    let mut machine = Machine::default();
    machine.host = Some("WS-0412".to_owned());
    machine.os = Some("Windows 11 Pro 24H2".to_owned());
    machine.os_build = Some("10.0.26100.4061".to_owned());
    machine.booted_at = Some("2026-01-30T06:00:00Z".parse().unwrap());
    machine.processor.brand = Some("AMD Ryzen 9 7950X 16-Core Processor".to_owned());
    machine.processor.family = Some(0x19);
    machine.processor.model = Some(0x61);
    machine.processor.stepping = Some(2);
    machine.processor.microcode = Some(0x0A60_1206);
    machine.hypervisor = Some("Microsoft Hv".to_owned());
    machine.secure_boot = Some(false);
    machine.test_signing = Some(true);
    machine
}

/// The processor at another place, with structures of its own.
fn placed(first: &ProcessorSnapshot, index: u32) -> ProcessorSnapshot {
    let mut processor = first.clone();
    processor.id.index = index;
    processor.id.group = (index / 64).try_into().unwrap();
    processor.id.number = (index % 64).try_into().unwrap();
    let capture = processor.result.as_mut().unwrap();
    let offset = u64::from(index);
    capture.details.as_mut().unwrap().tsc += offset * 977;
    let state = &mut capture.vmsave;
    state.gs.base += offset * 0x3000;
    state.tr.base += offset * 0x1000;
    state.system_call.kernel_gs_base += offset * 0x4000;
    let Some(Ok(witness)) = &mut capture.witness else {
        panic!("the example has a witness");
    };
    witness.gs_base = state.gs.base;
    witness.system_call = state.system_call;
    let Descriptor { low, high } = Descriptor::of(&state.tr).unwrap();
    witness.tr_descriptor = [low, high];
    processor
}

fn hook(processor: &mut ProcessorSnapshot) {
    let capture = processor.result.as_mut().unwrap();
    capture.vmsave.system_call.lstar = HOOK;
    if let Some(Ok(witness)) = &mut capture.witness {
        witness.system_call.lstar = HOOK;
    }
}

/// The machine with the system-call entry of some processors taken elsewhere, and a task state segment
/// too wide on another.
pub(super) fn with_outliers(machine: Snapshot) -> Snapshot {
    changed(machine, |machine| {
        for processor in machine.processors.iter_mut().step_by(61) {
            hook(processor);
        }
        let last = machine.processors.last_mut().unwrap();
        last.result.as_mut().unwrap().vmsave.tr.limit = 0x2067;
    })
}

pub(super) fn all_hooked(machine: Snapshot) -> Snapshot {
    changed(machine, |machine| {
        machine.processors.iter_mut().for_each(hook);
    })
}

/// The machine as a caller without the privilege sees it.
pub(super) fn hidden(machine: Snapshot) -> Snapshot {
    changed(machine, |machine| {
        machine.redacted = vec![Field::Lstar, Field::GsBase];
        for processor in &mut machine.processors {
            hide(processor);
        }
    })
}

fn hide(processor: &mut ProcessorSnapshot) {
    let capture = processor.result.as_mut().unwrap();
    capture.vmsave.system_call.lstar = 0;
    capture.vmsave.gs.base = 0;
    if let Some(Ok(witness)) = &mut capture.witness {
        witness.system_call.lstar = 0;
        witness.gs_base = 0;
    }
}

/// The same, but for one processor on which nothing is hidden.
fn hidden_but_on(index: usize) -> Snapshot {
    let shown = healthy().processors[index].clone();
    changed(hidden(healthy()), |machine| {
        machine.processors[index] = shown;
    })
}

/// Pages of guests that were stopped in user mode; one has a program's base where SWAPGS takes the
/// kernel's from.
fn stop_in_user_mode(machine: &mut Snapshot) {
    machine.driver = None;
    for processor in &mut machine.processors {
        let capture = processor.result.as_mut().unwrap();
        capture.details = None;
        capture.witness = None;
        capture.guest = Some(Guest {
            cpl: 3,
            efer: 0x1D01.into(),
            cr0: 0x8005_003B,
            cr4: 0x77_0EF0,
            ..Guest::default()
        });
        let state = &mut capture.vmsave;
        std::mem::swap(&mut state.gs.base, &mut state.system_call.kernel_gs_base);
    }
    let one = machine.processors[1].result.as_mut().unwrap();
    one.vmsave.system_call.kernel_gs_base = 0x5E_1F30_C000;
}

/// A machine with names that browsers could show as others, or as a part of the page.
pub(super) fn deceiving() -> Snapshot {
    changed(healthy(), |machine| {
        machine.modules[1].name = "sys.\u{202e}exe.lnrksotn\u{1b}<b>".repeat(8);
        machine.processors.iter_mut().for_each(hook);
        machine.machine.host = Some("\u{202e}WS\u{1b}<b>".repeat(20));
    })
}

/// Machines in every state, of 1 to 4096 processors.
#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn all() -> Vec<(&'static str, Snapshot)> {
    let changed = |change: fn(&mut Snapshot)| changed(healthy(), change);
    vec![
        ("healthy", healthy()),
        ("tampered", tampered()),
        ("one", of(1)),
        ("one, hooked", all_hooked(of(1))),
        ("64, hooked alike", all_hooked(of(64))),
        ("255 with outliers", with_outliers(of(255))),
        ("4096", of(4096)),
        ("4096 with outliers", with_outliers(of(4096))),
        ("hidden", hidden(of(64))),
        (HIDDEN_BUT_ON_2, hidden_but_on(2)),
        (
            "without modules and witness",
            changed(|machine| {
                machine.modules.clear();
                for processor in &mut machine.processors {
                    processor.result.as_mut().unwrap().witness = None;
                }
            }),
        ),
        (
            "SVM in use on three",
            changed(|machine| {
                for at in [0, 1, 3] {
                    let capture = machine.processors[at].result.as_mut().unwrap();
                    let details = capture.details.as_mut().unwrap();
                    details.efer_found.set_svme(true);
                    details.efer_left = details.efer_found;
                }
            }),
        ),
        (
            "two against two, outside the kernel",
            changed(|machine| {
                for at in [0, 1] {
                    let capture = machine.processors[at].result.as_mut().unwrap();
                    capture.vmsave.system_call.lstar = 0xFFFF_F803_4000_1234;
                    capture.witness = None;
                }
            }),
        ),
        (
            "CSTAR hooked on all",
            changed(|machine| {
                for processor in &mut machine.processors {
                    let capture = processor.result.as_mut().unwrap();
                    capture.vmsave.system_call.cstar = 0xFFFF_F803_4000_1234;
                }
            }),
        ),
        (
            "hidden addresses, a processor that was not reached, and one that is not there",
            changed(|machine| {
                machine.redacted = vec![Field::Lstar, Field::GsBase];
                machine.processors.iter_mut().for_each(hide);
                machine.processors[2].result = Err(Unavailable::NotReached);
                machine.active_processors = Some(5);
            }),
        ),
        (
            "pages of another system",
            changed(|machine| {
                machine.driver = None;
                for processor in &mut machine.processors {
                    let capture = processor.result.as_mut().unwrap();
                    capture.details = None;
                    capture.witness = None;
                    capture.vmsave.fs.attributes.set_reserved(4);
                }
            }),
        ),
        (
            "guests in user mode, one with a program's base in the kernel's place",
            changed(stop_in_user_mode),
        ),
        (DECEIVING, deceiving()),
        (
            "everything is wrong everywhere",
            changed(|machine| {
                for (at, processor) in (1..).zip(&mut machine.processors) {
                    let capture = processor.result.as_mut().unwrap();
                    let state = &mut capture.vmsave;
                    state.fs.attributes.set_reserved(at);
                    state.gs.attributes.set_reserved(at);
                    state.tr.limit = 0x2067 + u32::from(at);
                    state.ldtr.selector = 0x48;
                    let registers = &mut state.system_call;
                    for register in [
                        &mut registers.star,
                        &mut registers.lstar,
                        &mut registers.cstar,
                        &mut registers.sfmask,
                        &mut registers.sysenter_cs,
                        &mut registers.sysenter_esp,
                        &mut registers.sysenter_eip,
                    ] {
                        *register = 0x1234_0000_0000_0000 + u64::from(at);
                    }
                }
            }),
        ),
    ]
}
