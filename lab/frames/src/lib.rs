//! A driver whose entry point lets functions with frames of all kinds fault, and returns
//! which registers of their caller did not come back.
//!
//! The frames are described in the image's unwind information: by the assembler, where it
//! has a directive for what they do, and by hand where it would not choose that form.

#![no_std]
#![expect(unsafe_code, reason = "frames are assembly")]

use core::arch::global_asm;
use core::ffi::c_void;

/// A function whose frame is to be left.
type Frame = unsafe extern "C" fn();

#[link(name = "ntoskrnl.exe", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn __C_specific_handler();
}

unsafe extern "C" {
    /// Calls a function with a known value in every register that it must preserve, under
    /// an exception handler. Returns a bit for each register that has another value when
    /// the handler is reached, or all bits if it never is.
    fn frames_run(frame: Frame) -> u32;
    /// How often the termination handler of [`frames_finally`] ran.
    safe fn frames_finished() -> u32;

    fn frames_pushes();
    fn frames_saves();
    fn frames_saves_xmm();
    fn frames_pointer();
    fn frames_chained();
    fn frames_far();
    fn frames_prologue();
    fn frames_finally();
}

const FRAMES: [Frame; 8] = [
    frames_pushes,
    frames_saves,
    frames_saves_xmm,
    frames_pointer,
    frames_chained,
    frames_far,
    frames_prologue,
    frames_finally,
];

/// Severity error, of a customer; then the frame's number, then its registers.
const LOST: u32 = 0xE000_0000;
const FRAME_SHIFT: u32 = 20;

/// Frames that have a termination handler.
const FINISHING: u32 = 1;

/// Lets every frame fault. `IRQL == PASSIVE_LEVEL`.
// SAFETY: no other symbol of this name is linked, and the system expects this one.
#[unsafe(export_name = "DriverEntry")]
pub extern "system" fn driver_entry(_driver: *mut c_void, _registry_path: *const c_void) -> u32 {
    for (number, frame) in (0..).zip(FRAMES) {
        // SAFETY: the function faults in a frame that its tables describe, and is left.
        let lost = unsafe { frames_run(frame) };
        if lost != 0 {
            return LOST | number << FRAME_SHIFT | lost;
        }
    }
    if frames_finished() == FINISHING {
        0
    } else {
        LOST
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

// What the registers hold: RBX, RBP, RSI, RDI, R12 to R15, XMM6 to XMM15.
global_asm!(
    r#"
    .macro each_register operation
        \operation rbx, 0
        \operation rbp, 1
        \operation rsi, 2
        \operation rdi, 3
        \operation r12, 4
        \operation r13, 5
        \operation r14, 6
        \operation r15, 7
    .endm
    .macro each_xmm operation
        \operation xmm6, 0
        \operation xmm7, 1
        \operation xmm8, 2
        \operation xmm9, 3
        \operation xmm10, 4
        \operation xmm11, 5
        \operation xmm12, 6
        \operation xmm13, 7
        \operation xmm14, 8
        \operation xmm15, 9
    .endm

    .macro push_register register, index
        push \register
        .seh_pushreg \register
    .endm
    .macro save_register register, index
        mov qword ptr [rsp + 32 + 8 * \index], \register
        .seh_savereg \register, 32 + 8 * \index
    .endm
    .macro save_xmm register, index
        movaps xmmword ptr [rsp + 32 + 16 * \index], \register
        .seh_savexmm \register, 32 + 16 * \index
    .endm
    .macro restore_xmm register, index
        movaps \register, xmmword ptr [rsp + 32 + 16 * \index]
    .endm
    .macro set_register register, index
        mov \register, qword ptr [r10 + 8 * \index]
    .endm
    .macro set_xmm register, index
        movups \register, xmmword ptr [r10 + 64 + 16 * \index]
    .endm
    .macro compare_register register, index
        xor ecx, ecx
        cmp \register, qword ptr [r10 + 8 * \index]
        setne cl
        shl ecx, \index
        or eax, ecx
    .endm
    .macro compare_xmm register, index
        movups xmm0, xmmword ptr [r10 + 64 + 16 * \index]
        pcmpeqb xmm0, \register
        pmovmskb edx, xmm0
        xor ecx, ecx
        cmp edx, 0xFFFF
        setne cl
        shl ecx, 8 + \index
        or eax, ecx
    .endm
    .macro spoil_register register, index
        mov \register, -1
    .endm
    .macro spoil_xmm register, index
        pcmpeqb \register, \register
    .endm
    .macro begin_frame name
        .globl \name
        .def \name; .scl 2; .type 32; .endef
        .p2align 4, 0xCC
        .seh_proc \name
        \name:
    .endm

    .section .rdata,"dr"
    .p2align 4
frames_values:
    .irp value, 3,5,6,7,12,13,14,15
        .quad 0x1111111100000000 * (\value & 1) + 0x00F0000000000000 + \value
    .endr
    .irp value, 6,7,8,9,10,11,12,13,14,15
        .quad 0x00A0000000000000 + \value, 0x00B0000000000000 + \value
    .endr

    .bss
    .p2align 2
frames_finish_count:
    .zero 4
    .text
    "#,
    options(raw)
);

// 8 bytes of return address, 64 of registers and 248 are a multiple of 16.
global_asm!(
    r#"
    .text
    begin_frame frames_run
        each_register push_register
        sub rsp, 248
        .seh_stackalloc 248
        each_xmm save_xmm
        .seh_endprologue
        mov rax, rcx
        lea r10, [rip + frames_values]
        each_register set_register
        each_xmm set_xmm
    20:
        call rax
        nop
    21:
        mov eax, 0xFFFFF
        jmp 22f
    23:
        lea r10, [rip + frames_values]
        xor eax, eax
        each_register compare_register
        each_xmm compare_xmm
    22:
        each_xmm restore_xmm
        add rsp, 248
        pop r15
        pop r14
        pop r13
        pop r12
        pop rdi
        pop rsi
        pop rbp
        pop rbx
        ret
        .seh_handler __C_specific_handler, @except
        .seh_handlerdata
        .long 1
        .long (20b)@IMGREL, (21b)@IMGREL, 1, (23b)@IMGREL
        .text
    .seh_endproc

    .globl frames_finished
    .def frames_finished; .scl 2; .type 32; .endef
    .p2align 4, 0xCC
frames_finished:
        mov eax, dword ptr [rip + frames_finish_count]
        ret
    "#,
    options(raw)
);

// The frames, each with what the others lack. All of them end in the fault.
global_asm!(
    r#"
    .text
    begin_frame frames_pushes
        each_register push_register
        sub rsp, 40
        .seh_stackalloc 40
        .seh_endprologue
        each_register spoil_register
        ud2
    .seh_endproc

    begin_frame frames_saves
        sub rsp, 104
        .seh_stackalloc 104
        each_register save_register
        .seh_endprologue
        each_register spoil_register
        ud2
    .seh_endproc

    begin_frame frames_saves_xmm
        sub rsp, 200
        .seh_stackalloc 200
        each_xmm save_xmm
        .seh_endprologue
        each_xmm spoil_xmm
        ud2
    .seh_endproc

    // The stack pointer moves on after the prologue: only R13 knows the frame.
    begin_frame frames_pointer
        push r13
        .seh_pushreg r13
        sub rsp, 112
        .seh_stackalloc 112
        lea r13, [rsp + 48]
        .seh_setframe r13, 48
        save_register rbx, 0
        save_register r15, 1
        movaps xmmword ptr [rsp + 64], xmm6
        .seh_savexmm xmm6, 64
        .seh_endprologue
        sub rsp, 512
        mov rbx, -1
        mov r15, -1
        spoil_xmm xmm6, 0
        ud2
    .seh_endproc

    // The fault comes before the prologue is through.
    begin_frame frames_prologue
        push rbx
        .seh_pushreg rbx
        mov rbx, -1
        ud2
        push rsi
        .seh_pushreg rsi
        sub rsp, 32
        .seh_stackalloc 32
        .seh_endprologue
        ud2
    .seh_endproc

    // Two frames, and a termination handler on the way.
    begin_frame frames_finally
        push rbx
        .seh_pushreg rbx
        sub rsp, 32
        .seh_stackalloc 32
        .seh_endprologue
        mov rbx, -1
    20:
        call frames_saves
        nop
    21:
        ud2
        .seh_handler __C_specific_handler, @unwind, @except
        .seh_handlerdata
        .long 1
        .long (20b)@IMGREL, (21b)@IMGREL, frames_finish@IMGREL, 0
        .text
    .seh_endproc

    .p2align 4, 0xCC
frames_finish:
        inc dword ptr [rip + frames_finish_count]
        ret
    "#,
    options(raw)
);

// A function in two parts: what the first one did is described there, and the second one
// refers to it. The assembler would let the two overlap.
global_asm!(
    r#"
    .globl frames_chained
    .def frames_chained; .scl 2; .type 32; .endef
    .p2align 4, 0xCC
frames_chained:
        push rbx
    30:
        sub rsp, 96
    31:
        mov rbx, -1
    32:
        mov qword ptr [rsp + 32], rsi
    33:
        mov qword ptr [rsp + 40], rdi
    34:
        movaps xmmword ptr [rsp + 64], xmm7
    35:
        mov rsi, -1
        mov rdi, -1
        pcmpeqb xmm7, xmm7
        ud2
    36:
    .section .xdata,"dr"
    .p2align 2
    37:
        .byte 0x01, 31b - frames_chained, 2, 0
        .byte 31b - frames_chained, 0xB2
        .byte 30b - frames_chained, 0x30
    38:
        .byte 0x21, 35b - 32b, 6, 0
        .byte 35b - 32b, 0x78
        .short 64 / 16
        .byte 34b - 32b, 0x74
        .short 40 / 8
        .byte 33b - 32b, 0x64
        .short 32 / 8
        .long frames_chained@IMGREL, (32b)@IMGREL, (37b)@IMGREL
    .section .pdata,"dr"
        .long frames_chained@IMGREL, (32b)@IMGREL, (37b)@IMGREL
        .long (32b)@IMGREL, (36b)@IMGREL, (38b)@IMGREL
    .text
    "#,
    options(raw)
);

// The forms for large offsets, which the assembler takes for half a megabyte and more only.
// Each code: end of the instruction, operation and register, a number of 32 bits.
global_asm!(
    r#"
    .globl frames_far
    .def frames_far; .scl 2; .type 32; .endef
    .p2align 4, 0xCC
frames_far:
        sub rsp, 136
    30:
        mov qword ptr [rsp + 32], rbx
    31:
        mov qword ptr [rsp + 40], rsi
    32:
        movaps xmmword ptr [rsp + 48], xmm6
    33:
        mov rbx, -1
        mov rsi, -1
        pcmpeqb xmm6, xmm6
        ud2
    34:
    .section .xdata,"dr"
    .p2align 2
    35:
        .byte 1, 33b - frames_far, 12, 0
        .byte 33b - frames_far, 0x69
        .long 48
        .byte 32b - frames_far, 0x65
        .long 40
        .byte 31b - frames_far, 0x35
        .long 32
        .byte 30b - frames_far, 0x11
        .long 136
    .section .pdata,"dr"
        .long frames_far@IMGREL, (34b)@IMGREL, (35b)@IMGREL
    .text
    "#,
    options(raw)
);

/// Assembly alone refers to it.
#[used]
static HANDLER: unsafe extern "C" fn() = __C_specific_handler;
