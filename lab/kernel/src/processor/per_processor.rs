//! Data that an upper layer keeps for each processor.

use super::Processor;

/// Local APIC identifiers are eight bits wide.
pub(crate) const PROCESSOR_LIMIT: usize = 256;

/// A value for each processor.
pub(crate) struct PerProcessor<T>([T; PROCESSOR_LIMIT]);

impl<T> PerProcessor<T> {
    /// The values of all processors, by index.
    pub(crate) const fn new(values: [T; PROCESSOR_LIMIT]) -> Self {
        Self(values)
    }

    /// The value of a processor.
    pub(crate) fn of(&self, processor: &Processor) -> &T {
        &self.0[processor.index as usize]
    }
}
