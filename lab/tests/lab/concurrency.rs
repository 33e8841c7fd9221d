//! Clients that overlap, die in the middle or come while the driver is on its way out.

use fastrand::Rng;
use lab::{Access, Error, Handle, IoctlReply, Lab, Operation, Outcome, StopReason, Thread, Token};
use protocol::{CONTROL_SNAPSHOT, Reply, Request, SnapshotRecord};
use zerocopy::IntoBytes;

use crate::support::image::DriverImage;
use crate::support::{self, boot, config};

const PROCESSORS: u32 = 4;
const ROOM: u32 = 1 << 12;

const STATUS_INVALID_HANDLE: u32 = 0xC000_0008;
const STATUS_NO_SUCH_DEVICE: u32 = 0xC000_000E;

/// Long enough for a thread to close its handle and unload the driver meanwhile.
const LINGER_TURNS: u32 = 200_000;

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
        input: Request::new().as_bytes().to_vec(),
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

fn assert_whole(reply: &IoctlReply) {
    assert_eq!(reply.status, 0, "{:#010x}", reply.status);
    let reply = Reply::<SnapshotRecord>::parse(&reply.output).unwrap();
    assert_eq!(reply.records().count(), PROCESSORS as usize);
    assert!(reply.records().all(|record| record.outcome.is_done()));
}

/// Runs threads; every snapshot that got an answer other than `STATUS_INVALID_HANDLE`
/// must be whole. Returns the other outcomes of each thread.
fn run(lab: &mut Lab, threads: Vec<Thread>) -> Vec<Vec<Outcome>> {
    let mut all = lab.run(threads).unwrap_or_else(|error| panic!("{error}"));
    for outcomes in &mut all {
        outcomes.retain(|outcome| match outcome {
            Outcome::Ioctl(reply) if reply.status != STATUS_INVALID_HANDLE => {
                assert_whole(reply);
                false
            }
            Outcome::Done => false,
            _ => true,
        });
    }
    all
}

/// Unloads a driver that nobody has open any more.
fn leave(mut lab: Lab) {
    let report = lab.unload().unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_clean(), "{report:?}");
    lab.shutdown().unwrap();
}

#[test]
fn a_client_that_dies_inside_a_snapshot_takes_nobody_along() {
    let mut lab = loaded();
    for _ in 0..10 {
        let (dying, waiting) = (open(&mut lab), open(&mut lab));
        let outcomes = run(
            &mut lab,
            vec![
                thread(0, [Operation::AwaitHeldDpcs, snapshot(dying)]),
                thread(1, [Operation::HoldDpcs]),
                // Waits for its turn, behind the one that is not going to give up.
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
        let Outcome::Ioctl(refused) = &outcomes[3][3] else {
            panic!("{outcomes:?}");
        };
        assert_eq!(refused.status, STATUS_INVALID_HANDLE);
        assert_eq!(outcomes[3][0], Outcome::Cancel(1));
        assert_eq!(outcomes[3][1], Outcome::Close(0));
        assert_eq!(outcomes[3][2], Outcome::Cancel(1));
        assert_eq!(outcomes[3][4], Outcome::Close(0));
        assert_eq!(lab.report().unwrap().handles, 0);
    }
    leave(lab);
}

#[test]
fn handles_may_be_closed_by_anybody_at_any_time() {
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
    leave(lab);
}

#[test]
fn an_unload_that_requests_overlap_waits_for_the_last_of_them() {
    let mut lab = loaded();
    for _ in 0..10 {
        let (first, second) = (open(&mut lab), open(&mut lab));
        let outcomes = run(
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
        let refused = Outcome::Open(Err(STATUS_NO_SUCH_DEVICE));
        assert_eq!(outcomes[3], [Outcome::Unload(0), refused]);
        let report = lab.report().unwrap();
        assert!(report.is_clean(), "{report:?}");
        let gone = lab.unload();
        assert!(matches!(gone, Err(Error::Status { .. })), "{gone:?}");
        lab.load().unwrap_or_else(|error| panic!("{error}"));
    }
    leave(lab);
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
        let outcomes = lab.run(threads).unwrap_or_else(|error| panic!("{error}"));
        for outcome in outcomes.into_iter().flatten() {
            match outcome {
                Outcome::Open(Ok(handle)) => lab.close(handle).unwrap(),
                Outcome::Open(Err(status)) => assert_eq!(status & 0xC000_0000, 0xC000_0000),
                other => assert_eq!(other, Outcome::Unload(0)),
            }
        }
        let report = lab.report().unwrap();
        assert!(report.is_clean(), "{report:?}");
        lab.load().unwrap_or_else(|error| panic!("{error}"));
    }
    leave(lab);
}

/// Takes a snapshot whose last DPC is slow to return, and unloads meanwhile.
fn unload_past_lingering_dpc(lab: &mut Lab) -> Result<Vec<Vec<Outcome>>, Error> {
    lab.load()?;
    lab.linger(LINGER_TURNS)?;
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
        let outcomes = unload_past_lingering_dpc(&mut lab);
        let outcomes = outcomes.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(outcomes[0][2..], [Outcome::Close(0), Outcome::Unload(0)]);
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
    match unload_past_lingering_dpc(&mut lab) {
        Err(Error::Stopped { stop, .. }) => match &stop.reason {
            StopReason::Violation { rule, .. } => assert_eq!(rule, "DRIVER_UNLOAD/running-dpc"),
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    }
}
