//! What the driver sends back: a header and one record for each processor.

use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;

use amd_svm::capture::Cycles;
use amd_svm::fields::VmsaveField;
use amd_svm::msr::Msr;
use amd_svm::vmcb::VmsaveState;
use amd_svm::witness::{REGISTERS, Witness};
use bytemuck::{Pod, Zeroable};

use crate::Outcome;

/// The start of every reply.
///
/// The fields up to `record_size` are the same in every version. It is as long as a cache line,
/// so that records can start on one.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct ReplyHeader {
    /// [`VERSION`](crate::VERSION) of the driver.
    pub version: u16,
    /// Version of the driver itself: major, minor, patch.
    pub driver_version: [u16; 3],
    /// Size of this header in bytes: the first record starts behind it.
    pub header_size: u16,
    /// Size of a record in bytes: the next record starts behind it.
    pub record_size: u16,
    /// Number of records that follow; 0 if the buffer was too small for all.
    pub record_count: u32,
    /// Size in bytes that the buffer must have for the whole reply.
    pub needed: u32,
    /// Logical processors that are active now, in all groups.
    pub active_processors: u32,
    /// Logical processors that the system can have, were all of them added.
    pub maximum_processors: u32,
    /// 0, or [`ReplyHeader::REDACTED`].
    pub flags: u32,
    /// Zero.
    pub reserved: [u64; 4],
}

const _: () = assert!(size_of::<ReplyHeader>() == 64);

impl ReplyHeader {
    /// In [`ReplyHeader::flags`]: the caller may not see addresses, and they read as zero. See
    /// [`SnapshotRecord::redact`].
    pub const REDACTED: u32 = 1;

    /// Whether addresses were taken out.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.flags & Self::REDACTED != 0
    }
}

/// Which processor a record is about.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct ProcessorId {
    /// The system's index of the processor, over all groups.
    pub index: u32,
    /// The processor group.
    pub group: u16,
    /// The number within the group, 0 to 63.
    pub number: u8,
    /// Zero.
    pub reserved: u8,
}

/// Whether VMSAVE is possible on a processor, and what the answer rests on.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct StatusRecord {
    /// The processor.
    pub id: ProcessorId,
    /// [`Outcome::DONE`] if VMSAVE is possible.
    pub outcome: Outcome,
    /// EDX of CPUID `8000_000A`: [`amd_svm::cpuid::SvmFeatures`].
    pub svm_features: u32,
    /// `EFER` as found; 0 if it was not read.
    pub efer: u64,
    /// Number of address space identifiers.
    pub asids: u32,
    /// Revision of SVM.
    pub svm_revision: u8,
    /// Zero.
    pub reserved: [u8; 3],
    /// The processor's vendor.
    pub vendor: [u8; 12],
    /// The hypervisor that the processor runs under; zeros if there is none or it has no name.
    pub hypervisor: [u8; 12],
}

const _: () = assert!(size_of::<StatusRecord>() == 56);

/// What VMSAVE stored on a processor, and what the processor says without it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct SnapshotRecord {
    /// The processor.
    pub id: ProcessorId,
    /// [`Outcome::DONE`] if the fields below hold a capture; they are zero otherwise.
    pub outcome: Outcome,
    /// [`Outcome::DONE`] if the witness below was read; it is zero otherwise.
    pub witness_outcome: Outcome,
    /// Time-stamp counter right before VMSAVE, in cycles.
    pub tsc: u64,
    /// `EFER` as found before the capture.
    pub efer_found: u64,
    /// `EFER` as read after the capture.
    pub efer_left: u64,
    /// The 128 bytes, as stored.
    pub state: VmsaveState,
    /// The same state, read without VMSAVE.
    pub witness: Witness,
    /// What the capture took.
    pub cycles: Cycles,
    /// What reading the witness took, in cycles of the time-stamp counter.
    pub witness_cycles: u32,
    /// Zero.
    pub reserved: [u64; 2],
}

// Whole cache lines, so that processors that write their records do not slow each other down.
const _: () = assert!(size_of::<SnapshotRecord>() == 320);

impl SnapshotRecord {
    /// The fields that [`SnapshotRecord::redact`] takes out: those that hold an address.
    pub const REDACTED_FIELDS: [VmsaveField; 9] = {
        let mut redacted = [VmsaveField::FsBase; 9];
        let mut count = 0;
        let mut at = 0;
        while at < VmsaveField::ALL.len() {
            if VmsaveField::ALL[at].is_address() {
                redacted[count] = VmsaveField::ALL[at];
                count += 1;
            }
            at += 1;
        }
        assert!(count == redacted.len());
        redacted
    };

    /// Sets everything to zero that is an address: of the kernel, or of another process.
    pub fn redact(&mut self) {
        let state: &mut [u64; KEPT_OF_STATE.len()] = bytemuck::must_cast_mut(&mut self.state);
        keep(state, &KEPT_OF_STATE);
        let witness: &mut [u64; KEPT_OF_WITNESS.len()] = bytemuck::must_cast_mut(&mut self.witness);
        keep(witness, &KEPT_OF_WITNESS);
    }
}

/// The bits of a state that belong to no address.
const KEPT_OF_STATE: [u64; size_of::<VmsaveState>() / 8] = {
    let mut kept = [u64::MAX; _];
    let mut at = 0;
    while at < SnapshotRecord::REDACTED_FIELDS.len() {
        let field = SnapshotRecord::REDACTED_FIELDS[at];
        assert!(field.size() == 8 && field.offset_in_state().is_multiple_of(8));
        kept[field.offset_in_state() / 8] = 0;
        at += 1;
    }
    kept
};

/// The bits of a witness that belong to no address: its registers come first, and of the
/// descriptors the bases are addresses.
const KEPT_OF_WITNESS: [u64; size_of::<Witness>() / 8] = {
    // Where a descriptor of 8 bytes holds the base: bits 16 to 39 and 56 to 63.
    const DESCRIPTOR_BASE: u64 = 0xFF00_00FF_FFFF_0000;
    let mut kept = [u64::MAX; _];
    let mut at = 0;
    while at < REGISTERS.len() {
        if is_redacted(REGISTERS[at]) {
            kept[at] = 0;
        }
        at += 1;
    }
    kept[offset_of!(Witness, fs_descriptor) / 8] = !DESCRIPTOR_BASE;
    kept[offset_of!(Witness, gs_descriptor) / 8] = !DESCRIPTOR_BASE;
    kept[offset_of!(Witness, tr_descriptor) / 8] = !DESCRIPTOR_BASE;
    kept[offset_of!(Witness, tr_descriptor) / 8 + 1] = 0;
    kept
};

/// Whether a register holds the value of a redacted field.
const fn is_redacted(register: Msr) -> bool {
    let mut at = 0;
    while at < SnapshotRecord::REDACTED_FIELDS.len() {
        if let Some(msr) = SnapshotRecord::REDACTED_FIELDS[at].msr()
            && msr.number() == register.number()
        {
            return true;
        }
        at += 1;
    }
    false
}

/// Clears all bits but those to be kept.
#[inline]
fn keep<const WORDS: usize>(words: &mut [u64; WORDS], kept: &[u64; WORDS]) {
    for (word, kept) in words.iter_mut().zip(kept) {
        *word &= kept;
    }
}

/// A record of a reply: [`StatusRecord`] or [`SnapshotRecord`].
pub trait Record: Pod {
    /// The control code that asks for such records.
    const CONTROL: u32;

    /// The processor that the record is about.
    fn id(&self) -> ProcessorId;

    /// The record of a processor of which nothing is known yet: [`Outcome::NOT_REACHED`].
    fn not_reached(id: ProcessorId) -> Self;
}

impl Record for StatusRecord {
    const CONTROL: u32 = crate::CONTROL_STATUS;

    fn id(&self) -> ProcessorId {
        self.id
    }

    fn not_reached(id: ProcessorId) -> Self {
        Self {
            id,
            outcome: Outcome::NOT_REACHED,
            ..Self::default()
        }
    }
}

impl Record for SnapshotRecord {
    const CONTROL: u32 = crate::CONTROL_SNAPSHOT;

    fn id(&self) -> ProcessorId {
        self.id
    }

    fn not_reached(id: ProcessorId) -> Self {
        Self {
            id,
            outcome: Outcome::NOT_REACHED,
            witness_outcome: Outcome::NOT_REACHED,
            ..Self::default()
        }
    }
}

/// A reply as it came from the driver, checked and ready to be read.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a, R> {
    header: ReplyHeader,
    records: &'a [u8],
    kind: PhantomData<R>,
}

/// Bytes that are no reply of this version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MalformedReply {
    /// Fewer bytes than a header.
    NoHeader {
        /// Length of what came, in bytes.
        length: usize,
    },
    /// A header of another version.
    Version {
        /// The version that the header names.
        version: u16,
    },
    /// Sizes or counts that contradict each other or the length.
    Sizes,
}

impl<'a, R: Record> Reply<'a, R> {
    /// Checks a reply's header against its length.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, MalformedReply> {
        let header: ReplyHeader = bytes
            .get(..size_of::<ReplyHeader>())
            .map(bytemuck::pod_read_unaligned)
            .ok_or(MalformedReply::NoHeader {
                length: bytes.len(),
            })?;
        if header.version != crate::VERSION {
            return Err(MalformedReply::Version {
                version: header.version,
            });
        }
        if usize::from(header.header_size) < size_of::<ReplyHeader>()
            || usize::from(header.record_size) < size_of::<R>()
        {
            return Err(MalformedReply::Sizes);
        }
        let length = usize::try_from(header.record_count)
            .ok()
            .and_then(|count| count.checked_mul(header.record_size.into()));
        let records = bytes
            .get(header.header_size.into()..)
            .zip(length)
            .and_then(|(records, length)| records.get(..length))
            .ok_or(MalformedReply::Sizes)?;
        Ok(Self {
            header,
            records,
            kind: PhantomData,
        })
    }

    /// The header.
    #[must_use]
    pub fn header(&self) -> &ReplyHeader {
        &self.header
    }

    /// The records, in the driver's order.
    #[must_use]
    pub fn records(&self) -> impl ExactSizeIterator<Item = R> + 'a {
        self.records
            .chunks_exact(self.header.record_size.into())
            .map(|bytes| {
                let record = bytes.get(..size_of::<R>());
                // `parse` saw to it that a record is long enough.
                record.map_or_else(R::zeroed, bytemuck::pod_read_unaligned)
            })
    }
}

impl fmt::Display for MalformedReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHeader { length } => write!(f, "a reply of {length} bytes has no header"),
            Self::Version { version } => write!(
                f,
                "the driver speaks protocol version {version}, this program version {}",
                crate::VERSION
            ),
            Self::Sizes => f.write_str("the sizes in the reply contradict each other"),
        }
    }
}

impl core::error::Error for MalformedReply {}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use amd_svm::descriptor::Descriptor;
    use amd_svm::vmcb::SystemCallRegisters;
    use proptest::prelude::*;

    use super::*;

    fn header(record_size: u16, record_count: u32) -> ReplyHeader {
        ReplyHeader {
            version: crate::VERSION,
            header_size: size_of::<ReplyHeader>().try_into().unwrap(),
            record_size,
            record_count,
            ..ReplyHeader::default()
        }
    }

    #[test]
    fn records_that_grew_are_read_by_their_beginning() {
        let mut bytes = bytemuck::bytes_of(&header(60, 2)).to_vec();
        for index in [7, 9] {
            let record = StatusRecord {
                id: ProcessorId {
                    index,
                    ..ProcessorId::default()
                },
                ..StatusRecord::default()
            };
            bytes.extend(bytemuck::bytes_of(&record));
            bytes.extend([0xEE; 4]);
        }
        let reply = Reply::<StatusRecord>::parse(&bytes).unwrap();
        let indices: Vec<_> = reply.records().map(|record| record.id.index).collect();
        assert_eq!(indices, [7, 9]);
    }

    #[test]
    fn a_reply_cut_short_is_refused() {
        let mut bytes = bytemuck::bytes_of(&header(56, 1)).to_vec();
        bytes.extend([0; 55]);
        let reply = Reply::<StatusRecord>::parse(&bytes);
        assert_eq!(reply.unwrap_err(), MalformedReply::Sizes);
        let reply = Reply::<StatusRecord>::parse(&bytes[..63]);
        assert_eq!(reply.unwrap_err(), MalformedReply::NoHeader { length: 63 });
    }

    #[test]
    fn a_reply_of_another_version_is_refused_by_its_version() {
        let mut other = header(56, 0);
        other.version = crate::VERSION + 1;
        let reply = Reply::<StatusRecord>::parse(bytemuck::bytes_of(&other));
        let version = crate::VERSION + 1;
        assert_eq!(reply.unwrap_err(), MalformedReply::Version { version });
    }

    #[test]
    fn nothing_that_could_be_an_address_is_left_after_redaction() {
        let mut record: SnapshotRecord = bytemuck::must_cast([0xFF_u8; 320]);
        record.redact();
        let state = &record.state;
        for field in VmsaveField::ALL {
            let all_ones = u64::MAX >> (64 - 8 * field.size());
            let expected = if field.is_address() { 0 } else { all_ones };
            assert_eq!(field.read(state), expected, "{field}");
        }
        for segment in [state.fs, state.gs, state.ldtr, state.tr] {
            assert_eq!(segment.base, 0);
            assert_eq!(segment.limit, u32::MAX);
            assert_eq!(segment.selector, u16::MAX);
        }
        for registers in [state.system_call, record.witness.system_call] {
            let kept = SystemCallRegisters {
                star: u64::MAX,
                sfmask: u64::MAX,
                sysenter_cs: u64::MAX,
                ..SystemCallRegisters::default()
            };
            assert_eq!(registers, kept);
        }
        let witness = &record.witness;
        assert_eq!((witness.fs_base, witness.gs_base), (0, 0));
        let [low, high] = witness.tr_descriptor;
        for descriptor in [
            Descriptor { low, high },
            Descriptor {
                low: witness.fs_descriptor,
                high: 0,
            },
            Descriptor {
                low: witness.gs_descriptor,
                high: 0,
            },
        ] {
            assert_eq!(descriptor.base(), 0);
            assert_eq!(descriptor.limit(), u32::MAX);
            assert_eq!(u16::from(descriptor.attributes()), 0xFFF);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_at_all_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(reply) = Reply::<SnapshotRecord>::parse(&bytes) {
                prop_assert_eq!(reply.records().count(), reply.header().record_count as usize);
            }
        }

        #[test]
        fn no_sizes_make_the_parser_panic(header_size: u16, record_size: u16, record_count: u32) {
            let hostile = ReplyHeader { header_size, ..header(record_size, record_count) };
            let mut bytes = bytemuck::bytes_of(&hostile).to_vec();
            bytes.resize(1000, 0);
            if let Ok(reply) = Reply::<SnapshotRecord>::parse(&bytes) {
                prop_assert_eq!(reply.records().count(), record_count as usize);
            }
        }
    }
}
