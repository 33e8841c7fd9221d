//! Which tokens may open the device, and which of them get addresses.

use lab::{Access, Error, Lab, Token};
use protocol::SnapshotRecord;

use crate::support::query::{query, try_query};
use crate::support::{boot, config};

const ACCESS_DENIED: u32 = 0xC000_0022;
const OBJECT_NAME_INVALID: u32 = 0xC000_0033;

const ACCESSES: [Access; 3] = [Access::ATTRIBUTES, Access::READ, Access::READ_WRITE];

fn loaded() -> Lab {
    let mut lab = boot(&config(2));
    lab.load().unwrap_or_else(|error| panic!("{error}"));
    lab
}

/// The status that opening ends with; the handle is closed again.
fn status_of_opening(lab: &mut Lab, token: Token, path: &str, access: Access) -> u32 {
    match lab.open_as(token, path, access) {
        Ok(handle) => {
            lab.close(handle).unwrap();
            0
        }
        Err(Error::Status { status, .. }) => status,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn only_the_system_and_administrators_open_the_device() {
    let mut lab = loaded();
    for &token in Token::all() {
        let expected = if token == Token::User {
            ACCESS_DENIED
        } else {
            0
        };
        for access in ACCESSES {
            let status = status_of_opening(&mut lab, token, protocol::USER_PATH, access);
            assert_eq!(status, expected, "{token:?}, {access:?}");
        }
    }
    assert!(lab.unload().unwrap().is_clean());
}

#[test]
fn a_path_behind_the_device_is_no_way_around_its_list() {
    let mut lab = loaded();
    let path = [protocol::USER_PATH, r"\behind"].concat();
    for &token in Token::all() {
        let expected = if token == Token::User {
            ACCESS_DENIED
        } else {
            OBJECT_NAME_INVALID
        };
        let status = status_of_opening(&mut lab, token, &path, Access::READ);
        assert_eq!(status, expected, "{token:?}");
    }
    assert!(lab.unload().unwrap().is_clean());
}

#[test]
fn control_codes_demand_read_access() {
    let mut lab = loaded();
    let handle = lab.open(protocol::USER_PATH, Access::ATTRIBUTES).unwrap();
    let reply = try_query::<SnapshotRecord>(&mut lab, handle, 2).unwrap();
    assert_eq!(reply.status, ACCESS_DENIED);
}

#[test]
fn addresses_are_for_holders_of_the_privilege() {
    let mut lab = loaded();
    for token in [
        Token::System,
        Token::Administrator,
        Token::AdministratorWithoutDebug,
    ] {
        let handle = lab.open_as(token, protocol::USER_PATH, Access::READ);
        let handle = handle.unwrap();
        let reply = query::<SnapshotRecord>(&mut lab, handle, 2);
        lab.close(handle).unwrap();
        let redacted = token == Token::AdministratorWithoutDebug;
        assert_eq!(reply.redacted, redacted, "{token:?}");
        for record in reply.records {
            assert!(record.outcome.is_done() && record.witness_outcome.is_done());
            let mut expected = record;
            expected.redact();
            assert_eq!(record == expected, redacted, "{token:?}");
            assert_ne!(record.state.system_call.star, 0);
            assert_eq!(record.state.system_call.lstar == 0, redacted);
        }
    }
    assert!(lab.unload().unwrap().is_clean());
}

#[test]
fn the_driver_keeps_no_handle_of_its_own() {
    let mut lab = loaded();
    assert_eq!(lab.report().unwrap().kernel_handles, 0);
}
