//! A driver that keeps its word, and one thing at a time that it does not.

use std::cell::RefCell;
use std::rc::Rc;

use protocol::random::{Control, Expectation, RecordKind};
use protocol::{
    Outcome, PACKAGE_VERSION, ProcessorId, Record, ReplyHeader, SnapshotRecord, StatusRecord,
    VERSION, status,
};

use super::state::{Damage, State};
use crate::driver_io::Device;
use crate::model::DeviceError;

/// An open handle.
pub(super) struct TestDevice {
    pub(super) state: Rc<RefCell<State>>,
    pub(super) read: bool,
    pub(super) redacted: bool,
}

impl Device for TestDevice {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        let mut state = self.state.borrow_mut();
        assert!(
            state.running,
            "no device is open while the driver is stopped"
        );
        let control = Control {
            code,
            input: input.to_vec(),
            output_length: u32::try_from(output.len()).unwrap(),
        };
        let read = self.read || state.damage == Damage::ReadsWithoutAccess;
        let processors = state.processors;
        let expected = control.expectation(read, !self.read, processors);
        let (answer, length) = expected.answer(processors);
        match expected {
            Expectation::Refusal(_) => {}
            Expectation::VersionHeader => self.reply::<StatusRecord>(&state, &[], output),
            Expectation::Overflow(RecordKind::Status) => {
                self.reply::<StatusRecord>(&state, &[], output);
            }
            Expectation::Overflow(RecordKind::Snapshot) => {
                self.reply::<SnapshotRecord>(&state, &[], output);
            }
            Expectation::Records(RecordKind::Status) => {
                let records = statuses(&state);
                self.reply(&state, &records, output);
            }
            Expectation::Records(RecordKind::Snapshot) => {
                state.taken += 1;
                let records = snapshots(&state, self.redacted);
                self.reply(&state, &records, output);
            }
        }
        if state.damage == Damage::WritesBehindTheReply
            && let Some(behind) = output.get_mut(length)
        {
            *behind = 0;
        }
        match answer {
            status::SUCCESS => Ok(length),
            status::INVALID_PARAMETER if state.damage == Damage::OtherStatus => Err(
                DeviceError::from_ntstatus(status::INVALID_DEVICE_REQUEST, 0),
            ),
            other => Err(DeviceError::from_ntstatus(other, length)),
        }
    }
}

impl TestDevice {
    fn reply<R: Record>(&self, state: &State, records: &[R], output: &mut [u8]) {
        let [header, record] = [size_of::<ReplyHeader>(), size_of::<R>()];
        let small = |size: usize| u16::try_from(size).unwrap();
        let header = ReplyHeader {
            version: VERSION,
            driver_version: if state.damage == Damage::OtherVersion {
                [9, 9, 9]
            } else {
                PACKAGE_VERSION
            },
            header_size: small(header),
            record_size: small(record),
            record_count: u32::try_from(records.len()).unwrap(),
            needed: u32::try_from(header + state.processors as usize * record).unwrap(),
            active_processors: state.processors,
            maximum_processors: 8,
            flags: if self.redacted && state.damage != Damage::RedactsSilently {
                ReplyHeader::REDACTED
            } else {
                0
            },
            reserved: [0; 4],
        };
        let bytes = [bytemuck::bytes_of(&header), bytemuck::cast_slice(records)].concat();
        output[..bytes.len()].copy_from_slice(&bytes);
    }
}

fn ids(state: &State) -> impl Iterator<Item = ProcessorId> {
    let (groups, processors) = (state.groups_in_records, state.processors);
    (0..processors).map(move |index| ProcessorId {
        index,
        group: u16::try_from(index % groups).unwrap(),
        number: u8::try_from(index / groups).unwrap(),
        reserved: 0,
    })
}

fn statuses(state: &State) -> Vec<StatusRecord> {
    let of = |id| StatusRecord {
        outcome: state.outcome,
        ..protocol_samples::possible(id)
    };
    ids(state).map(of).collect()
}

fn snapshots(state: &State, redacted: bool) -> Vec<SnapshotRecord> {
    let mut records: Vec<_> = ids(state).map(|id| snapshot(state, id)).collect();
    let last = records.last_mut().unwrap();
    let damaged = state.taken == 2;
    match state.damage {
        Damage::LstarChanges if damaged => {
            last.state.system_call.lstar += 8;
            last.witness.system_call.lstar += 8;
        }
        Damage::WitnessDisagrees if damaged => last.witness.system_call.lstar += 8,
        Damage::NoWitness if damaged => last.witness_outcome = Outcome::NOT_REACHED,
        Damage::ProcessorIsLeftOut if damaged => {
            *last = SnapshotRecord {
                id: last.id,
                outcome: Outcome::NOT_REACHED,
                ..SnapshotRecord::default()
            };
        }
        Damage::SvmeStays if damaged => last.efer_left |= 1 << 12,
        _ => {}
    }
    if redacted && state.damage != Damage::ShowsAddresses {
        for record in &mut records {
            record.redact();
        }
    }
    records
}

fn snapshot(state: &State, id: ProcessorId) -> SnapshotRecord {
    if !state.outcome.is_done() {
        return SnapshotRecord {
            id,
            outcome: state.outcome,
            ..SnapshotRecord::default()
        };
    }
    let mut record = protocol_samples::captured(id);
    if state.damage == Damage::NoCycles {
        record.witness_cycles = 0;
    }
    record
}
