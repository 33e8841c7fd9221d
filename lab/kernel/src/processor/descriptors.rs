//! The global descriptor table and task state segment of one processor, laid
//! out as Windows lays them out.

#![expect(unsafe_code, reason = "the tables are loaded into the processor")]

use core::arch::asm;

use x86_64::VirtAddr;
use x86_64::instructions::segmentation::{CS, DS, ES, FS, GS, SS, Segment};
use x86_64::instructions::tables;
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::SegmentSelector;
use x86_64::structures::tss::TaskStateSegment;

/// Kernel code.
pub(crate) const CODE: u16 = 0x10;
/// Kernel stack.
pub(crate) const STACK: u16 = 0x18;
/// User data, which DS, ES and GS hold in kernel mode too.
pub(crate) const DATA: u16 = 0x2B;
/// The task state segment.
pub(crate) const TASK: u16 = 0x40;
/// The 32-bit thread environment block.
pub(crate) const COMPATIBILITY_DATA: u16 = 0x53;

/// Limit of the FS segment: the size of the part of a 32-bit thread environment
/// block that Windows makes visible.
const COMPATIBILITY_LIMIT: u64 = 0x3C00;

/// Windows' table ends after its last descriptor.
const GDT_LIMIT: u16 = 0x57;
const GDT_ENTRIES: usize = 11;

/// The hardware-defined part of a task state segment.
const TASK_LIMIT: u32 = 0x67;

const RPL: u16 = 0x3;

/// Interrupt stack table slot for double faults.
pub(crate) const DOUBLE_FAULT_STACK: u16 = 0;
/// Interrupt stack table slot for non-maskable interrupts.
pub(crate) const NMI_STACK: u16 = 1;

/// The tables. The global descriptor table comes first: its address, which SGDT
/// tells, is how a processor finds its own data.
#[repr(C, align(16))]
pub(crate) struct Descriptors {
    gdt: [u64; GDT_ENTRIES],
    tss: TaskStateSegment,
}

impl Descriptors {
    /// Tables whose TSS has these stacks and whose FS descriptor has this base.
    pub(crate) fn new(double_fault_stack: u64, nmi_stack: u64, compatibility_base: u32) -> Self {
        let mut tss = TaskStateSegment::new();
        tss.interrupt_stack_table[usize::from(DOUBLE_FAULT_STACK)] =
            VirtAddr::new(double_fault_stack);
        tss.interrupt_stack_table[usize::from(NMI_STACK)] = VirtAddr::new(nmi_stack);

        let mut gdt = [0; GDT_ENTRIES];
        let mut set = |selector: u16, descriptor| gdt[index(selector)] = descriptor;
        set(CODE, 0x0020_9B00_0000_0000);
        set(STACK, 0x0040_9300_0000_0000);
        set(0x20, 0x00CF_FB00_0000_FFFF);
        set(DATA, 0x00CF_F300_0000_FFFF);
        set(0x30, 0x0020_FB00_0000_0000);
        set(
            COMPATIBILITY_DATA,
            0x0040_F300_0000_0000 | with_base(compatibility_base) | COMPATIBILITY_LIMIT,
        );
        Self { gdt, tss }
    }

    /// Loads everything on this processor, whose tables these must be for good.
    pub(crate) fn load(&'static mut self) {
        self.set_task_limit(TASK_LIMIT);
        let pointer = DescriptorTablePointer {
            base: VirtAddr::from_ptr(&raw const self.gdt),
            limit: GDT_LIMIT,
        };
        // SAFETY: the table is complete and 'static.
        unsafe { tables::lgdt(&pointer) };
        load_segments();
        // SAFETY: the descriptor was set above and names a 'static TSS.
        unsafe { tables::load_tss(SegmentSelector(TASK)) };
    }

    /// The descriptor that a selector names, and the one behind it.
    pub(crate) fn descriptor(&self, selector: u16) -> (u64, u64) {
        let index = index(selector);
        if index == 0 || index >= GDT_ENTRIES {
            return (0, 0);
        }
        let high = self.gdt.get(index + 1).copied().unwrap_or_default();
        (self.gdt[index], high)
    }

    /// Changes the FS descriptor; it takes effect when FS is loaded.
    pub(crate) fn set_compatibility_data(&mut self, descriptor: u64) {
        self.gdt[index(COMPATIBILITY_DATA)] = descriptor;
    }

    /// Changes the descriptor that DS, ES and GS share.
    pub(crate) fn set_data(&mut self, descriptor: u64) {
        self.gdt[index(DATA)] = descriptor;
    }

    /// Writes an available TSS descriptor with this limit in bytes.
    pub(crate) fn set_task_limit(&mut self, limit: u32) {
        const AVAILABLE_TSS: u64 = 0x89;
        const GRANULAR: u64 = 1 << 55;
        let base = (&raw const self.tss).addr() as u64;
        let (limit, granularity) = if limit > 0xF_FFFF {
            (limit >> 12, GRANULAR)
        } else {
            (limit, 0)
        };
        let low_base = u32::try_from(base & 0xFFFF_FFFF).expect("masked");
        let limit = u64::from(limit);
        self.gdt[index(TASK)] = with_base(low_base)
            | limit & 0xFFFF
            | (limit >> 16 & 0xF) << 48
            | AVAILABLE_TSS << 40
            | granularity;
        self.gdt[index(TASK) + 1] = base >> 32;
    }
}

fn index(selector: u16) -> usize {
    usize::from(selector >> 3)
}

/// The bits of a descriptor that hold its base.
fn with_base(base: u32) -> u64 {
    let base = u64::from(base);
    (base & 0xFF_FFFF) << 16 | (base >> 24) << 56
}

/// Loads all segment registers but TR. FS and GS bases become what their
/// descriptors say.
fn load_segments() {
    // SAFETY: the selector names 64-bit kernel code.
    unsafe { CS::set_reg(SegmentSelector(CODE)) };
    // SAFETY: the selector names writable kernel data.
    unsafe { SS::set_reg(SegmentSelector(STACK)) };
    // SAFETY: the selector names present data.
    unsafe { DS::set_reg(SegmentSelector(DATA)) };
    // SAFETY: the selector names present data.
    unsafe { ES::set_reg(SegmentSelector(DATA)) };
    reload_fs();
    reload_gs();
    // SAFETY: a null selector is always a valid LDTR; nothing uses a local table.
    unsafe { asm!("lldt {:x}", in(reg) 0_u16, options(nomem, nostack, preserves_flags)) };
}

/// Loads FS afresh from its descriptor.
pub(crate) fn reload_fs() {
    // SAFETY: the kernel uses no FS-relative data, so any data segment will do.
    unsafe { FS::set_reg(SegmentSelector(COMPATIBILITY_DATA)) };
}

/// Loads GS afresh from its descriptor; the base in the MSR is lost.
pub(crate) fn reload_gs() {
    // SAFETY: the kernel uses no GS-relative data, so any data segment will do.
    unsafe { GS::set_reg(SegmentSelector(DATA)) };
}

/// Loads TR afresh from its descriptor, which must be marked available.
pub(crate) fn reload_task() {
    // SAFETY: the descriptor names this processor's TSS; only its limit changes.
    unsafe { tables::load_tss(SegmentSelector(TASK)) };
}

const _: () = {
    assert!(size_of::<[u64; GDT_ENTRIES]>() == GDT_LIMIT as usize + 1);
    assert!(size_of::<TaskStateSegment>() == TASK_LIMIT as usize + 1);
};

/// CS as Windows has it carries no requested privilege; the data selectors do.
const _: () = assert!(CODE & RPL == 0 && DATA & RPL == 3 && COMPATIBILITY_DATA & RPL == 3);
