//! Replies of the driver, as `protocol` reads them.

use protocol::{Record, Reply, SnapshotRecord, StatusRecord};

fn read<R: Record>(bytes: &[u8]) {
    if let Ok(reply) = Reply::<R>::parse(bytes) {
        assert_eq!(
            reply.records().count(),
            reply.header().record_count as usize
        );
    }
}

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    read::<StatusRecord>(bytes);
    read::<SnapshotRecord>(bytes);
}
