//! What the driver keeps for one processor: its DPC and its VMCB page.

#![expect(unsafe_code, reason = "the kernel keeps the address of a DPC")]

use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use protocol::{ProcessorId, RefusedPage};
use wdk_sys::ntddk::KeGetProcessorNumberFromIndex;
use wdk_sys::{NODE_REQUIREMENT, NTSTATUS, PROCESSOR_NUMBER, PVOID, STATUS_INSUFFICIENT_RESOURCES};

use super::node;
use super::vmcb_page::VmcbPage;
use crate::wdm::dpc::{DeferredRoutine, Dpc};
use crate::wdm::pool::PoolBox;
use crate::wdm::status::check;

/// What a DPC on the processor works with. It is on cache lines of its own, so that processors do
/// not slow each other down.
#[repr(C, align(64))]
pub(crate) struct ProcessorContext {
    dpc: Dpc,
    page: VmcbPage,
    id: ProcessorId,
    /// VMSAVE was refused for the page.
    page_refused: AtomicBool,
    /// And no other page could be had since.
    page_kept: AtomicBool,
}

impl ProcessorContext {
    /// Makes the context of the processor with a system-wide index, whose DPC runs `routine` with
    /// the context. `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status of what could not be had.
    pub(crate) fn new(index: u32, routine: DeferredRoutine) -> Result<PoolBox<Self>, NTSTATUS> {
        Self::make(index, routine, VmcbPage::near)
    }

    /// Makes a context of the same processor with another page. `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status of what could not be had.
    pub(crate) fn with_another_page(
        &self,
        routine: DeferredRoutine,
    ) -> Result<PoolBox<Self>, NTSTATUS> {
        Self::make(self.id.index, routine, |node| self.page.away(node))
    }

    fn make(
        index: u32,
        routine: DeferredRoutine,
        page: impl FnOnce(Option<NODE_REQUIREMENT>) -> Option<VmcbPage>,
    ) -> Result<PoolBox<Self>, NTSTATUS> {
        let mut processor = PROCESSOR_NUMBER::default();
        // SAFETY: the routine writes to the structure it is given, and to nothing else.
        check(unsafe { KeGetProcessorNumberFromIndex(index, &raw mut processor) })?;
        let page = page(node::of(&mut processor)).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let context = PoolBox::new(Self {
            dpc: Dpc::zeroed(),
            page,
            id: ProcessorId {
                index,
                group: processor.Group,
                number: processor.Number,
                reserved: 0,
            },
            page_refused: AtomicBool::new(false),
            page_kept: AtomicBool::new(false),
        })?;
        let address = NonNull::from(&*context).as_ptr().cast();
        // SAFETY: the pool is nonpaged and the context stays there, as the argument of its own DPC;
        // no DPC of it is queued or runs when it is dropped.
        unsafe { context.dpc.initialize(routine, address, &mut processor) }?;
        Ok(context)
    }

    /// The processor.
    pub(crate) fn id(&self) -> ProcessorId {
        self.id
    }

    /// The page that VMSAVE writes to on this processor.
    pub(crate) fn page(&self) -> &VmcbPage {
        &self.page
    }

    /// Takes note that VMSAVE was refused for the page, and returns what becomes of it. Any IRQL.
    pub(crate) fn refuse_page(&self) -> RefusedPage {
        self.page_refused.store(true, Ordering::Relaxed);
        if self.page_kept.load(Ordering::Relaxed) {
            RefusedPage::Kept
        } else {
            RefusedPage::Replaced
        }
    }

    /// Whether VMSAVE was refused for the page. Any IRQL.
    pub(crate) fn is_page_refused(&self) -> bool {
        self.page_refused.load(Ordering::Relaxed)
    }

    /// Takes note that no other page could be had. Any IRQL.
    pub(crate) fn keep_page(&self) {
        self.page_kept.store(true, Ordering::Relaxed);
    }

    /// Queues the DPC, and returns whether the system took it. Any IRQL.
    ///
    /// # Safety
    ///
    /// `argument` is what the routine needs, until it returns.
    pub(crate) unsafe fn queue_dpc(&self, argument: PVOID) -> bool {
        // SAFETY: `new` initialised the DPC; the caller vouches for the argument.
        unsafe { self.dpc.queue(argument) }
    }
}
