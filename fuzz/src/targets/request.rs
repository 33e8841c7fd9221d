//! Requests, as the driver reads them: what a client writes is all that is well-formed.

use protocol::Request;

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let Ok(request) = bytemuck::try_pod_read_unaligned::<Request>(bytes) else {
        assert_ne!(bytes.len(), size_of::<Request>());
        return;
    };
    let written = Request {
        version: request.version,
        ..Request::new()
    };
    let well_formed = request.reserved == Request::new().reserved;
    assert_eq!(bytemuck::bytes_of(&written) == bytes, well_formed);
}
