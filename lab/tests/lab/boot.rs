//! The machine itself: processors, registers, memory, loading.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use lab::{
    Config, Error, Operation, OperationResult, ProcessorChange, ProcessorState, Report, Thread,
};

use crate::support::{END_LIMIT, boot, config, try_boot};

const IMAGE_AREA: std::ops::Range<u64> = 0xFFFF_F800_0000_0000..0xFFFF_F810_0000_0000;

#[test]
fn any_number_of_processors_boots() {
    for processors in [1, 2, 3, 8, 64, 65, 255] {
        let started = Instant::now();
        let lab = boot(&config(processors));
        println!("{processors} processors: {:?}", started.elapsed());
        assert_eq!(lab.ready().processors, processors);
        let placed: u32 = lab.ready().groups.iter().map(|&n| u32::from(n)).sum();
        assert_eq!(placed, processors);
        lab.shutdown().unwrap();
    }
}

#[test]
fn threads_run_on_their_processors_one_after_the_other() {
    let mut lab = boot(&config(3));
    let thread = |processor| Thread {
        processor,
        operations: vec![Operation::TimeStamp; 2],
    };
    let before = lab.report().unwrap();
    let results = lab.run([2, 0, 1, 2].map(thread).into()).unwrap();
    let after = lab.report().unwrap();
    let stamps = |thread: usize| {
        let results = results[thread].iter();
        results.map(|result| match result {
            OperationResult::TimeStamp(stamp) => *stamp,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(results.len(), 4);
    for thread in 0..4 {
        assert_eq!(stamps(thread).len(), 2);
        assert!(stamps(thread).is_sorted(), "{results:?}");
    }
    // Both of processor 2.
    assert!(stamps(0).chain(stamps(3)).is_sorted(), "{results:?}");
    let threads = |report: &Report| report.processors.iter().map(|one| one.threads).collect();
    let (before, after): (Vec<u64>, Vec<u64>) = (threads(&before), threads(&after));
    let runs: Vec<_> = after
        .iter()
        .zip(before)
        .map(|(now, then)| now - then)
        .collect();
    assert_eq!(runs, [1; 3]);
    let refused = lab.run(vec![thread(0), thread(3)]);
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}

#[test]
fn groups_take_the_shape_that_is_asked_for() {
    let mut lab = boot(&Config {
        groups: vec![3, 1, 2],
        ..config(6)
    });
    let numbers: Vec<_> = (0..6)
        .map(|index| {
            let state = lab.processor(index).unwrap();
            (state.group, state.number)
        })
        .collect();
    assert_eq!(numbers, [(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)]);
}

#[test]
fn groups_that_dont_hold_all_processors_are_refused() {
    let error = try_boot(&Config {
        groups: vec![2, 2],
        ..config(5)
    })
    .unwrap_err();
    assert!(
        error.to_string().contains("5 processors don't fill groups"),
        "{error}"
    );
}

/// A timer that firmware has started ticks 18 times a second and is not waited for. Where time is
/// counted in instructions, firmware itself is done before the first tick.
#[test]
fn the_old_timer_interrupts_nobody() {
    let mut lab = boot(&Config {
        count_instructions: true,
        ..config(2)
    });
    let mut ask = || match lab.run(vec![Thread {
        processor: 0,
        operations: vec![Operation::TimeStamp],
    }]) {
        Ok(outcomes) => match outcomes.concat().as_slice() {
            [OperationResult::TimeStamp(stamp)] => *stamp,
            other => panic!("{other:?}"),
        },
        Err(error) => panic!("{error}"),
    };
    // Nanoseconds, as each instruction takes one.
    let end = ask() + 200_000_000;
    while ask() < end {}
    lab.shutdown().unwrap();
}

/// The first tick may come after firmware has let interrupts in for the last time and before the boot
/// processor masks its line: it waits then, because interrupts are off. Here it does on every machine,
/// however fast.
#[test]
fn a_tick_of_the_old_timer_that_waits_is_forgotten() {
    let lab = boot(&Config {
        count_instructions: true,
        // Nanoseconds: a tick comes each 55 milliseconds.
        not_before: 120_000_000,
        ..config(1)
    });
    lab.shutdown().unwrap();
}

fn check_windows_layout(state: &ProcessorState) {
    assert_eq!(state.cs.selector, 0x10);
    assert_eq!(state.ss.selector, 0x18);
    assert_eq!((state.ds.selector, state.es.selector), (0x2B, 0x2B));
    assert_eq!((state.fs.selector, state.gs.selector), (0x53, 0x2B));
    assert_eq!((state.tr.selector, state.ldtr.selector), (0x40, 0));
    // Present, DPL 3, 32-bit data of 3C00h bytes in all.
    assert_eq!(
        state.fs.descriptor & 0x00FF_FF00_0000_FFFF,
        0x0040_F300_0000_3C00
    );
    // A busy 64-bit TSS.
    assert_eq!(state.tr.descriptor >> 40 & 0xFF, 0x8B);
    assert_eq!(state.gdt.limit, 0x57);
    assert_eq!(state.msrs.star, 0x0023_0010_0000_0000);
    assert_eq!(state.msrs.sfmask, 0x4700);
    assert!(IMAGE_AREA.contains(&state.msrs.gs_base));
    assert_eq!(state.cr8, 0, "threads run at PASSIVE_LEVEL");
    assert_ne!(state.rflags & 1 << 9, 0, "threads can be interrupted");
    assert_ne!(state.cr0 & 1 << 16, 0, "write protection");
    assert_ne!(state.msrs.efer & 1 << 11, 0, "no-execute");
}

#[test]
fn processors_look_as_under_windows() {
    let mut lab = boot(&config(8));
    let states: Vec<_> = (0..8).map(|index| lab.processor(index).unwrap()).collect();
    for state in &states {
        check_windows_layout(state);
        assert_eq!(state.msrs.lstar, states[0].msrs.lstar);
        assert_eq!(state.msrs.cstar, states[0].msrs.cstar);
    }
    let different = |of: fn(&ProcessorState) -> u64| {
        states.iter().map(of).collect::<HashSet<_>>().len() == states.len()
    };
    assert!(different(|state| state.msrs.gs_base));
    assert!(different(|state| state.msrs.kernel_gs_base));
    assert!(different(|state| state.gdt.base));
    assert!(different(|state| state.tr.descriptor));
    assert!(different(|state| state.fs.descriptor));
}

#[test]
fn what_is_set_is_read_back_on_that_processor_only() {
    let mut lab = boot(&config(3));
    let before: Vec<_> = (0..3).map(|index| lab.processor(index).unwrap()).collect();
    let change = ProcessorChange {
        svme: Some(true),
        star: Some(0x1111_2222_3333_4444),
        lstar: Some(0xFFFF_F801_1234_5678),
        cstar: Some(0xFFFF_F802_1234_5678),
        sfmask: Some(0x0004_7700),
        fs_base: Some(0x0000_7FFF_1234_5000),
        gs_base: Some(0xFFFF_A000_1234_5000),
        kernel_gs_base: Some(0x0000_00AB_CDEF_0000),
        sysenter_cs: Some(0x10),
        sysenter_esp: Some(0xFFFF_9000_0000_1000),
        sysenter_eip: Some(0xFFFF_F803_0000_1000),
        fs_descriptor: Some(0x1240_F334_5678_7FFF),
        gs_descriptor: None,
        tss_limit: Some(0x1234),
    };
    lab.set_processor(1, change).unwrap();
    let state = lab.processor(1).unwrap();
    let msrs = state.msrs;
    assert_ne!(msrs.efer & 1 << 12, 0);
    assert_eq!(Some(msrs.star), change.star);
    assert_eq!(Some(msrs.lstar), change.lstar);
    assert_eq!(Some(msrs.cstar), change.cstar);
    assert_eq!(Some(msrs.sfmask), change.sfmask);
    assert_eq!(Some(msrs.fs_base), change.fs_base);
    assert_eq!(Some(msrs.gs_base), change.gs_base);
    assert_eq!(Some(msrs.kernel_gs_base), change.kernel_gs_base);
    assert_eq!(Some(msrs.sysenter_cs), change.sysenter_cs);
    assert_eq!(Some(msrs.sysenter_esp), change.sysenter_esp);
    assert_eq!(Some(msrs.sysenter_eip), change.sysenter_eip);
    assert_eq!(Some(state.fs.descriptor), change.fs_descriptor);
    assert_eq!(state.tr.descriptor & 0xFFFF, 0x1234);
    for index in [0, 2] {
        assert_eq!(
            lab.processor(index).unwrap().msrs,
            before[index as usize].msrs
        );
    }
}

#[test]
fn descriptors_that_would_fault_are_refused() {
    let mut lab = boot(&config(1));
    // Absent, of another privilege level, of the system, of code.
    for descriptor in [
        0x0040_7300_0000_3C00,
        0x0040_B300_0000_3C00,
        0x0040_E300_0000_3C00,
        0x0040_FB00_0000_3C00,
    ] {
        let change = ProcessorChange {
            fs_descriptor: Some(descriptor),
            ..ProcessorChange::default()
        };
        let refused = lab.set_processor(0, change);
        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    }
    assert!(matches!(lab.processor(1), Err(Error::Refused(_))));
    lab.shutdown().unwrap();
}

#[test]
fn physical_memory_can_be_read_and_written() {
    let mut lab = boot(&config(1));
    let end = lab.ready().memory;
    let address = end - 0x10_0000;
    lab.write_physical(address, &[1, 2, 0, 4]).unwrap();
    assert_eq!(lab.read_physical(address, 4).unwrap(), [1, 2, 0, 4]);
    assert!(matches!(lab.read_physical(end, 1), Err(Error::Refused(_))));
}

#[test]
fn a_driver_that_loads_lies_elsewhere_each_time() {
    let mut bases = HashSet::new();
    for seed in 0..2 {
        let mut lab = boot(&Config { seed, ..config(2) });
        for _ in 0..3 {
            bases.insert(lab.load().unwrap());
            assert!(lab.unload().unwrap().is_clean());
        }
        lab.shutdown().unwrap();
    }
    assert_eq!(bases.len(), 6);
    assert!(bases.iter().all(|base| IMAGE_AREA.contains(base)));
}

#[test]
fn time_can_be_counted_in_instructions() {
    let lab = boot(&Config {
        count_instructions: true,
        ..config(4)
    });
    assert_eq!(lab.ready().processors, 4);
    lab.shutdown().unwrap();
}

#[test]
fn a_missing_qemu_is_an_error_of_its_own() {
    let error = try_boot(&Config {
        qemu: "qemu-system-nonexistent".into(),
        ..config(1)
    })
    .unwrap_err();
    assert!(matches!(error, Error::QemuMissing(_)), "{error}");
}

#[test]
fn a_qemu_that_ends_says_why() {
    let error = try_boot(&Config {
        processor_model: String::from("nonexistent"),
        ..config(1)
    })
    .unwrap_err();
    assert!(matches!(error, Error::Ended { .. }), "{error}");
    assert!(error.to_string().contains("nonexistent"), "{error}");
}

#[test]
fn a_machine_that_never_comes_up_ends_in_time() {
    let started = Instant::now();
    let error = try_boot(&Config {
        // Stopped before the first instruction.
        qemu_arguments: vec!["-S".into()],
        timeout: Duration::from_millis(300),
        ..config(1)
    })
    .unwrap_err();
    assert!(matches!(error, Error::Silent { .. }), "{error}");
    assert!(started.elapsed() < END_LIMIT);
}

#[test]
fn a_machine_without_a_monitor_has_no_registers_to_show() {
    let lab = boot(&config(1));
    assert!(matches!(lab.qemu_registers(), Err(Error::Config(_))));
}
