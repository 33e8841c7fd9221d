//! The content of replies: complete, redacted or not, zero where reserved.

use amd_svm::witness;
use lab_wire::Token;
use protocol::random::RecordKind;
use protocol::{
    PACKAGE_VERSION, ProcessorId, Record, Reply, ReplyHeader, SnapshotRecord, StatusRecord, VERSION,
};

use crate::answer::{Caller, Mismatch, ensure};

/// Processors of a full group.
const GROUP: u32 = 64;

/// The header that a client of any version gets.
pub(crate) fn check_version_header(output: &[u8], processors: u32) -> Result<(), Mismatch> {
    check_header(output, header(RecordKind::Status, 0, processors))
}

/// The header that stands for a reply that is too long.
pub(crate) fn check_overflow(
    output: &[u8],
    kind: RecordKind,
    caller: Caller,
    processors: u32,
) -> Result<(), Mismatch> {
    let expected = ReplyHeader {
        flags: flags(kind, caller),
        ..header(kind, 0, processors)
    };
    check_header(output, expected)
}

/// A whole reply.
pub(crate) fn check_records(
    output: &[u8],
    kind: RecordKind,
    caller: Caller,
    processors: u32,
) -> Result<(), Mismatch> {
    let expected = ReplyHeader {
        flags: flags(kind, caller),
        ..header(kind, processors, processors)
    };
    check_header(output, expected)?;
    match kind {
        RecordKind::Status => each::<StatusRecord>(output, check_status),
        RecordKind::Snapshot => {
            let redacted = expected.is_redacted();
            each::<SnapshotRecord>(output, |record| check_snapshot(record, redacted))
        }
    }
}

fn header(kind: RecordKind, records: u32, processors: u32) -> ReplyHeader {
    let size = |size: usize| u16::try_from(size).expect("a few hundred bytes");
    let header_size = size(size_of::<ReplyHeader>());
    let record_size = size(kind.record_size());
    ReplyHeader {
        version: VERSION,
        driver_version: PACKAGE_VERSION,
        header_size,
        record_size,
        record_count: records,
        needed: u32::from(header_size) + processors * u32::from(record_size),
        active_processors: processors,
        maximum_processors: processors,
        flags: 0,
        reserved: [0; 4],
    }
}

/// Addresses, which only snapshots hold, are for holders of `SeDebugPrivilege`.
fn flags(kind: RecordKind, caller: Caller) -> u32 {
    match (kind, caller.token) {
        (RecordKind::Status, _) | (_, Token::System | Token::Administrator) => 0,
        (RecordKind::Snapshot, _) => ReplyHeader::REDACTED,
    }
}

fn check_header(output: &[u8], expected: ReplyHeader) -> Result<(), Mismatch> {
    let found = output.get(..size_of::<ReplyHeader>());
    let found = found.map(bytemuck::pod_read_unaligned::<ReplyHeader>);
    ensure!(found == Some(expected), "{found:?} instead of {expected:?}");
    Ok(())
}

/// Checks each record, and that there is one for each processor, in order.
fn each<R: Record>(
    output: &[u8],
    check: impl Fn(&R) -> Result<(), Mismatch>,
) -> Result<(), Mismatch> {
    let reply = Reply::<R>::parse(output);
    ensure!(reply.is_ok(), "{:?}", reply.err());
    for (index, record) in (0..).zip(reply.iter().flat_map(Reply::records)) {
        let expected = ProcessorId {
            index,
            group: u16::try_from(index / GROUP).expect("a few groups"),
            number: u8::try_from(index % GROUP).expect("below a group's size"),
            reserved: 0,
        };
        let found = record.id();
        ensure!(found == expected, "{found:?} instead of {expected:?}");
        check(&record)
            .map_err(|Mismatch(what)| Mismatch(alloc::format!("processor {index}: {what}")))?;
    }
    Ok(())
}

fn check_status(record: &StatusRecord) -> Result<(), Mismatch> {
    ensure!(record.outcome.is_done(), "{:?}", record.outcome);
    ensure!(
        record.reserved == [0; 3],
        "reserved bytes {:02x?}",
        record.reserved
    );
    ensure!(
        record.vendor == *b"AuthenticAMD" && record.asids != 0 && record.efer != 0,
        "incomplete: {record:?}"
    );
    Ok(())
}

fn check_snapshot(record: &SnapshotRecord, redacted: bool) -> Result<(), Mismatch> {
    ensure!(record.outcome.is_done(), "{:?}", record.outcome);
    ensure!(
        record.witness_outcome.is_done(),
        "{:?}",
        record.witness_outcome
    );
    ensure!(
        record.reserved == [0; 2],
        "reserved bytes {:02x?}",
        record.reserved
    );
    ensure!(
        record.efer_left == record.efer_found,
        "EFER found {:#x}, left {:#x}",
        record.efer_found,
        record.efer_left
    );
    ensure!(
        record.tsc != 0 && record.state.system_call.star != 0,
        "incomplete: {record:?}"
    );
    let mut without = *record;
    without.redact();
    ensure!(
        (bytemuck::bytes_of(&without) == bytemuck::bytes_of(record)) == redacted,
        "addresses, which are to be redacted: {redacted}"
    );
    if !redacted {
        let contradiction = witness::compare(&record.state, &record.witness)
            .into_iter()
            .find(|comparison| !comparison.agrees);
        ensure!(
            contradiction.is_none(),
            "VMSAVE and its witness contradict each other: {contradiction:?}"
        );
    }
    Ok(())
}
