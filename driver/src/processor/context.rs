//! What the driver keeps for one processor: its DPC and its VMCB page.

#![expect(unsafe_code, reason = "the kernel keeps the address of a DPC")]

use core::ptr::NonNull;

use protocol::ProcessorId;
use wdk_sys::ntddk::KeGetProcessorNumberFromIndex;
use wdk_sys::{NTSTATUS, PROCESSOR_NUMBER, PVOID, STATUS_INSUFFICIENT_RESOURCES};

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
}

impl ProcessorContext {
    /// Makes the context of the processor with a system-wide index, whose DPC runs `routine` with
    /// the context. `IRQL == PASSIVE_LEVEL`.
    ///
    /// # Errors
    ///
    /// The status of what could not be had.
    pub(crate) fn new(index: u32, routine: DeferredRoutine) -> Result<PoolBox<Self>, NTSTATUS> {
        let mut processor = PROCESSOR_NUMBER::default();
        // SAFETY: the routine writes to the structure it is given, and to nothing else.
        check(unsafe { KeGetProcessorNumberFromIndex(index, &raw mut processor) })?;
        let page = VmcbPage::near(node::of(&mut processor)).ok_or(STATUS_INSUFFICIENT_RESOURCES)?;
        let context = PoolBox::new(Self {
            dpc: Dpc::zeroed(),
            page,
            id: ProcessorId {
                index,
                group: processor.Group,
                number: processor.Number,
                reserved: 0,
            },
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
