//! Instructions that may raise an exception, each inside a structured-exception frame.
//!
//! Rust has no `__try`. The frames are therefore written as MSVC's compiler would write them:
//! unwind information that names `__C_specific_handler`, and one scope-table entry over the
//! instruction. The filter keeps the exception code in the frame and accepts every exception;
//! the landing code returns it. Source: "x64 exception handling" of the MSVC documentation,
//! sections `UNWIND_INFO` and "Language-specific handler".

#![expect(unsafe_code, reason = "assembly, and the functions that it defines")]

use core::arch::global_asm;

use amd_svm::{Fault, msr::Msr};
use wdk_sys::{NTSTATUS, STATUS_ILLEGAL_INSTRUCTION, STATUS_PRIVILEGED_INSTRUCTION};

/// One function: `$body` under guard, then zero in EAX; the exception code if `$body` raised one.
///
/// The frame has 32 bytes of home space for the handler's sake and the exception code above
/// them, at the address that the filter receives in RDX plus 32.
macro_rules! guarded_function {
    ($name:literal, $($body:literal),+) => {
        global_asm!(
            ".text",
            concat!(".globl ", $name),
            concat!(".def ", $name, "; .scl 2; .type 32; .endef"),
            ".p2align 4, 0xCC",
            concat!(".seh_proc ", $name),
            concat!($name, ":"),
            "sub rsp, 40",
            ".seh_stackalloc 40",
            ".seh_endprologue",
            "20:",
            $($body,)+
            "21:",
            "xor eax, eax",
            "22:",
            "add rsp, 40",
            "ret",
            "23:",
            "mov eax, dword ptr [rsp + 32]",
            "jmp 22b",
            ".seh_handler __C_specific_handler, @except",
            ".seh_handlerdata",
            ".long 1",
            ".long (20b)@IMGREL, (21b)@IMGREL, svmsave_keep_code@IMGREL, (23b)@IMGREL",
            ".text",
            ".seh_endproc",
        );
    };
}

// The filter: RCX points to EXCEPTION_POINTERS, whose first member points to EXCEPTION_RECORD,
// whose first member is the code; RDX is the frame. EXCEPTION_EXECUTE_HANDLER is 1.
global_asm!(
    ".text",
    ".def svmsave_keep_code; .scl 3; .type 32; .endef",
    ".p2align 4, 0xCC",
    "svmsave_keep_code:",
    "mov rax, qword ptr [rcx]",
    "mov eax, dword ptr [rax]",
    "mov dword ptr [rdx + 32], eax",
    "mov eax, 1",
    "ret",
);

guarded_function!(
    "svmsave_guarded_rdmsr",
    "mov r8, rdx",
    "rdmsr",
    "mov dword ptr [r8], eax",
    "mov dword ptr [r8 + 4], edx"
);

guarded_function!(
    "svmsave_guarded_wrmsr",
    "mov eax, edx",
    "shr rdx, 32",
    "wrmsr"
);

guarded_function!("svmsave_guarded_vmsave", "mov rax, rcx", "vmsave rax");

unsafe extern "C" {
    fn svmsave_guarded_rdmsr(msr: u32, value: *mut u64) -> NTSTATUS;
    fn svmsave_guarded_wrmsr(msr: u32, value: u64) -> NTSTATUS;
    fn svmsave_guarded_vmsave(vmcb_physical_address: u64) -> NTSTATUS;
}

/// Reads a model-specific register of this processor. Any IRQL.
pub(crate) fn read_msr(msr: Msr) -> Result<u64, Fault> {
    let mut value = 0;
    // SAFETY: the registers of `Msr` can be read without an effect; a fault is caught, and
    // `value` is written to only after the instruction succeeded.
    let status = unsafe { svmsave_guarded_rdmsr(msr.number(), &raw mut value) };
    outcome(status).map(|()| value)
}

/// Writes `EFER` of this processor. Any IRQL.
///
/// # Safety
///
/// The value differs from the register's in nothing but SVME, and the caller puts back what was
/// there before anybody else can run on this processor.
pub(crate) unsafe fn write_efer(value: u64) -> Result<(), Fault> {
    // SAFETY: the caller vouches for the value; a fault is caught.
    outcome(unsafe { svmsave_guarded_wrmsr(Msr::Efer.number(), value) })
}

/// Executes VMSAVE. Any IRQL.
///
/// # Safety
///
/// As for [`amd_svm::intrinsics::svm_vmsave`], but faults are caught.
pub(crate) unsafe fn vmsave(vmcb_physical_address: u64) -> Result<(), Fault> {
    // SAFETY: the caller vouches for the address; a fault is caught.
    outcome(unsafe { svmsave_guarded_vmsave(vmcb_physical_address) })
}

/// Which exception Windows' code stands for. It reports `#GP` in kernel mode as a privileged
/// instruction or as an access violation, depending on what it decodes at the address.
fn outcome(status: NTSTATUS) -> Result<(), Fault> {
    match status {
        0 => Ok(()),
        STATUS_ILLEGAL_INSTRUCTION => Err(Fault::InvalidOpcode),
        STATUS_PRIVILEGED_INSTRUCTION | wdk_sys::STATUS_ACCESS_VIOLATION => {
            Err(Fault::GeneralProtection)
        }
        _ => Err(Fault::Other),
    }
}
