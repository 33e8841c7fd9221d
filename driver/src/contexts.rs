//! The contexts of all processors: made when there is no context for a processor yet, and made anew
//! for one whose page VMSAVE was refused for.

use alloc::vec::Vec;
use core::mem;

use wdk_sys::{NTSTATUS, STATUS_INSUFFICIENT_RESOURCES};

use crate::broadcast::deferred_routine;
use crate::processor::context::ProcessorContext;
use crate::wdm::pool::PoolBox;

/// How many refused pages are kept for each processor, before no other one is taken. They go when the
/// driver does: given back earlier, they could be the next ones to be had.
const REFUSED_PAGES: usize = 3;

/// A context for each processor, by its system-wide index, and those that were replaced.
#[derive(Default)]
pub(crate) struct Contexts {
    current: Vec<PoolBox<ProcessorContext>>,
    replaced: Vec<PoolBox<ProcessorContext>>,
    /// VMSAVE was refused for the page of a current one.
    refused: bool,
}

impl Contexts {
    /// The contexts of so many processors, if there are as many. Any IRQL.
    pub(crate) fn first(&self, count: u32) -> Option<&[PoolBox<ProcessorContext>]> {
        self.current.get(..count as usize)
    }

    /// Makes contexts until there is one for each of `count` processors. `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status of what could not be had; the contexts that were made stay.
    pub(crate) fn grow_to(&mut self, count: u32) -> Result<(), NTSTATUS> {
        let missing = (count as usize).saturating_sub(self.current.len());
        self.current
            .try_reserve_exact(missing)
            .map_err(|_| STATUS_INSUFFICIENT_RESOURCES)?;
        for index in (0..count).skip(self.current.len()) {
            let context = ProcessorContext::new(index, deferred_routine)?;
            self.current.push(context);
        }
        Ok(())
    }

    /// Takes note of what a broadcast says: whether VMSAVE was refused for a page. Any IRQL.
    pub(crate) fn note_refusal(&mut self, refused: bool) {
        self.refused |= refused;
    }

    /// Gives other pages to the processors whose page VMSAVE was refused for, if there are any.
    /// `IRQL == PASSIVE_LEVEL`.
    ///
    /// A processor that no other page can be had for keeps its own, and is told so.
    #[inline]
    pub(crate) fn replace_refused(&mut self) {
        if self.refused {
            self.replace();
        }
    }

    #[cold]
    #[inline(never)]
    fn replace(&mut self) {
        self.refused = false;
        let most = self.current.len().saturating_mul(REFUSED_PAGES);
        let refused = self.current.iter_mut();
        for context in refused.filter(|context| context.is_page_refused()) {
            let other = if self.replaced.len() < most && self.replaced.try_reserve(1).is_ok() {
                context.with_another_page(deferred_routine).ok()
            } else {
                None
            };
            if let Some(other) = other {
                // Its DPC may still be on its way out of the last broadcast: it stays where it is.
                self.replaced.push(mem::replace(context, other));
            } else {
                context.keep_page();
                self.refused = true;
            }
        }
    }
}
