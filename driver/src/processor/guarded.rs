//! Instructions that may raise an exception, each inside a structured-exception frame.
//!
//! Rust has no `__try`. The frames are therefore written as MSVC's compiler would write them:
//! unwind information that names `__C_specific_handler`, and one scope-table entry over the
//! instruction. The filter keeps what it learns of the exception in the frame and accepts every
//! exception; the landing code returns it. Source: "x64 exception handling" of the MSVC
//! documentation, sections `UNWIND_INFO` and "Language-specific handler".
//!
//! These functions are called by the assembly in this file alone, with operands in the registers
//! where the instructions want them: the calling convention of C would have each result take a
//! way through memory, a dozen times in every capture.

#![expect(unsafe_code, reason = "assembly, and the functions that it defines")]

use core::arch::{asm, global_asm};

use amd_svm::msr::Msr;
use amd_svm::witness::REGISTERS;
use amd_svm::{EferFault, Fault};
use wdk_sys::{NTSTATUS, STATUS_ILLEGAL_INSTRUCTION, STATUS_PRIVILEGED_INSTRUCTION};

/// One function: `$guarded` under guard, then `$done`, then zero in R8D. Or, if `$guarded` raised an
/// exception, its code in R8D; ECX as it was then, and in R10D how many bytes into `$guarded`.
///
/// The frame has 32 bytes of home space for the handler's sake and what the filter keeps above
/// them. After a landing the other volatile registers hold nothing in particular.
macro_rules! guarded_function {
    ($name:literal, [$($guarded:literal),+], [$($done:literal),*] $(, $operand:ident = $value:expr)?) => {
        global_asm!(
            ".text",
            concat!(".def ", $name, "; .scl 2; .type 32; .endef"),
            concat!(".globl ", $name),
            ".p2align 4, 0xCC",
            concat!(".seh_proc ", $name),
            concat!($name, ":"),
            "sub rsp, 56",
            ".seh_stackalloc 56",
            ".seh_endprologue",
            "20:",
            $($guarded,)+
            "21:",
            $($done,)*
            "xor r8d, r8d",
            "22:",
            "add rsp, 56",
            "ret",
            "23:",
            "mov r8d, dword ptr [rsp + 32]",
            "mov ecx, dword ptr [rsp + 36]",
            "mov r10, qword ptr [rsp + 40]",
            "lea r9, [rip + 20b]",
            "sub r10, r9",
            "jmp 22b",
            ".seh_handler __C_specific_handler, @except",
            ".seh_handlerdata",
            ".long 1",
            ".long (20b)@IMGREL, (21b)@IMGREL, svmsave_keep_exception@IMGREL, (23b)@IMGREL",
            ".text",
            ".seh_endproc",
            $($operand = const $value,)?
        );
    };
}

// The filter: RCX points to EXCEPTION_POINTERS, whose members point to EXCEPTION_RECORD, which
// begins with the code and has the instruction's address at 16, and to CONTEXT, which has RCX at
// 0x80; RDX is the frame. EXCEPTION_EXECUTE_HANDLER is 1.
global_asm!(
    ".text",
    ".def svmsave_keep_exception; .scl 2; .type 32; .endef",
    ".globl svmsave_keep_exception",
    ".p2align 4, 0xCC",
    "svmsave_keep_exception:",
    "mov rax, qword ptr [rcx]",
    "mov r8d, dword ptr [rax]",
    "mov dword ptr [rdx + 32], r8d",
    "mov r8, qword ptr [rax + 16]",
    "mov qword ptr [rdx + 40], r8",
    "mov rax, qword ptr [rcx + 8]",
    "mov eax, dword ptr [rax + 0x80]",
    "mov dword ptr [rdx + 36], eax",
    "mov eax, 1",
    "ret",
);

// Number in ECX, value to RAX.
guarded_function!(
    "svmsave_guarded_rdmsr",
    ["rdmsr"],
    ["shl rdx, 32", "or rax, rdx"]
);

/// How many registers `svmsave_guarded_rdmsrs` reads: as many as a witness has. Each has
/// instructions of its own, which a loop would have more of.
const READS: usize = REGISTERS.len();

// R9 points to the numbers, R11 to the values.
guarded_function!(
    "svmsave_guarded_rdmsrs",
    [
        ".set svmsave_read, 0",
        ".rept {reads}",
        "mov ecx, dword ptr [r9 + 4*svmsave_read]",
        "rdmsr",
        "mov dword ptr [r11 + 8*svmsave_read], eax",
        "mov dword ptr [r11 + 8*svmsave_read + 4], edx",
        ".set svmsave_read, svmsave_read + 1",
        ".endr"
    ],
    [],
    reads = READS
);

// Number in ECX, value in EDX:EAX.
guarded_function!("svmsave_guarded_wrmsr", ["wrmsr"], []);

// Number in ECX, value in EDX:EAX; the value that it has then to RAX.
guarded_function!(
    "svmsave_guarded_wrmsr_rdmsr",
    ["wrmsr", "rdmsr"],
    ["shl rdx, 32", "or rax, rdx"]
);

// Physical address in RAX.
guarded_function!("svmsave_guarded_vmsave", ["vmsave rax"], []);

/// Calls one of them. The operands name the other volatile general registers, as what the function
/// takes, returns or leaves undefined: a landing leaves all of them undefined.
macro_rules! call {
    ($name:literal, $($operand:tt)+) => {
        asm!(
            concat!("call ", $name),
            $($operand)+
            out("xmm0") _,
            out("xmm1") _,
            out("xmm2") _,
            out("xmm3") _,
            out("xmm4") _,
            out("xmm5") _,
        )
    };
}

/// Reads a model-specific register of this processor. Any IRQL.
#[inline]
pub(crate) fn read_msr(msr: Msr) -> Result<u64, Fault> {
    let value;
    let status: NTSTATUS;
    // SAFETY: the registers of `Msr` can be read without an effect; a fault is caught.
    unsafe {
        call!(
            "svmsave_guarded_rdmsr",
            inout("ecx") msr.number() => _,
            lateout("rax") value,
            lateout("r8d") status,
            out("rdx") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    outcome(status).map(|()| value)
}

/// Reads model-specific registers of this processor, in order, or as many as come before one that
/// faults: that one, and its fault, is the error. Any IRQL.
#[inline]
pub(crate) fn read_msrs<const COUNT: usize>(
    msrs: &[Msr; COUNT],
    values: &mut [u64; COUNT],
) -> Result<(), (Msr, Fault)> {
    const { assert!(COUNT == READS) };
    const { assert!(size_of::<Msr>() == size_of::<u32>()) };
    let number: u32;
    let status: NTSTATUS;
    // SAFETY: the registers of `Msr`, which holds a register's number, can be read without an
    // effect, and there is a place for the value of each; a fault is caught.
    unsafe {
        call!(
            "svmsave_guarded_rdmsrs",
            inout("r9") msrs.as_ptr() => _,
            inout("r11") values.as_mut_ptr() => _,
            lateout("ecx") number,
            lateout("r8d") status,
            out("rax") _,
            out("rdx") _,
            out("r10") _,
        );
    }
    outcome(status).map_err(|fault| {
        // ECX held one of the numbers when the exception was raised.
        let faulted = msrs.iter().find(|msr| msr.number() == number);
        (*faulted.unwrap_or(&msrs[0]), fault)
    })
}

/// Writes `EFER` of this processor. Any IRQL.
///
/// # Safety
///
/// The value differs from the register's in nothing but SVME, and the caller puts back what was
/// there before any other code can run on this processor.
#[inline]
pub(crate) unsafe fn write_efer(value: u64) -> Result<(), Fault> {
    let status: NTSTATUS;
    // SAFETY: the caller vouches for the value; a fault is caught.
    unsafe {
        call!(
            "svmsave_guarded_wrmsr",
            inout("ecx") Msr::Efer.number() => _,
            inout("rax") value => _,
            inout("rdx") value >> 32 => _,
            lateout("r8d") status,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    outcome(status)
}

/// Writes `EFER` of this processor, and reads it back. Any IRQL.
///
/// # Safety
///
/// The value differs from the register's in nothing but SVME, and the caller puts back what was
/// there before any other code can run on this processor.
#[inline]
pub(crate) unsafe fn write_and_read_efer(value: u64) -> Result<u64, EferFault> {
    let left;
    let instruction: u32;
    let status: NTSTATUS;
    // SAFETY: the caller vouches for the value; a fault is caught.
    unsafe {
        call!(
            "svmsave_guarded_wrmsr_rdmsr",
            inout("ecx") Msr::Efer.number() => _,
            inout("rax") value => left,
            inout("rdx") value >> 32 => _,
            lateout("r8d") status,
            lateout("r10d") instruction,
            out("r9") _,
            out("r11") _,
        );
    }
    outcome(status)
        .map(|()| left)
        .map_err(|fault| match instruction {
            0 => EferFault::Write(fault),
            _ => EferFault::Read(fault),
        })
}

/// Executes VMSAVE. Any IRQL.
///
/// # Safety
///
/// `vmcb_physical_address` is the address of 4096 bytes of ordinary memory that nothing else reads
/// or writes during the call, and of which Rust holds no reference: see
/// [`svm_vmsave`](amd_svm::intrinsics::svm_vmsave). A fault is caught.
#[inline]
pub(crate) unsafe fn vmsave(vmcb_physical_address: u64) -> Result<(), Fault> {
    let status: NTSTATUS;
    // SAFETY: the caller vouches for the address; a fault is caught.
    unsafe {
        call!(
            "svmsave_guarded_vmsave",
            inout("rax") vmcb_physical_address => _,
            lateout("r8d") status,
            out("rcx") _,
            out("rdx") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    outcome(status)
}

#[inline]
fn outcome(status: NTSTATUS) -> Result<(), Fault> {
    if status == 0 {
        Ok(())
    } else {
        Err(fault(status))
    }
}

/// Which exception Windows' code stands for. It reports `#GP` in kernel mode as a privileged
/// instruction or as an access violation, depending on what it decodes at the address.
#[cold]
#[inline(never)]
fn fault(code: NTSTATUS) -> Fault {
    match code {
        STATUS_ILLEGAL_INSTRUCTION => Fault::InvalidOpcode,
        STATUS_PRIVILEGED_INSTRUCTION | wdk_sys::STATUS_ACCESS_VIOLATION => {
            Fault::GeneralProtection
        }
        _ => Fault::Other,
    }
}
