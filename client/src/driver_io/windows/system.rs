//! Windows itself: its version, how long it runs, and what it lets be loaded.

#![expect(unsafe_code, reason = "the functions of the system take raw pointers")]

use std::time::Duration;

use windows_sys::Wdk::System::SystemInformation::{
    NtQuerySystemInformation, SystemCodeIntegrityInformation,
};
use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::Foundation::STATUS_SUCCESS;
use windows_sys::Win32::System::SystemInformation::{GetTickCount64, OSVERSIONINFOW};
use windows_sys::Win32::System::WindowsProgramming::{
    CODEINTEGRITY_OPTION_HVCI_KMCI_ENABLED, CODEINTEGRITY_OPTION_TESTSIGN,
    SYSTEM_CODEINTEGRITY_INFORMATION,
};

use super::{length_of, registry};

/// What code integrity demands now.
pub(crate) struct CodeIntegrity {
    pub(crate) test_signing: bool,
    pub(crate) memory_integrity: bool,
}

/// Major version, minor version and build of Windows, which no compatibility setting of this program
/// changes.
pub(crate) fn version() -> [u32; 3] {
    let mut version = OSVERSIONINFOW {
        dwOSVersionInfoSize: length_of::<OSVERSIONINFOW>(),
        ..OSVERSIONINFOW::default()
    };
    // SAFETY: the structure names its size. The function always succeeds.
    unsafe { RtlGetVersion(&raw mut version) };
    [
        version.dwMajorVersion,
        version.dwMinorVersion,
        version.dwBuildNumber,
    ]
}

/// The time since the system was started, that in which it slept included.
pub(super) fn uptime() -> Duration {
    // SAFETY: the function takes nothing, and always succeeds.
    Duration::from_millis(unsafe { GetTickCount64() })
}

/// Whether the firmware starts nothing but what is signed; none if it has no such state.
pub(crate) fn secure_boot() -> Option<bool> {
    const STATE: &str = r"SYSTEM\CurrentControlSet\Control\SecureBoot\State";
    registry::number(STATE, "UEFISecureBootEnabled").map(|number| number == 1)
}

/// Asks for the options of code integrity; or the status of the system.
pub(crate) fn code_integrity() -> Result<CodeIntegrity, u32> {
    let length = length_of::<SYSTEM_CODEINTEGRITY_INFORMATION>();
    let mut information = SYSTEM_CODEINTEGRITY_INFORMATION {
        Length: length,
        CodeIntegrityOptions: 0,
    };
    let mut returned = 0;
    // SAFETY: the pointers are those of a structure of the class that is asked for, which names its
    // length, and of `returned`, and both outlive the call.
    let status = unsafe {
        NtQuerySystemInformation(
            SystemCodeIntegrityInformation,
            (&raw mut information).cast(),
            length,
            &raw mut returned,
        )
    };
    if status != STATUS_SUCCESS {
        return Err(status.cast_unsigned());
    }
    let has = |option| information.CodeIntegrityOptions & option != 0;
    Ok(CodeIntegrity {
        test_signing: has(CODEINTEGRITY_OPTION_TESTSIGN),
        memory_integrity: has(CODEINTEGRITY_OPTION_HVCI_KMCI_ENABLED),
    })
}
