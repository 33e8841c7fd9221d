//! What the driver is asked, and what it answers: the bench compiles this file too.

/// Win32 path of the device.
pub const USER_PATH: &str = r"\\.\LabHopping";

/// Reads the model-specific register whose number is the input, 4 bytes: `METHOD_BUFFERED`,
/// `FILE_READ_ACCESS`.
pub const CONTROL_REGISTER: u32 = 0x8000_6000;

/// Reads the selector and the descriptor of the segment whose [number](SegmentName) is the
/// input, 4 bytes: likewise.
pub const CONTROL_SEGMENT: u32 = 0x8000_6004;

/// A segment, as a request names it.
#[repr(u32)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SegmentName {
    /// FS.
    Fs,
    /// GS.
    Gs,
    /// The local descriptor table.
    Ldtr,
    /// The task state segment.
    Tr,
}

/// The answer to [`CONTROL_REGISTER`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Register {
    /// Time-stamp counter right before the register was read.
    pub tsc: u64,
    /// What the register holds.
    pub value: u64,
}

/// The answer to [`CONTROL_SEGMENT`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Segment {
    /// Time-stamp counter right before the selector was read.
    pub tsc: u64,
    /// The selector.
    pub selector: u64,
    /// The descriptor's two quadwords, of which segments other than those of the system use the
    /// first; zero for a null selector.
    pub descriptor: [u64; 2],
}
