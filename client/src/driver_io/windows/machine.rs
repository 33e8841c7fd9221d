//! What Windows tells of itself and its machine.

use amd_svm::intrinsics;

use super::{registry, system};
use crate::driver_io::identity;
use crate::model::{Machine, Timestamp};

/// The key of the registry that has the system's names.
const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";

/// The key of the registry that has what the kernel noted of the first processor.
const PROCESSOR: &str = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0";

/// The machine that this runs on.
pub(super) fn this() -> Machine {
    let [major, minor, build] = system::version();
    let revision = registry::number(VERSION, "UBR").map(|revision| format!(".{revision}"));
    let (mut processor, hypervisor) = identity::of(intrinsics::cpuid);
    processor.microcode =
        registry::bytes(PROCESSOR, "Update Revision").and_then(identity::microcode);
    Machine {
        host: gethostname::gethostname().into_string().ok(),
        os: identity::windows(build, text("ProductName"), text("DisplayVersion")),
        os_build: Some(format!(
            "{major}.{minor}.{build}{}",
            revision.unwrap_or_default()
        )),
        booted_at: Timestamp::now().and_then(|now| now.seconds_before(system::uptime())),
        processor,
        hypervisor,
        secure_boot: system::secure_boot(),
        test_signing: system::code_integrity().ok().map(|now| now.test_signing),
    }
}

/// One of the system's names, if it has it.
fn text(name: &str) -> Option<String> {
    String::from_utf16(&registry::text(VERSION, name).ok()?).ok()
}
