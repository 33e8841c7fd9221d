//! Why a question was not answered or a step not taken, with what to do about it.

use std::io;
use std::path::PathBuf;

use crate::model::{DriverVersion, printable_path};

/// A step or a question that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A function of the system returned an error of Win32.
    #[error("{function} failed with error {code}{}", meaning(*code))]
    System { function: &'static str, code: u32 },
    /// A program of the system ended with an exit code that is none of its successes.
    #[error("{program} ended with {}{}", exit_code(*code), program_meaning(program, *code))]
    Program { program: &'static str, code: u32 },
    /// A program of the system was not started.
    #[error("{program} cannot be run: {reason}")]
    NotRun {
        program: &'static str,
        reason: io::Error,
    },
    /// A file or folder of this installation was not read, written or removed.
    #[error("{}: {reason}", printable_path(path))]
    File { path: PathBuf, reason: io::Error },
    /// The driver does not stop, because its device is open.
    #[error(
        "the driver still runs, because a program has its device open: {}",
        close(holders)
    )]
    Busy { holders: Vec<Process> },
    /// The service stays after it was deleted, because a handle to it is open.
    #[error(
        "the service is deleted as soon as the last handle to it is closed: close the Services \
         window and Task Manager, or restart Windows"
    )]
    MarkedForDeletion,
    /// The package was installed, and there is no service.
    #[error(
        "the package is in the driver store, but there is no service: the end of \
         C:\\Windows\\INF\\setupapi.dev.log says why"
    )]
    NoService,
    /// The driver that runs is not the package's.
    #[error("svmsave {running} runs, and not the package's {expected}")]
    OtherVersion {
        running: DriverVersion,
        expected: DriverVersion,
    },
    /// The driver runs and does not answer.
    #[error("the driver runs, and does not answer: {0}")]
    NoAnswer(String),
    /// What was noted of the installation is damaged.
    #[error(
        "{}: it does not say what was installed ({reason}): remove this file; what may have been \
         installed then stays: a certificate, which `certutil -delstore Root THUMBPRINT` and \
         `certutil -delstore TrustedPublisher THUMBPRINT` remove, and test signing, which `bcdedit \
         /set testsigning off` turns off",
        printable_path(path)
    )]
    Record {
        path: PathBuf,
        reason: serde_json::Error,
    },
}

/// A process that may have the device open.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) id: u32,
}

impl Failure {
    /// What the thread's last error says of a function that failed. To be called at once: any other
    /// function may overwrite it.
    pub(crate) fn of_last_error(function: &'static str) -> Self {
        let code = io::Error::last_os_error().raw_os_error();
        Self::System {
            function,
            code: code.map_or(0, i32::cast_unsigned),
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>, reason: io::Error) -> Self {
        Self::File {
            path: path.into(),
            reason,
        }
    }
}

fn close(holders: &[Process]) -> String {
    if holders.is_empty() {
        return "end it, then run this again".to_owned();
    }
    let names: Vec<_> = holders
        .iter()
        .map(|process| format!("{} (process {})", process.name, process.id))
        .collect();
    format!("end {}, then run this again", names.join(" and "))
}

/// Small codes are numbers in documentation, others are `HRESULT`s.
fn exit_code(code: u32) -> String {
    if code < 0x1_0000 {
        code.to_string()
    } else {
        format!("0x{code:08X}")
    }
}

/// What a program's exit code means. Those of these two say no more than that there was an error, and
/// what they print is in the user's language.
fn program_meaning(program: &str, code: u32) -> &'static str {
    match (program, meaning(code)) {
        ("bcdedit.exe", "") => {
            ": Windows keeps test signing from being changed, as it does under Secure Boot: turn Secure \
             Boot off in the firmware's setup; the same command in a terminal prints the reason"
        }
        ("manage-bde.exe", "") => {
            ": whether BitLocker is on is not known: `manage-bde -status` prints the reason"
        }
        (_, meaning) => meaning,
    }
}

/// A code as the headers define it: `HRESULT_FROM_WIN32` of `winerror.h` and `HRESULT_FROM_SETUPAPI` of
/// `setupapi.h` are taken back.
fn plain(code: u32) -> u32 {
    match code >> 16 {
        0x8007 => code & 0xFFFF,
        0x800F => 0xE000_0000 | code & 0xFFFF,
        _ => code,
    }
}

/// What the errors mean that are met on the way, and what to do about them.
///
/// Source: "System Error Codes" of Windows' documentation, `winerror.h` for those that begin with 8,
/// and `setupapi.h` for those that begin with E: `ERROR_NO_CATALOG_FOR_OEM_INF` and so on.
fn meaning(code: u32) -> &'static str {
    match plain(code) {
        5 => {
            ": access is denied: run this from a terminal that was started with \"Run as \
             administrator\""
        }
        127 => {
            ": a routine that the driver needs is missing: update Windows to version 2004 or later"
        }
        577 => {
            ": the driver's signature is not accepted: after a change of test signing or Secure Boot, \
             restart Windows first"
        }
        1072 => ": the service is marked for deletion: restart Windows",
        1058 => ": the service is disabled: run `sc.exe config svmsave start= demand`",
        1275 | 4551 => {
            ": a policy blocks the driver: the vulnerable driver blocklist, Smart App Control, or \
             memory integrity; event 3023, 3033 or 3077 of the CodeIntegrity log names it"
        }
        0x800B_0101 => {
            ": a certificate is not valid at this time: set the clock, or make the package again"
        }
        0x800B_0109 => {
            ": the root of the certificate chain is not trusted: have the signer's root \
             certificate installed in Root and TrustedPublisher"
        }
        0xE000_022F => ": the package has no signed catalog: take the whole package again",
        0xE000_024B => {
            ": a file is not as it was when the catalog was signed: take the whole package again"
        }
        // ERROR_AUTHENTICODE_TRUST_NOT_ESTABLISHED and ERROR_AUTHENTICODE_PUBLISHER_NOT_TRUSTED
        0xE000_0242 | 0xE000_0243 => {
            ": Windows does not trust the package's publisher: have the signer's certificate installed \
             in TrustedPublisher, and its root certificate in Root"
        }
        // ERROR_DRIVER_STORE_ADD_FAILED, which says no more
        0xE000_0247 => {
            ": the package was not added to the driver store: the end of \
             C:\\Windows\\INF\\setupapi.dev.log says why"
        }
        // ERROR_DEVICE_INSTALL_BLOCKED and ERROR_DRIVER_INSTALL_BLOCKED
        0xE000_0248 | 0xE000_0249 => {
            ": a policy of this machine forbids to install the package: ask its administrator"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::record::Store;

    #[test]
    fn an_exit_code_is_written_as_documentation_does() {
        let program = "pnputil.exe";
        let failed = |code| Failure::Program { program, code }.to_string();
        assert_eq!(failed(2), "pnputil.exe ended with 2");
        assert!(failed(0x800B_0109).starts_with("pnputil.exe ended with 0x800B0109: the root "));
    }

    #[test]
    fn the_errors_of_setupapi_are_told_by_what_its_header_calls_them() {
        let program = "pnputil.exe";
        let failed = |code| Failure::Program { program, code }.to_string();
        for (code, words) in [
            (0xE000_022F, "no signed catalog"),
            (0xE000_0242, "does not trust the package's publisher"),
            (0xE000_0243, "does not trust the package's publisher"),
            (0xE000_0247, "not added to the driver store"),
            (0xE000_0248, "a policy"),
            (0xE000_0249, "a policy"),
            (0xE000_024B, "not as it was when the catalog was signed"),
        ] {
            assert!(failed(code).contains(words), "{}", failed(code));
            // The same as an HRESULT.
            let result = 0x800F_0000 | code & 0xFFFF;
            assert!(failed(result).contains(words), "{}", failed(result));
        }
        assert_eq!(
            failed(0xE000_0244),
            "pnputil.exe ended with 0xE0000244",
            "a code that is not known is not explained"
        );
        assert!(failed(0x8007_0005).contains("access is denied"));
    }

    #[test]
    fn a_program_that_says_no_more_than_that_it_failed_has_words_of_its_own() {
        let failed = |program, code| Failure::Program { program, code }.to_string();
        assert!(failed("bcdedit.exe", 1).contains("Secure Boot"));
        assert!(failed("manage-bde.exe", u32::MAX).contains("`manage-bde -status`"));
        assert!(failed("bcdedit.exe", 5).contains("access is denied"));
        assert_eq!(failed("pnputil.exe", 1), "pnputil.exe ended with 1");
    }

    #[test]
    fn a_damaged_record_tells_of_all_that_it_may_have_named() {
        let reason = serde_json::from_str::<bool>("{").unwrap_err();
        let path = PathBuf::from("installed.json");
        let told = Failure::Record { path, reason }.to_string();
        for store in Store::ALL {
            let removal = format!("`certutil -delstore {} THUMBPRINT`", store.name());
            assert!(told.contains(&removal), "{told}");
        }
        assert!(told.contains("`bcdedit /set testsigning off`"), "{told}");
    }

    #[test]
    fn whoever_holds_the_device_is_named() {
        let process = |id| Process {
            name: "client.exe".to_owned(),
            id,
        };
        let busy = |holders| Failure::Busy { holders }.to_string();
        assert!(busy(vec![]).ends_with("open: end it, then run this again"));
        assert!(busy(vec![process(7), process(9)]).ends_with(
            "end client.exe (process 7) and client.exe (process 9), then run this again"
        ));
    }
}
