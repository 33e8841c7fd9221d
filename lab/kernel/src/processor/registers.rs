//! The registers that VMSAVE saves: as Windows would have them at first, then as
//! a test wants them; and read back without VMSAVE, as the ground truth.

#![expect(unsafe_code, reason = "registers are read and written")]

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use lab_wire::{DescriptorTable, ModelSpecificRegisters, ProcessorChange, ProcessorState, Segment};
use x86_64::instructions::segmentation::{self, Segment as _};
use x86_64::instructions::tables;
use x86_64::registers::control::{Cr0, Cr0Flags, Cr3, Cr4, Cr4Flags};
use x86_64::registers::model_specific::Msr;
use x86_64::registers::rflags;

use super::{Processor, apic, descriptors, interrupts};
use crate::memory::layout;
use crate::memory::paging::Protection;
use crate::memory::region::Region;
use crate::nt::{irql, processors};
use crate::{memory, random};

const EFER: u32 = 0xC000_0080;
const STAR: u32 = 0xC000_0081;
const LSTAR: u32 = 0xC000_0082;
const CSTAR: u32 = 0xC000_0083;
const SFMASK: u32 = 0xC000_0084;
const FS_BASE: u32 = 0xC000_0100;
const GS_BASE: u32 = 0xC000_0101;
const KERNEL_GS_BASE: u32 = 0xC000_0102;
const SYSENTER_CS: u32 = 0x174;
const SYSENTER_ESP: u32 = 0x175;
const SYSENTER_EIP: u32 = 0x176;

const EFER_SVME: u64 = 1 << 12;
const EFER_SCE: u64 = 1 << 0;

/// SYSCALL enters at CS 10h and SS 18h; SYSRET leaves to 33h and 2Bh.
const WINDOWS_STAR: u64 = 0x0023_0010_0000_0000;

/// TF, IF, DF and NT are cleared on SYSCALL.
const WINDOWS_SFMASK: u64 = 0x4700;

/// Pages of a processor control region.
const CONTROL_REGION_PAGES: u64 = 2;

static CONTROL_REGIONS: Region = Region::new(layout::PROCESSOR_CONTROL);

/// Where the user part of the thread on processor 0 has its environment block.
static ENVIRONMENT: AtomicU32 = AtomicU32::new(0);

/// Moves everything that is found through these registers to other addresses.
pub fn randomize() {
    CONTROL_REGIONS.skip(random::below(1 << 20));
    let page = u32::try_from(random::below(1 << 15)).expect("15 bits");
    ENVIRONMENT.store(0x0020_0000 + page * 0x1000, Ordering::Relaxed);
}

/// Memory for a processor control region; returns its address.
pub fn allocate_control_region() -> u64 {
    let start = CONTROL_REGIONS.reserve(CONTROL_REGION_PAGES);
    assert!(
        memory::back(start, CONTROL_REGION_PAGES, Protection::ReadWrite),
        "memory for a processor control region"
    );
    start
}

/// Base of the FS descriptor: the 32-bit environment block, which lies behind
/// the 64-bit one.
pub fn compatibility_base(index: u32) -> u32 {
    ENVIRONMENT.load(Ordering::Relaxed) + index * 0x4000 + 0x2000
}

/// A 64-bit environment block's address, as `KernelGsBase` holds it in the kernel.
fn environment(index: u32) -> u64 {
    u64::from(ENVIRONMENT.load(Ordering::Relaxed) + index * 0x4000)
}

fn read_msr(register: u32) -> u64 {
    // SAFETY: All registers that are read here exist on every x86-64 processor.
    unsafe { Msr::new(register).read() }
}

fn write_msr(register: u32, value: u64) {
    // SAFETY: The kernel uses none of the registers that are written here, but
    // EFER, of which the callers change single bits.
    unsafe { Msr::new(register).write(value) };
}

/// Puts this processor into the state in which Windows would run it.
pub fn initialize(here: &Processor) {
    interrupts::load();
    enable_floating_point();
    irql::set(irql::PASSIVE_LEVEL);
    apic::enable();

    write_msr(GS_BASE, here.control_region);
    write_msr(KERNEL_GS_BASE, environment(here.index));
    write_msr(FS_BASE, 0);
    write_msr(EFER, read_msr(EFER) | EFER_SCE);
    write_msr(STAR, WINDOWS_STAR);
    write_msr(LSTAR, address_of(system_call_64));
    write_msr(CSTAR, address_of(system_call_32));
    write_msr(SFMASK, WINDOWS_SFMASK);
    // 64-bit Windows enters by SYSCALL only.
    write_msr(SYSENTER_CS, 0);
    write_msr(SYSENTER_ESP, 0);
    write_msr(SYSENTER_EIP, 0);
}

/// Drivers are compiled with SSE; the kernel itself is not.
fn enable_floating_point() {
    let cr0 = (Cr0::read() - Cr0Flags::EMULATE_COPROCESSOR - Cr0Flags::TASK_SWITCHED)
        | Cr0Flags::MONITOR_COPROCESSOR
        | Cr0Flags::NUMERIC_ERROR
        | Cr0Flags::WRITE_PROTECT;
    // SAFETY: Paging and protection stay as they are.
    unsafe { Cr0::write(cr0) };
    let cr4 = Cr4::read() | Cr4Flags::OSFXSR | Cr4Flags::OSXMMEXCPT_ENABLE;
    // SAFETY: Paging stays as it is.
    unsafe { Cr4::write(cr4) };
}

fn address_of(function: extern "C" fn() -> !) -> u64 {
    (function as *const ()).addr() as u64
}

extern "C" fn system_call_64() -> ! {
    panic!("SYSCALL was executed, but there is no user mode")
}

extern "C" fn system_call_32() -> ! {
    panic!("SYSCALL was executed, but there is no compatibility mode")
}

/// Reads everything about this processor, as a thread on it finds it.
pub fn read(here: &'static Processor) -> ProcessorState {
    let gdt = tables::sgdt();
    let idt = tables::sidt();
    let (cr3_frame, cr3_flags) = Cr3::read();
    let (group, number) = processors::number(here.index).expect("the lab runs on active ones");
    let segment = |selector: u16| segment(here, selector);
    ProcessorState {
        index: here.index,
        group,
        number,
        apic_id: here.index,
        msrs: ModelSpecificRegisters {
            efer: read_msr(EFER),
            star: read_msr(STAR),
            lstar: read_msr(LSTAR),
            cstar: read_msr(CSTAR),
            sfmask: read_msr(SFMASK),
            fs_base: read_msr(FS_BASE),
            gs_base: read_msr(GS_BASE),
            kernel_gs_base: read_msr(KERNEL_GS_BASE),
            sysenter_cs: read_msr(SYSENTER_CS),
            sysenter_esp: read_msr(SYSENTER_ESP),
            sysenter_eip: read_msr(SYSENTER_EIP),
        },
        cs: segment(segmentation::CS::get_reg().0),
        ss: segment(segmentation::SS::get_reg().0),
        ds: segment(segmentation::DS::get_reg().0),
        es: segment(segmentation::ES::get_reg().0),
        fs: segment(segmentation::FS::get_reg().0),
        gs: segment(segmentation::GS::get_reg().0),
        tr: system_segment(here, store_task_register()),
        ldtr: system_segment(here, store_local_table_register()),
        gdt: DescriptorTable {
            base: gdt.base.as_u64(),
            limit: gdt.limit,
        },
        idt: DescriptorTable {
            base: idt.base.as_u64(),
            limit: idt.limit,
        },
        cr0: Cr0::read_raw(),
        cr3: cr3_frame.start_address().as_u64() | cr3_flags.bits(),
        cr4: Cr4::read_raw(),
        cr8: u64::from(irql::current()),
        rflags: rflags::read_raw(),
    }
}

fn segment(here: &'static Processor, selector: u16) -> Segment {
    let (descriptor, _) = here.with_descriptors(|table| table.descriptor(selector));
    Segment {
        selector,
        descriptor,
        descriptor_high: 0,
    }
}

fn system_segment(here: &'static Processor, selector: u16) -> Segment {
    let (descriptor, descriptor_high) = here.with_descriptors(|table| table.descriptor(selector));
    if selector == 0 {
        return Segment::default();
    }
    Segment {
        selector,
        descriptor,
        descriptor_high,
    }
}

fn store_task_register() -> u16 {
    let selector: u16;
    // SAFETY: STR only writes its operand.
    unsafe { asm!("str {:x}", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector
}

fn store_local_table_register() -> u16 {
    let selector: u16;
    // SAFETY: SLDT only writes its operand.
    unsafe { asm!("sldt {:x}", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector
}

/// Sets registers of this processor. Segments are loaded before the base
/// registers, because loading a segment changes its base.
pub fn change(here: &'static Processor, change: &ProcessorChange) {
    if let Some(descriptor) = change.fs_descriptor {
        here.with_descriptors(|table| table.set_compatibility_data(descriptor));
        descriptors::reload_fs();
    }
    if let Some(descriptor) = change.gs_descriptor {
        let base = read_msr(GS_BASE);
        here.with_descriptors(|table| table.set_data(descriptor));
        descriptors::reload_gs();
        write_msr(GS_BASE, base);
    }
    if let Some(limit) = change.tss_limit {
        here.with_descriptors(|table| table.set_task_limit(limit));
        descriptors::reload_task();
    }
    if let Some(svme) = change.svme {
        let efer = read_msr(EFER) & !EFER_SVME;
        write_msr(EFER, if svme { efer | EFER_SVME } else { efer });
    }
    for (register, value) in [
        (STAR, change.star),
        (LSTAR, change.lstar),
        (CSTAR, change.cstar),
        (SFMASK, change.sfmask),
        (FS_BASE, change.fs_base),
        (GS_BASE, change.gs_base),
        (KERNEL_GS_BASE, change.kernel_gs_base),
        (SYSENTER_CS, change.sysenter_cs),
        (SYSENTER_ESP, change.sysenter_esp),
        (SYSENTER_EIP, change.sysenter_eip),
    ] {
        if let Some(value) = value {
            write_msr(register, value);
        }
    }
}
