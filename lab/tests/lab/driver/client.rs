//! The driver's protocol as these tests speak it, without the client in between.

use lab::{Access, Handle, IoctlResult, Lab};
use protocol::{Record, Request};

use crate::support::query::query;

/// Room for a snapshot of every processor that a lab can have.
pub(super) const ROOM: u32 = 1 << 17;

/// Loads the driver and opens its device.
pub(super) fn start(lab: &mut Lab) -> Handle {
    lab.load().unwrap_or_else(|error| panic!("{error}"));
    lab.open(protocol::USER_PATH, Access::READ)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Closes the device, unloads the driver, and checks that nothing is left.
pub(super) fn stop(lab: &mut Lab, handle: Handle) {
    lab.close(handle).unwrap();
    let report = lab.unload().unwrap_or_else(|error| panic!("{error}"));
    assert!(report.is_clean(), "{report:?}");
}

/// Sends a request of this version.
pub(super) fn control(lab: &mut Lab, handle: Handle, code: u32, room: u32) -> IoctlResult {
    lab.ioctl(handle, code, bytemuck::bytes_of(&Request::new()), room)
        .unwrap_or_else(|error| panic!("{error}"))
}

/// A record of each processor, in order, addresses and all.
pub(super) fn query_all<R: Record>(lab: &mut Lab, handle: Handle) -> Vec<R> {
    let processors = lab.ready().processors;
    let reply = query::<R>(lab, handle, processors);
    assert!(!reply.redacted);
    for (index, record) in (0..).zip(&reply.records) {
        assert_eq!(record.id().index, index);
    }
    reply.records
}
