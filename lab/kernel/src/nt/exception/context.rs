//! A processor's registers as handlers see them, taken from a trap and put back.

#![expect(unsafe_code, reason = "registers are stored and loaded by assembly")]

use core::arch::asm;

pub(super) use windows_sys::Win32::System::Diagnostics::Debug::EXCEPTION_RECORD as ExceptionRecord;
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, CONTEXT_FULL_AMD64, M128A, XSAVE_FORMAT,
};
use x86_64::registers::rflags::RFlags;

use crate::base::trap_frame::TrapFrame;
use crate::processor::exceptions;

/// `CONTEXT`, which is `DECLSPEC_ALIGN(16)`; the metadata knows no alignment.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(crate) struct Context(pub CONTEXT);

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<Context>() == 0x4D0);
    assert!(offset_of!(CONTEXT, Rax) == 0x78 && offset_of!(CONTEXT, Rip) == 0xF8);
    assert!(offset_of!(CONTEXT, Anonymous) == 0x100 && size_of::<XSAVE_FORMAT>() == 0x200);
};

impl Context {
    /// The registers at a trap. Those of the floating-point unit are as they were
    /// then, because the lab uses none of them.
    pub(crate) fn of(trap: &TrapFrame) -> Self {
        let mut context = Self(CONTEXT {
            ContextFlags: CONTEXT_FULL_AMD64,
            SegCs: (trap.cs & 0xFFFF) as u16,
            SegSs: (trap.ss & 0xFFFF) as u16,
            EFlags: (trap.rflags & 0xFFFF_FFFF) as u32,
            Rax: trap.rax,
            Rcx: trap.rcx,
            Rdx: trap.rdx,
            Rbx: trap.rbx,
            Rsp: trap.rsp,
            Rbp: trap.rbp,
            Rsi: trap.rsi,
            Rdi: trap.rdi,
            R8: trap.r8,
            R9: trap.r9,
            R10: trap.r10,
            R11: trap.r11,
            R12: trap.r12,
            R13: trap.r13,
            R14: trap.r14,
            R15: trap.r15,
            Rip: trap.rip,
            ..CONTEXT::default()
        });
        let area: *mut XSAVE_FORMAT = &raw mut context.0.Anonymous.FltSave;
        // SAFETY: the area has 512 bytes and the alignment of the context.
        unsafe { asm!("fxsave64 [{}]", in(reg) area, options(nostack, preserves_flags)) };
        // SAFETY: the area was just filled in; any bytes are valid for it.
        context.0.MxCsr = unsafe { context.0.Anonymous.FltSave }.MxCsr;
        context
    }

    /// A general register by the number that instructions have for it.
    pub(crate) fn register(&mut self, number: u8) -> &mut u64 {
        let context = &mut self.0;
        match number {
            0 => &mut context.Rax,
            1 => &mut context.Rcx,
            2 => &mut context.Rdx,
            3 => &mut context.Rbx,
            4 => &mut context.Rsp,
            5 => &mut context.Rbp,
            6 => &mut context.Rsi,
            7 => &mut context.Rdi,
            8 => &mut context.R8,
            9 => &mut context.R9,
            10 => &mut context.R10,
            11 => &mut context.R11,
            12 => &mut context.R12,
            13 => &mut context.R13,
            14 => &mut context.R14,
            15 => &mut context.R15,
            _ => unreachable!("four bits"),
        }
    }

    /// Sets an XMM register.
    pub(crate) fn set_xmm(&mut self, number: u8, [low, high]: [u64; 2]) {
        // SAFETY: `of` filled this member in, and any bytes are valid for it.
        let area = unsafe { &mut self.0.Anonymous.FltSave };
        area.XmmRegisters[usize::from(number)] = M128A {
            Low: low,
            High: high.cast_signed(),
        };
    }

    fn trap_frame(&self) -> TrapFrame {
        let context = &self.0;
        let step_and_resume = RFlags::TRAP_FLAG | RFlags::RESUME_FLAG | RFlags::DIRECTION_FLAG;
        TrapFrame {
            r15: context.R15,
            r14: context.R14,
            r13: context.R13,
            r12: context.R12,
            r11: context.R11,
            r10: context.R10,
            r9: context.R9,
            r8: context.R8,
            rbp: context.Rbp,
            rdi: context.Rdi,
            rsi: context.Rsi,
            rdx: context.Rdx,
            rcx: context.Rcx,
            rbx: context.Rbx,
            rax: context.Rax,
            vector: 0,
            error_code: 0,
            rip: context.Rip,
            cs: context.SegCs.into(),
            rflags: u64::from(context.EFlags) & !step_and_resume.bits(),
            rsp: context.Rsp,
            ss: context.SegSs.into(),
        }
    }
}

/// Continues with these registers. What the stack below holds is forgotten, so the
/// caller must own no lock.
pub(super) fn resume(context: &Context) -> ! {
    let frame = context.trap_frame();
    let area = &raw const context.0.Anonymous.FltSave;
    // SAFETY: the area is a copy of what FXSAVE stored, but for XMM registers; the
    // frame is a trap's, but for registers that its code expects to be like this.
    unsafe {
        asm!(
            "cli",
            "fxrstor64 [{area}]",
            "mov rsp, {frame}",
            "jmp {resume}",
            area = in(reg) area,
            frame = in(reg) &raw const frame,
            resume = sym exceptions::exception_resume,
            options(noreturn)
        )
    }
}
