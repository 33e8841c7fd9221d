//! Records of the protocol as snapshots and statuses.

use std::collections::BTreeMap;

use amd_svm::cpuid::{Signature, SvmIdentity};
use protocol::{SnapshotRecord, StatusRecord};

use super::{Device, exchange};
use crate::model::field::redactable;
use crate::model::{
    Capture, CaptureDetails, Cycles, Error, ProcessorSnapshot, ProcessorStatus, Snapshot, Status,
    Unavailable,
};

impl Snapshot {
    /// Has the driver execute VMSAVE on every active processor.
    ///
    /// # Errors
    ///
    /// What kept the driver from being asked or its reply from being understood. A processor on
    /// which VMSAVE is not possible is no error, but a [`ProcessorSnapshot`] that says so.
    pub fn take(device: &mut dyn Device) -> Result<Self, Error> {
        let received = exchange::ask::<SnapshotRecord>(device)?;
        let taken_at = device.clock();
        Ok(Self {
            driver: Some(received.driver),
            client: Some(env!("CARGO_PKG_VERSION").to_owned()),
            machine: device.machine(),
            taken_at,
            anonymous: false,
            moments: false,
            redacted: if received.header.is_redacted() {
                redactable().collect()
            } else {
                Vec::new()
            },
            modules: device.kernel_modules(),
            active_processors: Some(received.header.active_processors),
            processors: received.records.iter().map(Into::into).collect(),
            listed: BTreeMap::new(),
        })
    }
}

impl Status {
    /// Has the driver ask every active processor whether VMSAVE is possible, without executing
    /// it.
    ///
    /// # Errors
    ///
    /// What kept the driver from being asked or its reply from being understood.
    pub fn query(device: &mut dyn Device) -> Result<Self, Error> {
        let received = exchange::ask::<StatusRecord>(device)?;
        Ok(Self {
            driver: Some(received.driver),
            recorded: false,
            active_processors: received.header.active_processors,
            maximum_processors: received.header.maximum_processors,
            processors: received.records.iter().map(Into::into).collect(),
        })
    }
}

impl From<&SnapshotRecord> for ProcessorSnapshot {
    fn from(record: &SnapshotRecord) -> Self {
        Self {
            id: record.id.into(),
            result: Unavailable::check(record.outcome).map(|()| Capture {
                details: Some(CaptureDetails {
                    tsc: record.tsc,
                    efer_found: record.efer_found.into(),
                    efer_left: record.efer_left.into(),
                    cycles: Some(Cycles {
                        support_check: record.cycles.prepare,
                        vmsave: record.cycles.vmsave,
                        restore: record.cycles.restore,
                        witness: record.witness_cycles,
                    }),
                }),
                vmsave: record.state,
                guest: None,
                pages: None,
                witness: Some(Unavailable::check(record.witness_outcome).map(|()| record.witness)),
            }),
        }
    }
}

impl From<&StatusRecord> for ProcessorStatus {
    fn from(record: &StatusRecord) -> Self {
        let svm = SvmIdentity {
            revision: record.svm_revision,
            asids: record.asids,
            features: record.svm_features.into(),
        };
        Self {
            id: record.id.into(),
            vendor: name(record.vendor),
            hypervisor: name(record.hypervisor),
            svm: (svm != SvmIdentity::default()).then_some(svm),
            efer: (record.efer != 0).then(|| record.efer.into()),
            result: Some(Unavailable::check(record.outcome)),
        }
    }
}

/// A signature as text that is safe to print: a hypervisor may call itself anything.
fn name(signature: Signature) -> Option<String> {
    let printed = signature.escape_ascii().to_string();
    let name = printed.trim_end_matches(r"\x00");
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_loses_its_padding_and_whatever_a_terminal_would_obey() {
        assert_eq!(name(*b"AuthenticAMD").as_deref(), Some("AuthenticAMD"));
        assert_eq!(name(*b"KVMKVMKVM\0\0\0").as_deref(), Some("KVMKVMKVM"));
        assert_eq!(name([0; 12]), None);
        assert_eq!(
            name(*b"\x1b[2J\n\0x\0\0\0\0\0").as_deref(),
            Some(r"\x1b[2J\n\x00x")
        );
    }
}
