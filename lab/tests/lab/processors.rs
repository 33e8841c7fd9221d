//! Processors of any number, in groups of any shape, that may come online while the
//! driver runs: each is in a snapshot once, at the latest in the next one.

use fastrand::Rng;
use lab::{Access, Config, Error, Handle, HotAddPoint, Lab};
use protocol::{Reply, ReplyHeader, SnapshotRecord, StatusRecord};

use crate::support::query::{query, try_query};
use crate::support::{boot, config};

const STATUS_BUFFER_OVERFLOW: u32 = 0x8000_0005;

/// Moments at which a processor can come online inside a snapshot.
const HOT_ADD_POINTS: [HotAddPoint; 3] = [
    HotAddPoint::CountQueried,
    HotAddPoint::NumberQueried,
    HotAddPoint::DpcQueued,
];

fn start(config: &Config) -> (Lab, Handle) {
    let mut lab = boot(config);
    lab.load().unwrap_or_else(|error| panic!("{error}"));
    let handle = lab.open(protocol::USER_PATH, Access::READ).unwrap();
    (lab, handle)
}

fn stop(mut lab: Lab, handle: Handle) {
    lab.close(handle).unwrap();
    let report = lab.unload().unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_clean(), "{report:?}");
    lab.shutdown().unwrap();
}

/// Group, number and GS base of each processor of a snapshot, by index.
fn snapshot(lab: &mut Lab, handle: Handle, room: u32) -> Vec<(u16, u8, u64)> {
    let reply = try_query::<SnapshotRecord>(lab, handle, room);
    let reply = reply.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reply.status, 0, "{:#010x}", reply.status);
    let reply = Reply::<SnapshotRecord>::parse(&reply.output).unwrap();
    let seen = (0..).zip(reply.records()).map(|(index, record)| {
        assert_eq!(record.id.index, index);
        assert!(record.outcome.is_done(), "{record:?}");
        assert!(record.witness_outcome.is_done(), "{record:?}");
        (record.id.group, record.id.number, record.state.gs.base)
    });
    seen.collect()
}

/// The same from the lab's own reading.
fn truth(lab: &mut Lab, processors: u32) -> Vec<(u16, u8, u64)> {
    let read = |index| {
        let state = lab.processor(index).unwrap();
        (state.group, state.number, state.msrs.gs_base)
    };
    (0..processors).map(read).collect()
}

#[test]
fn processors_that_come_between_snapshots_are_in_the_next_one() {
    let (mut lab, handle) = start(&Config {
        parked: 4,
        ..config(6)
    });
    let mut online = 2;
    for added in [1, 0, 2, 1] {
        if added > 0 {
            lab.add_processors(added, None).unwrap();
        }
        online += added;
        let seen = snapshot(&mut lab, handle, 6);
        assert_eq!(seen, truth(&mut lab, online));
    }
    let pages = lab.report().unwrap().allocations.len();
    snapshot(&mut lab, handle, 6);
    assert_eq!(lab.report().unwrap().allocations.len(), pages);
    stop(lab, handle);
}

#[test]
fn processors_that_come_inside_a_snapshot_are_in_the_next_one_at_the_latest() {
    for point in HOT_ADD_POINTS {
        let (mut lab, handle) = start(&Config {
            parked: 4,
            ..config(6)
        });
        // The driver asks for the number of a processor only if it does not know it yet.
        lab.add_processors(1, None).unwrap();
        lab.add_processors(2, Some(point)).unwrap();
        let seen = snapshot(&mut lab, handle, 6);
        assert_eq!(lab.report().unwrap().active_processors, 5, "{point:?}");
        let whole = truth(&mut lab, 5);
        assert_eq!(seen, whole[..3], "{point:?}");
        assert_eq!(snapshot(&mut lab, handle, 6), whole, "{point:?}");
        lab.add_processors(1, Some(point)).unwrap();
        let reply = query::<StatusRecord>(&mut lab, handle, 5);
        assert!(!reply.redacted);
        stop(lab, handle);
    }
}

#[test]
fn processors_may_come_while_the_driver_is_loaded() {
    for point in [HotAddPoint::CountQueried, HotAddPoint::NumberQueried] {
        let mut lab = boot(&Config {
            parked: 2,
            ..config(4)
        });
        lab.add_processors(2, Some(point)).unwrap();
        lab.load().unwrap();
        assert_eq!(lab.report().unwrap().active_processors, 4, "{point:?}");
        let handle = lab.open(protocol::USER_PATH, Access::READ).unwrap();
        let seen = snapshot(&mut lab, handle, 4);
        assert_eq!(seen, truth(&mut lab, 4));
        stop(lab, handle);
    }
}

#[test]
fn a_buffer_that_a_new_processor_made_too_small_gets_the_new_size() {
    let (mut lab, handle) = start(&Config {
        parked: 1,
        ..config(3)
    });
    snapshot(&mut lab, handle, 2);
    lab.add_processors(1, None).unwrap();
    let reply = try_query::<SnapshotRecord>(&mut lab, handle, 2).unwrap();
    assert_eq!(reply.status, STATUS_BUFFER_OVERFLOW);
    let header: ReplyHeader = bytemuck::pod_read_unaligned(&reply.output);
    assert_eq!((header.record_count, header.active_processors), (0, 3));
    let needed = size_of::<ReplyHeader>() + 3 * size_of::<SnapshotRecord>();
    assert_eq!(header.needed as usize, needed);
    assert_eq!(snapshot(&mut lab, handle, 3), truth(&mut lab, 3));
    stop(lab, handle);
}

#[test]
fn the_driver_can_be_unloaded_before_it_knows_a_processor_that_was_added() {
    let (mut lab, handle) = start(&Config {
        parked: 2,
        ..config(4)
    });
    snapshot(&mut lab, handle, 4);
    lab.add_processors(2, None).unwrap();
    stop(lab, handle);
}

#[test]
fn a_processor_that_is_parked_does_not_exist_for_the_driver_or_a_test() {
    let (mut lab, handle) = start(&Config {
        parked: 1,
        ..config(2)
    });
    assert_eq!(lab.ready().processors, 1);
    assert_eq!(snapshot(&mut lab, handle, 2).len(), 1);
    let asked = lab.processor(1);
    assert!(matches!(asked, Err(Error::Refused(_))), "{asked:?}");
    let added = lab.add_processors(2, None);
    assert!(matches!(added, Err(Error::Refused(_))), "{added:?}");
    stop(lab, handle);
}

/// Places in groups of random sizes with random holes, and in random order: a
/// processor that comes late may belong to any group.
fn random_places(random: &mut Rng, processors: usize) -> Vec<(u16, u8)> {
    let groups = u16::try_from(processors.div_ceil(40) + random.usize(..3)).unwrap();
    let mut places = Vec::new();
    while places.len() < processors {
        let place = (random.u16(..groups), random.u8(..64));
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

#[test]
fn groups_of_any_shape_and_with_any_holes_lose_no_processor() {
    let mut random = Rng::with_seed(3);
    for processors in [5, 64, 65, 138, 255] {
        let places = random_places(&mut random, processors);
        let count = u32::try_from(processors).unwrap();
        let (mut lab, handle) = start(&Config {
            places: places.clone(),
            parked: 3,
            ..config(count)
        });
        let before = truth(&mut lab, count - 3);
        assert_eq!(snapshot(&mut lab, handle, count), before);
        lab.add_processors(3, Some(HotAddPoint::DpcQueued)).unwrap();
        assert_eq!(snapshot(&mut lab, handle, count), before);
        let seen = snapshot(&mut lab, handle, count);
        assert_eq!(seen, truth(&mut lab, count));
        let seen: Vec<_> = seen.iter().map(|&(group, at, _)| (group, at)).collect();
        assert_eq!(seen, places);
        stop(lab, handle);
    }
}
