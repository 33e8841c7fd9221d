//! The way into a guest and back: VMRUN with all that belongs around it, in 64-bit code.
//!
//! VMRUN exchanges part of the processor's state, VMLOAD and VMSAVE another, and the general
//! registers but RAX and RSP are left to software. [`run`] does it in the order of APM volume 2,
//! section 15.5, in one piece that no interrupt divides:
//!
//! | step | instruction | what |
//! |---|---|---|
//! | 1 | CLGI | nothing interrupts, NMIs and SMIs neither |
//! | 2 | VMSAVE | the host's FS, GS, TR, LDTR and system-call registers, to a page of the host |
//! | 3 | VMLOAD | the guest's, from its VMCB |
//! | 4 | MOV | the guest's general registers |
//! | 5 | VMRUN | the rest; the guest runs until it exits |
//! | 6 | MOV | the guest's general registers, back |
//! | 7 | VMSAVE | the guest's FS and so on, to its VMCB |
//! | 8 | VMLOAD | the host's |
//! | 9 | STGI | interrupts that have come meanwhile are taken |
//!
//! Not exchanged are the registers of x87, SSE and AVX, XCR0, DR0 to DR3, and MSRs that the VMCB
//! does not have: guest and host share them, unless the caller exchanges them.
#![cfg(target_arch = "x86_64")]
#![expect(unsafe_code, reason = "instructions that change the whole processor")]
#![expect(
    clippy::too_many_lines,
    reason = "a list of instructions; a naked function takes no such attribute"
)]

use core::arch::naked_asm;
use core::fmt;
use core::mem::offset_of;

use crate::vmcb::Vmcb;

/// The general registers of a guest that its VMCB does not have: all but RAX and RSP.
#[repr(C)]
#[derive(Clone, Copy, Default, Eq, PartialEq)]
#[expect(missing_docs, reason = "each register is its own description")]
pub struct GeneralRegisters {
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rbp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
}

/// All in hexadecimal.
impl fmt::Debug for GeneralRegisters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registers = [
            ("rbx", self.rbx),
            ("rcx", self.rcx),
            ("rdx", self.rdx),
            ("rsi", self.rsi),
            ("rdi", self.rdi),
            ("rbp", self.rbp),
            ("r8", self.r8),
            ("r9", self.r9),
            ("r10", self.r10),
            ("r11", self.r11),
            ("r12", self.r12),
            ("r13", self.r13),
            ("r14", self.r14),
            ("r15", self.r15),
        ];
        let mut lines = f.debug_struct("GeneralRegisters");
        for (name, value) in registers {
            lines.field(name, &format_args!("{value:#x}"));
        }
        lines.finish()
    }
}

/// Where the processor finds the pages of a guest: physical addresses, multiples of 4096.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pages {
    /// The guest's VMCB.
    pub vmcb: u64,
    /// A page of the host, which this sequence alone uses: what VMSAVE saves of the host. It is not
    /// the page that `VM_HSAVE_PA` names.
    pub host: u64,
}

/// Runs a guest until it exits, with its general registers: the nine steps of this module.
///
/// Why it exited is in [`ControlArea::exit`](crate::vmcb::ControlArea::exit). The host is as it was
/// before, but for what guest and host share.
///
/// # Safety
///
/// * The processor runs at privilege level 0 in 64-bit mode, `EFER.SVME` is set, and `VM_HSAVE_PA`
///   names a page that nothing else uses.
/// * `pages.vmcb` is the physical address of `vmcb`, and `pages.host` that of a page of ordinary
///   memory that nothing else uses during the call.
/// * What the VMCB lets the guest do, by its intercepts, its permission maps and its page tables, does
///   not harm the host; that holds of what guest and host share, too.
/// * The global interrupt flag is set, and the caller can be interrupted from the end of the call on.
#[inline]
pub unsafe fn run(vmcb: &mut Vmcb, registers: &mut GeneralRegisters, pages: Pages) {
    // SAFETY: the caller vouches for the processor and the pages. The routine keeps the registers that
    // its calling convention wants kept; it writes the VMCB and the registers, to which it has
    // pointers, and the host's page.
    unsafe { sequence::<0>(pages.vmcb, pages.host, registers, vmcb) };
}

/// The sequence: RDI and RSI are the two pages, RDX points to the registers. RCX is not used: by the
/// pointer in it, the compiler knows that the VMCB changes.
///
/// The parameter has no meaning but that the routine is made where it is called. Assembly is linked
/// whether it is called or not, and VMRUN has no place in a program that runs no guest.
#[unsafe(naked)]
unsafe extern "sysv64" fn sequence<const WHERE_CALLED: u8>(
    vmcb_page: u64,
    host_page: u64,
    registers: &mut GeneralRegisters,
    vmcb: &mut Vmcb,
) {
    naked_asm!(
        "push rbx",
        "push rbp",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "push rdx",
        "push rsi",
        "push rdi",
        "clgi",
        "mov rax, rsi",
        "vmsave rax",
        "mov rax, rdi",
        "vmload rax",
        "mov rbx, [rdx + {rbx}]",
        "mov rcx, [rdx + {rcx}]",
        "mov rsi, [rdx + {rsi}]",
        "mov rdi, [rdx + {rdi}]",
        "mov rbp, [rdx + {rbp}]",
        "mov r8, [rdx + {r8}]",
        "mov r9, [rdx + {r9}]",
        "mov r10, [rdx + {r10}]",
        "mov r11, [rdx + {r11}]",
        "mov r12, [rdx + {r12}]",
        "mov r13, [rdx + {r13}]",
        "mov r14, [rdx + {r14}]",
        "mov r15, [rdx + {r15}]",
        "mov rdx, [rdx + {rdx}]",
        "vmrun rax",
        // RSP is the host's again, and so is RAX, which is not needed.
        "mov rax, [rsp + 16]",
        "mov [rax + {rbx}], rbx",
        "mov [rax + {rcx}], rcx",
        "mov [rax + {rdx}], rdx",
        "mov [rax + {rsi}], rsi",
        "mov [rax + {rdi}], rdi",
        "mov [rax + {rbp}], rbp",
        "mov [rax + {r8}], r8",
        "mov [rax + {r9}], r9",
        "mov [rax + {r10}], r10",
        "mov [rax + {r11}], r11",
        "mov [rax + {r12}], r12",
        "mov [rax + {r13}], r13",
        "mov [rax + {r14}], r14",
        "mov [rax + {r15}], r15",
        "pop rax",
        "vmsave rax",
        "pop rax",
        "vmload rax",
        "stgi",
        "pop rdx",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbp",
        "pop rbx",
        "ret",
        rbx = const offset_of!(GeneralRegisters, rbx),
        rcx = const offset_of!(GeneralRegisters, rcx),
        rdx = const offset_of!(GeneralRegisters, rdx),
        rsi = const offset_of!(GeneralRegisters, rsi),
        rdi = const offset_of!(GeneralRegisters, rdi),
        rbp = const offset_of!(GeneralRegisters, rbp),
        r8 = const offset_of!(GeneralRegisters, r8),
        r9 = const offset_of!(GeneralRegisters, r9),
        r10 = const offset_of!(GeneralRegisters, r10),
        r11 = const offset_of!(GeneralRegisters, r11),
        r12 = const offset_of!(GeneralRegisters, r12),
        r13 = const offset_of!(GeneralRegisters, r13),
        r14 = const offset_of!(GeneralRegisters, r14),
        r15 = const offset_of!(GeneralRegisters, r15),
    )
}
