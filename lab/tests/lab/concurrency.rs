//! Clients that overlap, die during a snapshot or open the device during an unload.

use fastrand::Rng;
use lab::{
    Access, Error, Handle, IoctlResult, Lab, Operation, OperationResult, StopReason, Thread, Token,
};
use protocol::{CONTROL_SNAPSHOT, Reply, Request, SnapshotRecord};

use crate::support::image::DriverImage;
use crate::support::{self, boot, config};

const PROCESSORS: u32 = 4;
const ROOM: u32 = 1 << 12;

const STATUS_INVALID_HANDLE: u32 = 0xC000_0008;
const STATUS_NO_SUCH_DEVICE: u32 = 0xC000_000E;

/// Turns of a spin loop: long enough for a thread to close its handle and unload the driver
/// meanwhile.
const DELAY_SPINS: u32 = 200_000;

fn loaded() -> Lab {
    let mut lab = boot(&config(PROCESSORS));
    lab.load().unwrap_or_else(|error| panic!("{error}"));
    lab
}

fn open(lab: &mut Lab) -> Handle {
    lab.open(protocol::USER_PATH, Access::READ).unwrap()
}

fn snapshot(handle: Handle) -> Operation {
    Operation::Ioctl {
        handle,
        code: CONTROL_SNAPSHOT,
        input: bytemuck::bytes_of(&Request::new()).to_vec(),
        output_length: ROOM,
    }
}

fn opening() -> Operation {
    Operation::Open {
        path: protocol::USER_PATH.to_owned(),
        access: Access::READ,
        token: Token::Administrator,
    }
}

fn thread(processor: u32, operations: impl Into<Vec<Operation>>) -> Thread {
    Thread {
        processor,
        operations: operations.into(),
    }
}

fn assert_whole(reply: &IoctlResult) {
    assert_eq!(reply.status, 0, "{:#010x}", reply.status);
    let reply = Reply::<SnapshotRecord>::parse(&reply.output).unwrap();
    assert_eq!(reply.records().count(), PROCESSORS as usize);
    assert!(reply.records().all(|record| record.outcome.is_done()));
}

/// Runs threads; every snapshot that got an answer other than `STATUS_INVALID_HANDLE`
/// must be whole. Returns the other results of each thread.
fn run(lab: &mut Lab, threads: Vec<Thread>) -> Vec<Vec<OperationResult>> {
    let mut all = lab.run(threads).unwrap_or_else(|error| panic!("{error}"));
    for results in &mut all {
        results.retain(|result| match result {
            OperationResult::Ioctl(reply) if reply.status != STATUS_INVALID_HANDLE => {
                assert_whole(reply);
                false
            }
            OperationResult::Done => false,
            _ => true,
        });
    }
    all
}

/// Unloads a driver that is not open any more.
fn unload(mut lab: Lab) {
    let report = lab.unload().unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_clean(), "{report:?}");
    lab.shutdown().unwrap();
}

#[test]
fn a_client_that_dies_inside_a_snapshot_leaves_the_others_unharmed() {
    let mut lab = loaded();
    for _ in 0..10 {
        let (dying, waiting) = (open(&mut lab), open(&mut lab));
        let results = run(
            &mut lab,
            vec![
                thread(0, [Operation::AwaitHeldDpcs, snapshot(dying)]),
                thread(1, [Operation::HoldDpcs]),
                // Waits for its turn, behind the one that is dying.
                thread(
                    2,
                    [
                        Operation::AwaitHeldDpcs,
                        Operation::AwaitPending { requests: 1 },
                        snapshot(waiting),
                    ],
                ),
                // The process of the first is terminated.
                thread(
                    3,
                    [
                        Operation::AwaitHeldDpcs,
                        Operation::AwaitWaiting { threads: 2 },
                        Operation::Cancel { handle: dying },
                        Operation::Close { handle: dying },
                        Operation::Cancel { handle: waiting },
                        snapshot(dying),
                        Operation::ReleaseDpcs,
                        Operation::Close { handle: waiting },
                    ],
                ),
            ],
        );
        let OperationResult::Ioctl(refused) = &results[3][3] else {
            panic!("{results:?}");
        };
        assert_eq!(refused.status, STATUS_INVALID_HANDLE);
        assert_eq!(results[3][0], OperationResult::Cancel(1));
        assert_eq!(results[3][1], OperationResult::Close(0));
        assert_eq!(results[3][2], OperationResult::Cancel(1));
        assert_eq!(results[3][4], OperationResult::Close(0));
        assert_eq!(lab.report().unwrap().handles, 0);
    }
    unload(lab);
}

#[test]
fn handles_may_be_closed_by_any_thread_at_any_time() {
    let mut lab = loaded();
    let mut random = Rng::with_seed(5);
    for _ in 0..40 {
        let handles: Vec<Handle> = (0..3).map(|_| open(&mut lab)).collect();
        let operation = |random: &mut Rng| {
            let handle = handles[random.usize(..handles.len())];
            match random.u8(..8) {
                0 => Operation::Close { handle },
                1 => Operation::Cancel { handle },
                _ => snapshot(handle),
            }
        };
        let threads = (0..PROCESSORS).map(|processor| {
            let operations: Vec<Operation> = (0..8).map(|_| operation(&mut random)).collect();
            thread(processor, operations)
        });
        let threads = threads.collect();
        run(&mut lab, threads);
        for handle in handles {
            // It may be closed already.
            let closed = lab.close(handle);
            assert!(
                matches!(closed, Ok(()) | Err(Error::Status { .. })),
                "{closed:?}"
            );
        }
        let report = lab.report().unwrap();
        assert_eq!((report.handles, report.pending_requests), (0, 0));
        assert!(report.devices.iter().all(|device| device.references == 0));
    }
    unload(lab);
}

#[test]
fn an_unload_that_requests_overlap_waits_for_the_last_of_them() {
    let mut lab = loaded();
    for _ in 0..10 {
        let (first, second) = (open(&mut lab), open(&mut lab));
        let results = run(
            &mut lab,
            vec![
                thread(
                    0,
                    [
                        Operation::AwaitHeldDpcs,
                        snapshot(first),
                        Operation::Close { handle: first },
                    ],
                ),
                thread(1, [Operation::HoldDpcs]),
                thread(
                    2,
                    [
                        Operation::AwaitHeldDpcs,
                        Operation::AwaitPending { requests: 1 },
                        snapshot(second),
                        Operation::Close { handle: second },
                    ],
                ),
                thread(
                    3,
                    [
                        Operation::AwaitHeldDpcs,
                        Operation::AwaitPending { requests: 2 },
                        Operation::Unload,
                        opening(),
                        Operation::ReleaseDpcs,
                    ],
                ),
            ],
        );
        let refused = OperationResult::Open(Err(STATUS_NO_SUCH_DEVICE));
        assert_eq!(results[3], [OperationResult::Unload(0), refused]);
        let report = lab.report().unwrap();
        assert!(report.is_clean(), "{report:?}");
        let gone = lab.unload();
        assert!(matches!(gone, Err(Error::Status { .. })), "{gone:?}");
        lab.load().unwrap_or_else(|error| panic!("{error}"));
    }
    unload(lab);
}

#[test]
fn unloading_and_opening_at_once_ends_in_one_or_the_other() {
    let mut lab = loaded();
    for _ in 0..30 {
        let threads = (0..PROCESSORS).map(|processor| {
            let operation = if processor == 1 {
                Operation::Unload
            } else {
                opening()
            };
            thread(processor, [operation])
        });
        let threads = threads.collect();
        let results = lab.run(threads).unwrap_or_else(|error| panic!("{error}"));
        for result in results.into_iter().flatten() {
            match result {
                OperationResult::Open(Ok(handle)) => lab.close(handle).unwrap(),
                OperationResult::Open(Err(status)) => assert_eq!(status & 0xC000_0000, 0xC000_0000),
                other => assert_eq!(other, OperationResult::Unload(0)),
            }
        }
        let report = lab.report().unwrap();
        assert!(report.is_clean(), "{report:?}");
        lab.load().unwrap_or_else(|error| panic!("{error}"));
    }
    unload(lab);
}

/// Takes a snapshot whose last DPC is slow to return, and unloads meanwhile.
fn unload_past_delayed_dpc(lab: &mut Lab) -> Result<Vec<Vec<OperationResult>>, Error> {
    lab.load()?;
    lab.delay_set_event(DELAY_SPINS)?;
    let handle = lab.open(protocol::USER_PATH, Access::READ)?;
    let all = vec![
        thread(
            0,
            [
                Operation::AwaitHeldDpcs,
                snapshot(handle),
                Operation::Close { handle },
                Operation::Unload,
            ],
        ),
        thread(1, [Operation::HoldDpcs]),
        // When the first thread waits for the event, the held DPC is left to set it.
        thread(
            2,
            [
                Operation::AwaitHeldDpcs,
                Operation::AwaitWaiting { threads: 1 },
                Operation::ReleaseDpcs,
            ],
        ),
    ];
    lab.run(all)
}

#[test]
fn unloading_waits_for_dpcs_in_flight() {
    let mut lab = boot(&config(PROCESSORS));
    for _ in 0..10 {
        let results = unload_past_delayed_dpc(&mut lab);
        let results = results.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(
            results[0][2..],
            [OperationResult::Close(0), OperationResult::Unload(0)]
        );
        let report = lab.report().unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
    lab.shutdown().unwrap();
}

/// Imports another routine in the place of one, whose name is not shorter.
fn replace_name(image: &mut DriverImage, name: &str, other: &str) {
    let named = [name.as_bytes(), &[0]].concat();
    let place = image
        .bytes
        .windows(named.len())
        .position(|bytes| bytes == named);
    let place = place.expect("an imported name");
    let mut replacement = other.as_bytes().to_vec();
    assert!(replacement.len() <= name.len());
    replacement.resize(named.len(), 0);
    image.bytes[place..place + named.len()].copy_from_slice(&replacement);
}

#[test]
fn a_driver_that_does_not_wait_for_its_dpcs_is_caught() {
    let mut image = DriverImage::read(&support::driver());
    // A routine that does nothing, in the place of the one that waits.
    replace_name(&mut image, "KeFlushQueuedDpcs", "KeGetCurrentIrql");
    let file = image.write();
    let mut lab = Lab::boot(&config(PROCESSORS), &support::kernel(), file.path()).unwrap();
    match unload_past_delayed_dpc(&mut lab) {
        Err(Error::Stopped { stop, .. }) => match &stop.reason {
            StopReason::Violation { rule, .. } => assert_eq!(rule, "DRIVER_UNLOAD/running-dpc"),
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    }
}
