//! Replies of the driver, as `protocol` reads them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::{Record, Reply, SnapshotRecord, StatusRecord};

fn read<R: Record>(bytes: &[u8]) {
    if let Ok(reply) = Reply::<R>::parse(bytes) {
        assert_eq!(
            reply.records().count(),
            reply.header().record_count as usize
        );
    }
}

fuzz_target!(|bytes: &[u8]| {
    read::<StatusRecord>(bytes);
    read::<SnapshotRecord>(bytes);
});
