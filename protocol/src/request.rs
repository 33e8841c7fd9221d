//! What a client sends, the same for both control codes.

use bytemuck::{Pod, Zeroable};

/// The input of a control code.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct Request {
    /// [`VERSION`](crate::VERSION), or 0 for [`CONTROL_STATUS`](crate::CONTROL_STATUS) to be
    /// answered with the header alone.
    pub version: u16,
    /// Zero.
    pub reserved: [u8; 6],
}

impl Request {
    /// A request of this crate's version.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            version: crate::VERSION,
            reserved: [0; 6],
        }
    }

    /// The request that a driver of any version answers, with its header alone.
    #[must_use]
    pub const fn handshake() -> Self {
        Self {
            version: 0,
            reserved: [0; 6],
        }
    }
}

const _: () = assert!(size_of::<Request>() == 8);
