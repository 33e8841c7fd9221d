//! Each processor's descriptor table and task state, and the interrupt descriptor table of all.
//!
//! FS and GS get what x64 Windows gives them, as far as the width allows: a short limit for FS, a
//! base of its own for each processor's GS.

#![expect(
    unsafe_code,
    reason = "loading descriptor tables changes what segments mean"
)]

use core::arch::asm;
use core::cell::UnsafeCell;

use amd_svm::msr::Msr;

use crate::arch::{self, CODE_FLAGS, GATE_WORDS};
use crate::boot::PROCESSOR_LIMIT;
use crate::registers;

/// Ring 0's code.
pub(crate) const CODE: u16 = 0x08;
/// Ring 0's stack, and all data of 64-bit code.
pub(crate) const DATA: u16 = 0x10;
/// Ring 3's code.
pub(crate) const USER_CODE: u16 = 0x1B;
/// Ring 3's stack, and all data of 32-bit code, which thus survives a way through ring 3.
pub(crate) const USER_DATA: u16 = 0x23;
const FS: u16 = 0x2B;
const GS: u16 = 0x33;
const TASK: u16 = 0x38;
const TABLE_WORDS: usize = 9;

/// The vector of the interrupt that trials send.
pub(crate) const INTERRUPT: u8 = 0x40;
const SPURIOUS: u8 = 0x41;
const VECTORS: usize = 0x42;
const BREAKPOINT: usize = 3;

const TRAP_STACK_SIZE: usize = 0x2000;

/// What a processor has of its own.
#[repr(C, align(16))]
struct Descriptors {
    table: [u64; TABLE_WORDS],
    task: [u32; 26],
    gates: [u64; VECTORS * GATE_WORDS],
    trap_stack: [u8; TRAP_STACK_SIZE],
}

#[repr(transparent)]
struct Cell(UnsafeCell<Descriptors>);

// SAFETY: each processor uses the one of its number.
unsafe impl Sync for Cell {}

static DESCRIPTORS: [Cell; PROCESSOR_LIMIT] = [const {
    Cell(UnsafeCell::new(Descriptors {
        table: [0; TABLE_WORDS],
        task: [0; 26],
        gates: [0; VECTORS * GATE_WORDS],
        trap_stack: [0; TRAP_STACK_SIZE],
    }))
}; PROCESSOR_LIMIT];

unsafe extern "C" {
    safe static exception_stubs: u8;
    fn interrupt_stub();
}

/// What LGDT and LIDT take.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: usize,
}

/// A descriptor of a segment that lies below 4 GiB.
const fn descriptor(base: u64, limit: u64, access: u64, flags: u64) -> u64 {
    limit & 0xFFFF
        | (base & 0xFF_FFFF) << 16
        | access << 40
        | (limit >> 16 & 0xF) << 48
        | flags << 52
        | (base >> 24 & 0xFF) << 56
}

/// Gives processor `number` its tables, and values to registers that tell it from others.
pub(crate) fn load(number: usize) {
    let own = DESCRIPTORS[number].0.get();
    // SAFETY: no other processor has this number, and this one asks once.
    let own = unsafe { &mut *own };
    let task = own.task.as_ptr().addr() as u64;
    let gs_base = 0x10_0000 + number as u64 * 0x1000;
    own.table = [
        0,
        descriptor(0, 0xF_FFFF, 0x9B, CODE_FLAGS),
        descriptor(0, 0xF_FFFF, 0x93, 0xC),
        descriptor(0, 0xF_FFFF, 0xFB, CODE_FLAGS),
        descriptor(0, 0xF_FFFF, 0xF3, 0xC),
        descriptor(0, 0x3C00, 0xF3, 0x4),
        descriptor(gs_base, 0xF_FFFF, 0xF3, 0xC),
        descriptor(task, 0x67, 0x89, 0),
        0,
    ];
    let trap_stack = own.trap_stack.as_ptr_range().end.addr();
    let trap_stack = u32::try_from(trap_stack).expect("below 640 KiB");
    own.task[1..3].copy_from_slice(&arch::task_stack(trap_stack));
    for (vector, gate) in own.gates.chunks_exact_mut(GATE_WORDS).enumerate() {
        gate[0] = gate_of(vector);
    }
    activate(own);
    distinguish(number as u64);
}

/// An interrupt gate; that of the breakpoint is open to ring 3.
fn gate_of(vector: usize) -> u64 {
    let stub = match u8::try_from(vector) {
        Ok(vector @ 0..32) => (&raw const exception_stubs).addr() + usize::from(vector) * 16,
        Ok(INTERRUPT | SPURIOUS) => (interrupt_stub as *const ()).addr(),
        _ => return 0,
    } as u64;
    let access = if vector == BREAKPOINT { 0xEE } else { 0x8E };
    stub & 0xFFFF | u64::from(CODE) << 16 | access << 40 | (stub >> 16 & 0xFFFF) << 48
}

fn activate(own: &Descriptors) {
    let table = Pointer {
        limit: u16::try_from(size_of_val(&own.table) - 1).expect("short"),
        base: own.table.as_ptr().expose_provenance(),
    };
    let gates = Pointer {
        limit: u16::try_from(size_of_val(&own.gates) - 1).expect("short"),
        base: own.gates.as_ptr().expose_provenance(),
    };
    // SAFETY: the tables are static, and their first three descriptors are those in use.
    unsafe {
        asm!(
            "lgdt [{table}]",
            "lidt [{gates}]",
            "mov ss, {data:x}",
            "mov ds, {user_data:x}",
            "mov es, {user_data:x}",
            "mov fs, {fs:x}",
            "mov gs, {gs:x}",
            "ltr {task:x}",
            "xor {task:e}, {task:e}",
            "lldt {task:x}",
            table = in(reg) &raw const table,
            gates = in(reg) &raw const gates,
            data = in(reg) DATA,
            user_data = in(reg) USER_DATA,
            fs = in(reg) FS,
            gs = in(reg) GS,
            task = inout(reg) TASK => _,
            options(nostack),
        );
    }
    registers::enable_apic();
    reload_code();
}

/// CS still has the boot table's selector; in long mode that one means data here.
fn reload_code() {
    // SAFETY: the descriptor is that of the code that runs now.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!(
            "push {code}",
            "lea {next}, [rip + 2f]",
            "push {next}",
            "retfq",
            "2:",
            code = in(reg) u64::from(CODE),
            next = out(reg) _,
        );
        #[cfg(target_arch = "x86")]
        asm!(
            "push {code}",
            "call 2f",
            "jmp 3f",
            "2: retf",
            "3:",
            code = in(reg) u32::from(CODE),
        );
    }
}

/// Values that differ from processor to processor and from register to register.
fn distinguish(number: u64) {
    let write = |msr: Msr, value: u64| registers::write_msr(msr.number(), value);
    write(Msr::Star, 0x0023_0010_0000_0000 + number);
    write(Msr::Lstar, 0xFFFF_F803_1001_2340 + (number << 16));
    write(Msr::Cstar, 0xFFFF_F803_1001_2380 + (number << 16));
    write(Msr::Sfmask, 0x4700 + number);
    write(Msr::KernelGsBase, 0x7F_0000_1000 + (number << 16));
    write(Msr::SysenterCs, 0x10 + (number << 8));
    write(Msr::SysenterEsp, 0x20_0000 + (number << 12));
    write(Msr::SysenterEip, 0x30_0000 + (number << 12));
    if arch::LONG_BASES {
        write(Msr::FsBase, 0x7F_0000_8000 + (number << 16));
        write(Msr::GsBase, 0xFFFF_F803_0FFF_0000 + (number << 16));
    }
}
