//! Requests, as the driver reads them: what a client writes is all that is well-formed.

use protocol::Request;
use zerocopy::{FromBytes, IntoBytes};

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let Ok(request) = Request::read_from_bytes(bytes) else {
        assert_ne!(bytes.len(), size_of::<Request>());
        return;
    };
    let written = Request {
        version: request.version,
        ..Request::new()
    };
    let well_formed = request.reserved == Request::new().reserved;
    assert_eq!(written.as_bytes() == bytes, well_formed);
}
