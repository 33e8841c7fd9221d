//! A hypervisor of one guest, in 64-bit code, with `amd-svm` and `core` alone.
//!
//! The guest runs in long mode under nested paging, in 16 KiB of memory. It executes CPUID, reads an
//! MSR, writes to a port, and halts; an interrupt wakes it, and its handler counts; it ends by
//! VMMCALL. Every exit is decoded, answered and told.
//!
//! A kernel includes this file, identity-maps a [`Machine`], sets `EFER.SVME` and `VM_HSAVE_PA`, and
//! calls [`run`].
#![cfg(target_arch = "x86_64")]
#![expect(
    unsafe_code,
    reason = "the guest is assembly, and guests are run by an unsafe function"
)]

use core::arch::global_asm;
use core::{fmt, slice};

use amd_svm::guest::{self, GeneralRegisters, Pages};
use amd_svm::msr::{Efer, Msr, Pat};
use amd_svm::segment::Segment;
use amd_svm::vmcb::{
    Access, Event, ExceptionIntercepts, Exit, ExitCode, Intercepts1, Intercepts2, IoPermissionMap,
    MsrPermissionMap, TlbControl, Vmcb,
};

/// The guest's port, and the vector of its interrupt.
const PORT: u16 = 0x3F8;
const VECTOR: u8 = 0x40;

/// The guest's memory, by physical addresses: page tables, descriptors, code and stack.
const TABLES: u64 = 0;
const GDT: u64 = 0x3000;
const IDT: u64 = 0x3100;
const CODE: u64 = 0x3800;
const STACK: u64 = 0x4000;
const PAGES: usize = 4;

const CODE_SELECTOR: u16 = 8;
const CODE_DESCRIPTOR: u64 = 0x0020_9B00_0000_0000;
/// Present, writable, and open to the user, as nested tables have to be; and a large page.
const MAPPED: u64 = 0b111;
const LARGE: u64 = 1 << 7;

global_asm!(
    "example_guest:",
    "mov eax, 0x40000000",
    "cpuid",
    "mov ecx, 0xC0000082",
    "rdmsr",
    "mov dx, 0x3F8",
    "out dx, al",
    "xor ebx, ebx",
    "sti",
    "hlt",
    "vmmcall",
    ".balign 64",
    "example_guest_handler:",
    "inc ebx",
    "iretq",
    "example_guest_end:",
);

unsafe extern "C" {
    safe static example_guest: u8;
    safe static example_guest_handler: u8;
    safe static example_guest_end: u8;
}

/// A page of table entries.
#[repr(C, align(4096))]
#[derive(Clone, Copy)]
struct Table([u64; 512]);

/// All memory that the processor and the guest need. It is mapped to its own physical address.
#[repr(C, align(4096))]
pub struct Machine {
    vmcb: Vmcb,
    msr_map: MsrPermissionMap,
    io_map: IoPermissionMap,
    host: Table,
    /// Nested page tables, from level 4 to level 1.
    nested: [Table; 4],
    memory: [Table; PAGES],
}

impl Machine {
    /// Zeros, which [`run`] fills in: what to initialise a `static` with.
    pub const ZEROS: Self = Self {
        vmcb: Vmcb::new(),
        msr_map: MsrPermissionMap::ALLOW,
        io_map: IoPermissionMap::ALLOW,
        host: Table([0; 512]),
        nested: [Table([0; 512]); 4],
        memory: [Table([0; 512]); PAGES],
    };

    /// Maps the guest's memory: its own tables by one large page, the nested ones page by page.
    fn map(&mut self) {
        let nested = self.nested.each_ref().map(address);
        let pages = self.memory.each_ref().map(address);
        for (level, below) in (0..3).zip([nested[1], nested[2], nested[3]]) {
            self.nested[level].0[0] = below | MAPPED;
        }
        for (entry, page) in self.nested[3].0.iter_mut().zip(pages) {
            *entry = page | MAPPED;
        }
        self.put(TABLES, (TABLES + 0x1000) | MAPPED);
        self.put(TABLES + 0x1000, (TABLES + 0x2000) | MAPPED);
        self.put(TABLES + 0x2000, MAPPED | LARGE);
    }

    /// Puts the guest's code, and the tables that its interrupt goes by, into its memory.
    fn load(&mut self) {
        let start = &raw const example_guest;
        let length = (&raw const example_guest_end).addr() - start.addr();
        // SAFETY: the bytes between two labels of the code above.
        let code = unsafe { slice::from_raw_parts(start, length) };
        for (word, place) in code.chunks(8).zip((CODE..).step_by(8)) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            self.put(place, u64::from_le_bytes(bytes));
        }
        self.put(GDT + u64::from(CODE_SELECTOR), CODE_DESCRIPTOR);
        let handler = CODE + ((&raw const example_guest_handler).addr() - start.addr()) as u64;
        // An interrupt gate at privilege level 0; the handler is below 64 KiB.
        let gate = handler | u64::from(CODE_SELECTOR) << 16 | 0x8E00 << 32;
        self.put(IDT + u64::from(VECTOR) * 16, gate);
    }

    fn put(&mut self, place: u64, word: u64) {
        let index = usize::try_from(place / 8).expect("an address of the guest");
        self.memory[index / 512].0[index % 512] = word;
    }

    /// What exits, and where the guest begins.
    fn configure(&mut self) {
        let lstar = Msr::Lstar.number();
        let outcome = self.msr_map.intercept(lstar..=lstar, Access::Read);
        outcome.expect("the map has bits for LSTAR");
        self.io_map.intercept(PORT..=PORT);
        let (msr_map, io_map) = (address(&self.msr_map), address(&self.io_map));
        let nested = address(&self.nested[0]);
        let control = &mut self.vmcb.control;
        control.intercepts_1 = Intercepts1::new()
            .with_cpuid(true)
            .with_hlt(true)
            .with_io(true)
            .with_msr(true)
            .with_shutdown(true);
        control.intercepts_2 = Intercepts2::new().with_vmrun(true).with_vmmcall(true);
        control.exceptions = ExceptionIntercepts::ALL;
        control.msr_permission_map = msr_map;
        control.io_permission_map = io_map;
        control.asid = 1;
        control.tlb_control = TlbControl::ALL;
        control.nested_control.set_nested_paging(true);
        control.nested_cr3 = nested;
        let save = &mut self.vmcb.save;
        save.cs = Segment::new(CODE_SELECTOR, 0x29B.into(), 0xFFFF_FFFF, 0);
        save.ss = Segment::new(0, 0xC93.into(), 0xFFFF_FFFF, 0);
        (save.ds, save.es) = (save.ss, save.ss);
        save.tr = Segment::new(0, 0x08B.into(), 0x67, 0);
        save.gdtr = Segment::table(GDT, 15);
        save.idtr = Segment::table(IDT, 0x40F);
        save.efer = Efer::new()
            .with_long_mode_enable(true)
            .with_long_mode_active(true)
            .with_svme(true);
        save.cr0 = 0x8001_0011;
        save.cr3 = TABLES;
        save.cr4 = 0x20;
        (save.dr6, save.dr7) = (0xFFFF_0FF0, 0x400);
        save.guest_pat = Pat::AFTER_RESET;
        save.rflags = 2;
        (save.rip, save.rsp) = (CODE, STACK);
    }
}

/// Runs the guest to its end, and tells each exit.
///
/// # Safety
///
/// The processor runs at privilege level 0 in long mode, `EFER.SVME` is set, `VM_HSAVE_PA` names a page
/// of its own, and the machine's memory is mapped to its own physical addresses.
pub unsafe fn run(machine: &'static mut Machine, mut tell: impl FnMut(fmt::Arguments<'_>)) {
    machine.map();
    machine.load();
    machine.configure();
    let mut registers = GeneralRegisters::default();
    let pages = Pages {
        vmcb: address(&machine.vmcb),
        host: address(&machine.host),
    };
    loop {
        // SAFETY: the caller vouches for the processor and for the addresses; the guest has its own
        // memory only, and its port and registers exit.
        unsafe { guest::run(&mut machine.vmcb, &mut registers, pages) };
        if !answer(&mut machine.vmcb, &mut registers, &mut tell) {
            return;
        }
    }
}

/// Answers an exit, and says whether the guest goes on.
fn answer(
    vmcb: &mut Vmcb,
    registers: &mut GeneralRegisters,
    tell: &mut impl FnMut(fmt::Arguments<'_>),
) -> bool {
    let Vmcb { control, save, .. } = vmcb;
    match control.exit() {
        Exit::Other(ExitCode::CPUID) => {
            tell(format_args!("CPUID of leaf {:#x}", save.rax));
            (registers.rbx, registers.rcx, registers.rdx) = (1, 2, 3);
            (save.rax, save.rip) = (0x4000_0000, save.rip + 2);
        }
        Exit::MsrRead => {
            tell(format_args!("RDMSR of {:#x}", registers.rcx));
            (save.rax, registers.rdx, save.rip) = (0x5A, 0, save.rip + 2);
        }
        Exit::Io { access, next_rip } if !access.is_in() => {
            let (port, bytes) = (access.port(), access.bytes());
            tell(format_args!(
                "OUT of {bytes} byte to {port:#x}: {:#x}",
                save.rax
            ));
            save.rip = next_rip;
        }
        Exit::Other(ExitCode::HLT) => {
            control.event_injection = Event::interrupt(VECTOR);
            tell(format_args!("HLT; injected is {}", control.event_injection));
            save.rip += 1;
        }
        Exit::Other(ExitCode::VMMCALL) => {
            tell(format_args!("VMMCALL after {} interrupt", registers.rbx));
            return false;
        }
        other => {
            tell(format_args!("unexpected: {other:x?} at {:#x}", save.rip));
            return false;
        }
    }
    true
}

/// The physical address of memory that is mapped to it.
fn address<T>(memory: &T) -> u64 {
    (&raw const *memory).expose_provenance() as u64
}
