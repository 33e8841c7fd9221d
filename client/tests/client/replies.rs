//! Replies that don't fit, don't match, or are no replies.

use client::{Device, DeviceError, Error, Snapshot, Status, Terminal};
use proptest::collection::vec;
use proptest::prelude::*;
use protocol::{CONTROL_SNAPSHOT, ReplyHeader, SnapshotRecord};
use protocol_samples::Replay;

use crate::fake::{Driver, WhenTooSmall};
use crate::run;

/// A device that the client asks.
struct Replays<'a>(Replay<'a>);

impl Device for Replays<'_> {
    fn control(
        &mut self,
        _code: u32,
        _input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        let answer = self.0.answer(output);
        answer.map_err(|returned| DeviceError::BufferTooSmall { returned })
    }
}

fn take(bytes: &[u8]) -> Result<Snapshot, Error> {
    Snapshot::take(&mut Replays(Replay {
        bytes,
        claimed: bytes.len(),
        fails: false,
    }))
}

fn header(record_count: u32) -> ReplyHeader {
    ReplyHeader {
        version: protocol::VERSION,
        header_size: size_of::<ReplyHeader>().try_into().unwrap(),
        record_size: size_of::<SnapshotRecord>().try_into().unwrap(),
        record_count,
        ..ReplyHeader::default()
    }
}

#[test]
fn the_second_buffer_has_the_size_that_the_driver_names() {
    let mut driver = Driver::new(1000, 64);
    let snapshot = Snapshot::take(&mut &mut driver).unwrap();
    assert_eq!(snapshot.processors.len(), 1000);
    let needed = size_of::<ReplyHeader>() + 1000 * size_of::<SnapshotRecord>();
    let lengths: Vec<_> = driver.requests.iter().map(|(_, length)| *length).collect();
    assert_eq!(lengths, [32 << 10, needed]);
}

#[test]
fn without_a_size_the_buffer_is_doubled_until_it_is_large_enough() {
    let mut driver = Driver::new(1000, 64);
    driver.when_too_small = WhenTooSmall::Nothing;
    let snapshot = Snapshot::take(&mut &mut driver).unwrap();
    assert_eq!(snapshot.processors.len(), 1000);
    assert_eq!(driver.requests.len(), 5);
}

#[test]
fn processors_that_are_added_meanwhile_are_seen_too() {
    let mut driver = Driver::with_processors(90);
    driver.added_each_time = 30;
    let snapshot = Snapshot::take(&mut &mut driver).unwrap();
    assert_eq!(snapshot.processors.len(), 90 + 30 * driver.requests.len());
    assert_eq!(driver.requests.len(), 2);
}

#[test]
fn a_driver_that_never_has_enough_is_given_up() {
    let needed = u32::MAX;
    let insatiable = ReplyHeader {
        needed,
        ..header(0)
    };
    for claimed in [0, size_of::<ReplyHeader>(), usize::MAX] {
        let error = Snapshot::take(&mut Replays(Replay {
            bytes: bytemuck::bytes_of(&insatiable),
            claimed,
            fails: true,
        }));
        assert!(matches!(error, Err(Error::TooLarge { .. })));
    }
}

#[test]
fn a_reply_that_claims_more_than_the_buffer_holds_is_malformed() {
    let error = Status::query(&mut Replays(Replay {
        bytes: &[],
        claimed: usize::MAX,
        fails: false,
    }));
    assert!(matches!(error, Err(Error::Malformed(_))));
}

#[test]
fn a_reply_about_nothing_or_about_one_processor_twice_is_refused() {
    assert!(matches!(
        take(bytemuck::bytes_of(&header(0))),
        Err(Error::NoProcessors)
    ));
    let mut twice = bytemuck::bytes_of(&header(2)).to_vec();
    for _ in 0..2 {
        twice.extend(bytemuck::bytes_of(&SnapshotRecord::default()));
    }
    assert!(matches!(take(&twice), Err(Error::Repeated(_))));
    assert!(matches!(take(&[]), Err(Error::Malformed(_))));
    assert!(matches!(
        take(bytemuck::bytes_of(&header(1))),
        Err(Error::Malformed(_))
    ));
}

#[test]
fn a_driver_of_another_age_is_told_from_the_client_by_its_age() {
    let mut driver = Driver::with_processors(1);
    (driver.protocol, driver.version) = (protocol::VERSION + 1, [0, 2, 0]);
    let newer = run(&["show"], &mut driver);
    (driver.protocol, driver.version) = (protocol::VERSION - 1, [0, 0, 9]);
    let older = run(&["status"], &mut driver);
    assert_eq!((newer.exit, older.exit), (1, 1));
    insta::assert_snapshot!(newer.stderr + &older.stderr);
}

#[test]
fn a_driver_that_answers_in_another_version_is_not_misread() {
    let mut other = header(0);
    (other.version, other.driver_version) = (7, [9, 8, 7]);
    match take(bytemuck::bytes_of(&other)) {
        Err(Error::OtherProtocol(driver)) => {
            assert_eq!(driver.to_string(), "svmsave 9.8.7, protocol 7");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_driver_that_refuses_the_question_about_its_version_too_is_reported() {
    struct Stubborn;
    impl Device for Stubborn {
        fn control(&mut self, _: u32, _: &[u8], _: &mut [u8]) -> Result<usize, DeviceError> {
            Err(DeviceError::RevisionMismatch)
        }
    }
    let error = Snapshot::take(&mut Stubborn);
    assert!(matches!(
        error,
        Err(Error::Device(DeviceError::RevisionMismatch))
    ));
}

#[test]
fn a_snapshot_is_one_request() {
    let mut driver = Driver::with_processors(64);
    assert_eq!(run(&["show"], &mut driver).exit, 0);
    assert_eq!(driver.requests, [(CONTROL_SNAPSHOT, 32 << 10)]);
}

/// Runs both commands in both forms against a device that answers with these bytes.
fn survives(bytes: &[u8], claimed: usize, fails: bool) {
    for arguments in [
        ["show", "-p0"],
        ["show", "--json"],
        ["status", "-p0"],
        ["status", "--json"],
    ] {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let exit = client::run(
            ["client"].into_iter().chain(arguments).map(Into::into),
            || {
                Ok(Box::new(Replays(Replay {
                    bytes,
                    claimed,
                    fails,
                })))
            },
            &mut stdout,
            &mut stderr,
            Terminal::default(),
        );
        assert!([0, 1, 2, 5].contains(&exit), "{exit}");
        assert_eq!(exit == 0, stderr.is_empty());
        let printable = |byte: &u8| *byte == b'\n' || (b' '..=b'~').contains(byte);
        assert!(stdout.iter().chain(&stderr).all(printable));
    }
}

proptest! {
    #[test]
    fn random_bytes_end_in_an_answer_or_a_complaint(
        bytes in vec(any::<u8>(), 0..1000), fails: bool
    ) {
        survives(&bytes, bytes.len(), fails);
    }

    #[test]
    fn random_records_behind_a_plausible_header_do_too(
        bytes in vec(any::<u8>(), 0..1000),
        version in 0..3_u16,
        header_size in 62..66_u16,
        record_size in prop_oneof![Just(56_u16), Just(320), 0..200_u16],
        record_count in 0..8_u32,
        claimed in prop_oneof![Just(None), (0..2000_usize).prop_map(Some)],
    ) {
        let header = ReplyHeader { version, header_size, record_size, ..header(record_count) };
        let reply = [bytemuck::bytes_of(&header), &bytes].concat();
        survives(&reply, claimed.unwrap_or(reply.len()), false);
    }
}
