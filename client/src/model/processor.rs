//! A logical processor: how it is named, and what any answer about it has in common.

use std::fmt;

use super::Unavailable;

/// A logical processor, by the system's two ways of counting.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ProcessorId {
    /// The system's index of the processor, over all groups.
    pub index: u32,
    /// The processor group.
    pub group: u16,
    /// The number within the group, 0 to 63.
    pub number: u8,
}

impl ProcessorId {
    /// A processor that is known by its index alone, as if every group were full.
    pub(crate) fn in_full_groups(index: u32) -> Self {
        const GROUP_SIZE: u32 = 64;
        Self {
            index,
            group: u16::try_from(index / GROUP_SIZE).unwrap_or(u16::MAX),
            number: u8::try_from(index % GROUP_SIZE).unwrap_or(u8::MAX),
        }
    }

    /// A processor that stands twice among others in the order of their indices.
    pub(crate) fn repeated(ids: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut previous = None;
        ids.into_iter()
            .find(|id| previous.replace(id.index) == Some(id.index))
    }
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
    fn unavailable(&self) -> Option<Unavailable>;
}

impl AboutProcessor for ProcessorId {
    fn id(&self) -> ProcessorId {
        *self
    }

    fn unavailable(&self) -> Option<Unavailable> {
        None
    }
}
