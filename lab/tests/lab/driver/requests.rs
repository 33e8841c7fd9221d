//! Requests that make no sense: each gets its status, and the driver goes on.

use fastrand::Rng;
use lab::{Access, Error, Handle, IoctlResult, Lab};
use protocol::{
    CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader, Request, SnapshotRecord, StatusRecord,
};

use super::client::{ROOM, control, query_all, start, stop};
use crate::support::{boot, config};

const STATUS_BUFFER_OVERFLOW: u32 = 0x8000_0005;
const STATUS_INFO_LENGTH_MISMATCH: u32 = 0xC000_0004;
const STATUS_INVALID_PARAMETER: u32 = 0xC000_000D;
const STATUS_INVALID_DEVICE_REQUEST: u32 = 0xC000_0010;
const STATUS_ACCESS_DENIED: u32 = 0xC000_0022;
const STATUS_BUFFER_TOO_SMALL: u32 = 0xC000_0023;
const STATUS_REVISION_MISMATCH: u32 = 0xC000_0059;

const CODES: [u32; 2] = [CONTROL_STATUS, CONTROL_SNAPSHOT];

fn send(lab: &mut Lab, handle: Handle, code: u32, input: &[u8]) -> IoctlResult {
    lab.ioctl(handle, code, input, ROOM)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn assert_refused(reply: &IoctlResult, status: u32) {
    assert_eq!(reply.status, status);
    assert_eq!((reply.information, reply.output.len()), (0, 0));
}

#[test]
fn an_unknown_code_is_an_invalid_device_request() {
    let mut lab = boot(&config(1));
    let handle = start(&mut lab);
    // Another function, another method, another device type.
    for code in [0x0022_6008, 0x0022_6003, 0x0007_6000, 0, !0xC000] {
        let reply = send(&mut lab, handle, code, bytemuck::bytes_of(&Request::new()));
        assert_refused(&reply, STATUS_INVALID_DEVICE_REQUEST);
    }
    stop(&mut lab, handle);
}

#[test]
fn a_request_of_another_length_is_a_length_mismatch() {
    let mut lab = boot(&config(1));
    let handle = start(&mut lab);
    for code in CODES {
        for length in [0, 1, 7, 9, 4096] {
            let reply = send(&mut lab, handle, code, &vec![1; length]);
            assert_refused(&reply, STATUS_INFO_LENGTH_MISMATCH);
        }
    }
    stop(&mut lab, handle);
}

#[test]
fn reserved_bytes_that_are_not_zero_are_an_invalid_parameter() {
    let mut lab = boot(&config(1));
    let handle = start(&mut lab);
    for code in CODES {
        for byte in 2..8 {
            let mut input = bytemuck::bytes_of(&Request::new()).to_vec();
            input[byte] = 1;
            let reply = send(&mut lab, handle, code, &input);
            assert_refused(&reply, STATUS_INVALID_PARAMETER);
        }
    }
    stop(&mut lab, handle);
}

#[test]
fn another_version_is_a_revision_mismatch_and_any_version_may_ask_who_is_there() {
    let mut lab = boot(&config(3));
    let handle = start(&mut lab);
    let of_version = |version| Request {
        version,
        ..Request::new()
    };
    for version in [protocol::VERSION + 1, u16::MAX] {
        for code in CODES {
            let reply = send(
                &mut lab,
                handle,
                code,
                bytemuck::bytes_of(&of_version(version)),
            );
            assert_refused(&reply, STATUS_REVISION_MISMATCH);
        }
    }
    let any = Request::handshake();
    let reply = send(&mut lab, handle, CONTROL_SNAPSHOT, bytemuck::bytes_of(&any));
    assert_refused(&reply, STATUS_REVISION_MISMATCH);
    let reply = send(&mut lab, handle, CONTROL_STATUS, bytemuck::bytes_of(&any));
    assert_eq!(reply.status, 0);
    let header: ReplyHeader = bytemuck::pod_read_unaligned(&reply.output);
    assert_eq!(header.version, protocol::VERSION);
    assert_eq!(header.driver_version, protocol::PACKAGE_VERSION);
    assert_eq!((header.record_count, header.active_processors), (0, 3));
    stop(&mut lab, handle);
}

/// For every length of the output buffer up to the whole reply: nothing, the header, or all.
fn check_rooms<R: protocol::Record>() {
    let mut lab = boot(&config(2));
    let handle = start(&mut lab);
    let header_size = size_of::<ReplyHeader>();
    let whole = header_size + 2 * size_of::<R>();
    for room in (0..=whole + 1).chain([1 << 16]) {
        let reply = control(&mut lab, handle, R::CONTROL, u32::try_from(room).unwrap());
        if room < header_size {
            assert_refused(&reply, STATUS_BUFFER_TOO_SMALL);
            continue;
        }
        let (header, records) = reply.output.split_at(header_size);
        let header: ReplyHeader = bytemuck::pod_read_unaligned(header);
        assert_eq!(header.needed as usize, whole);
        if room < whole {
            assert_eq!(reply.status, STATUS_BUFFER_OVERFLOW);
            assert_eq!((header.record_count, records.len()), (0, 0));
        } else {
            assert_eq!(reply.status, 0);
            assert_eq!((header.record_count, reply.output.len()), (2, whole));
        }
    }
    stop(&mut lab, handle);
}

#[test]
fn a_buffer_that_is_too_small_gets_the_size_and_no_overrun() {
    check_rooms::<StatusRecord>();
    check_rooms::<SnapshotRecord>();
}

#[test]
fn a_handle_without_read_access_gets_nowhere() {
    let mut lab = boot(&config(1));
    lab.load().unwrap();
    let handle = lab.open(protocol::USER_PATH, Access::ATTRIBUTES).unwrap();
    for code in CODES {
        let reply = send(&mut lab, handle, code, bytemuck::bytes_of(&Request::new()));
        assert_refused(&reply, STATUS_ACCESS_DENIED);
    }
    stop(&mut lab, handle);
}

#[test]
fn a_driver_with_an_open_handle_is_not_unloaded() {
    let mut lab = boot(&config(2));
    let handle = start(&mut lab);
    assert!(matches!(lab.unload(), Err(Error::Status { .. })));
    query_all::<SnapshotRecord>(&mut lab, handle);
    stop(&mut lab, handle);
}

#[test]
fn random_requests_get_an_answer_each_and_harm_nothing() {
    const REQUESTS: usize = 3000;
    let mut lab = boot(&config(2));
    let handle = start(&mut lab);
    let mut random = Rng::with_seed(1);
    let mut next = |below: u32| random.u32(..below);
    let mut served = 0;
    for _ in 0..REQUESTS {
        let code = match next(4) {
            0 => CONTROL_STATUS ^ (1 << next(32)),
            1 => CONTROL_STATUS,
            2 => CONTROL_SNAPSHOT,
            _ => next(u32::MAX),
        };
        let mut input = vec![0; next(12) as usize];
        for byte in &mut input {
            *byte = u8::try_from(next(3)).unwrap();
        }
        if next(3) == 0 {
            input = bytemuck::bytes_of(&Request::new()).to_vec();
        }
        let reply = lab
            .ioctl(handle, code, &input, next(500))
            .unwrap_or_else(|error| panic!("{code:#x} {input:?}: {error}"));
        if reply.status == 0 {
            served += 1;
            assert!(CODES.contains(&code), "{code:#x}");
        }
    }
    assert!(
        served > 0 && served < REQUESTS,
        "{served} requests were served"
    );
    query_all::<SnapshotRecord>(&mut lab, handle);
    stop(&mut lab, handle);
    lab.shutdown().unwrap();
}
