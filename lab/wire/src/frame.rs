//! Frames on the byte stream: postcard, then COBS, then a zero byte.
//!
//! Zero occurs nowhere else, so a writer may abandon a frame at any byte and
//! start afresh by sending a zero: that is how a stopping kernel gets its crash
//! report past a frame that is half sent.

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Ends every frame.
pub const DELIMITER: u8 = 0;

/// A frame that could not be made or understood.
pub type Error = postcard::Error;

/// Turns a value into a frame with its delimiter.
///
/// # Errors
///
/// Only for values that postcard cannot represent.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    postcard::to_allocvec_cobs(value)
}

/// Collects bytes until a frame is complete.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Vec<u8>,
}

impl Decoder {
    /// A decoder that has seen nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            partial: Vec::new(),
        }
    }

    /// Takes one byte and returns the frame that it completed, if it did.
    ///
    /// Empty frames (a delimiter after a delimiter) are skipped.
    pub fn push(&mut self, byte: u8) -> Option<Frame> {
        if byte != DELIMITER {
            self.partial.push(byte);
            return None;
        }
        if self.partial.is_empty() {
            return None;
        }
        Some(Frame(core::mem::take(&mut self.partial)))
    }
}

/// The bytes between two delimiters, still encoded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// Reads the value that the frame carries.
    ///
    /// # Errors
    ///
    /// When the bytes are not COBS, or not a `T`, as happens to a frame that
    /// its writer abandoned.
    pub fn decode<T: DeserializeOwned>(mut self) -> Result<T, Error> {
        postcard::from_bytes_cobs(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;
    use crate::{Command, LogSource, Message, Operation, Thread};

    fn frames(bytes: &[u8]) -> Vec<Frame> {
        let mut decoder = Decoder::new();
        bytes.iter().filter_map(|&b| decoder.push(b)).collect()
    }

    #[test]
    fn a_value_comes_back() {
        let request = Command::Run(vec![Thread {
            processor: 3,
            operations: vec![Operation::Ioctl {
                handle: crate::Handle(7),
                code: 0x8000_6000,
                input: vec![0, 1, 0, 2, 0xFF],
                output_length: 300,
            }],
        }]);
        let bytes = encode(&request).unwrap();
        let frame = frames(&bytes).pop().unwrap();
        assert_eq!(frame.decode::<Command>().unwrap(), request);
    }

    #[test]
    fn an_abandoned_frame_spoils_only_itself() {
        let lost = Message::Log {
            source: LogSource::Kernel,
            processor: 0,
            text: "never finished".to_string(),
        };
        let kept = Message::Log {
            source: LogSource::Driver,
            processor: 1,
            text: "whole".to_string(),
        };
        let mut bytes = encode(&lost).unwrap();
        bytes.truncate(bytes.len() / 2);
        bytes.push(DELIMITER);
        bytes.extend(encode(&kept).unwrap());

        let mut frames = frames(&bytes).into_iter();
        assert!(frames.next().unwrap().decode::<Message>().is_err());
        assert_eq!(frames.next().unwrap().decode::<Message>().unwrap(), kept);
        assert_eq!(frames.next(), None);
    }

    #[test]
    fn empty_frames_are_skipped() {
        assert_eq!(frames(&[0, 0, 0]), vec![]);
    }
}
