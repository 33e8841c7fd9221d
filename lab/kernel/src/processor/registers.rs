//! The registers that VMSAVE saves: as Windows would have them at first, then as
//! a test wants them; and read back without VMSAVE, as the ground truth.

#![expect(unsafe_code, reason = "registers are read and written")]

use core::arch::asm;

use lab_wire::{
    DescriptorTable, ModelSpecificRegisters, ProcessorChange, ProcessorState, SelectedDescriptor,
};
use x86_64::instructions::segmentation::{self, Segment as _};
use x86_64::instructions::tables;
use x86_64::registers::control::{Cr0, Cr3, Cr4};
use x86_64::registers::model_specific::Msr;
use x86_64::registers::rflags;

use super::{Processor, descriptors, environment};
use crate::base::this_processor;

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

fn read_msr(register: u32) -> u64 {
    // SAFETY: all registers that are read here exist on every x86-64 processor.
    unsafe { Msr::new(register).read() }
}

fn write_msr(register: u32, value: u64) {
    // SAFETY: the kernel uses none of the registers that are written here, but
    // EFER, of which the callers change single bits.
    unsafe { Msr::new(register).write(value) };
}

/// Sets the registers to what Windows has in them.
pub(crate) fn initialize(here: &Processor) {
    write_msr(GS_BASE, here.control_region);
    write_msr(KERNEL_GS_BASE, environment::block(here.index).into());
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

fn address_of(function: extern "C" fn() -> !) -> u64 {
    (function as *const ()).addr() as u64
}

extern "C" fn system_call_64() -> ! {
    panic!("SYSCALL was executed, but there is no user mode")
}

extern "C" fn system_call_32() -> ! {
    panic!("SYSCALL was executed, but there is no compatibility mode")
}

/// Reads everything about this processor, as a thread on it finds it; `group` and `number` are
/// what Windows calls it.
pub(crate) fn read(here: &'static Processor, group: u16, number: u8) -> ProcessorState {
    let gdt = tables::sgdt();
    let idt = tables::sidt();
    let (cr3_frame, cr3_flags) = Cr3::read();
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
        cr8: u64::from(this_processor::task_priority()),
        rflags: rflags::read_raw(),
    }
}

fn segment(here: &'static Processor, selector: u16) -> SelectedDescriptor {
    let (descriptor, _) = here.with_descriptors(|table| table.descriptor(selector));
    SelectedDescriptor {
        selector,
        descriptor,
        descriptor_high: 0,
    }
}

fn system_segment(here: &'static Processor, selector: u16) -> SelectedDescriptor {
    let (descriptor, descriptor_high) = here.with_descriptors(|table| table.descriptor(selector));
    if selector == 0 {
        return SelectedDescriptor::default();
    }
    SelectedDescriptor {
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
pub(crate) fn change(here: &'static Processor, change: &ProcessorChange) {
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
