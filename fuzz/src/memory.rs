//! How much memory a decoder takes, counted by the allocator.

use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Bytes that a decoder may take for each byte of its input: a processor's entry is 128 bytes of
/// text at least in a snapshot, and lists double while they grow.
const FOR_A_BYTE: usize = 64;

/// What a decoder may take beside: tables, messages, a formatter's buffers.
const BESIDE: usize = 64 << 10;

/// Decodes, and holds the memory that is in use at any one time against the input's length.
///
/// # Panics
///
/// If it takes more than a small multiple of that length.
pub(crate) fn assert_bounded<T>(input: &[u8], decode: impl FnOnce(&[u8]) -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let decoded = decode(input);
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let length = input.len();
    assert!(
        taken <= FOR_A_BYTE * length + BESIDE,
        "{taken} bytes of memory for {length} bytes of input"
    );
    decoded
}
