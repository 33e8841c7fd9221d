//! A logical processor: how it is named, and what any answer about it has in common.

use std::fmt;

use serde::Serialize;

use crate::Obstacle;

/// A logical processor, by the system's two ways of counting.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct ProcessorId {
    /// The system's index of the processor, over all groups.
    pub index: u32,
    /// The processor group.
    pub group: u16,
    /// The number within the group, 0 to 63.
    pub number: u8,
}

impl From<protocol::ProcessorId> for ProcessorId {
    fn from(id: protocol::ProcessorId) -> Self {
        Self {
            index: id.index,
            group: id.group,
            number: id.number,
        }
    }
}

impl fmt::Display for ProcessorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            index,
            group,
            number,
        } = self;
        write!(f, "{index} ({group}:{number})")
    }
}

/// The part of an answer that is about one processor.
pub(crate) trait AboutProcessor {
    fn id(&self) -> ProcessorId;

    /// What is in the way of VMSAVE there.
    fn obstacle(&self) -> Option<Obstacle>;
}
