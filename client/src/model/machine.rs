//! Whose snapshot it is: what the system says of the machine that it runs on.

use super::Timestamp;
use super::kernel_module::printable;

/// The machine that a snapshot is of, as its system tells; what it does not tell is absent.
///
/// The texts are the machine's, or the file's, own: what prints them makes them harmless.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Machine {
    /// The name by which the machine is known in its network.
    pub host: Option<String>,
    /// The system's name, edition and release: `Windows 11 Pro 24H2`.
    pub os: Option<String>,
    /// The system's build, with its revision: `10.0.26100.4061`.
    pub os_build: Option<String>,
    /// When the system was started, to the second.
    pub booted_at: Option<Timestamp>,
    /// The processors.
    pub processor: ProcessorIdentity,
    /// The name with which the hypervisor signs that the system runs under. Hyper-V beneath a Windows
    /// that uses it for itself signs, too.
    pub hypervisor: Option<String>,
    /// Whether the firmware starts nothing but what is signed.
    pub secure_boot: Option<bool>,
    /// Whether the system loads drivers that are signed for tests.
    pub test_signing: Option<bool>,
}

/// A processor by its names and numbers: those of the processor that was asked, which stands for all
/// of the machine.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ProcessorIdentity {
    /// The name that its maker sells it by.
    pub brand: Option<String>,
    /// Family, the extended one included.
    pub family: Option<u32>,
    /// Model, the extended one included.
    pub model: Option<u32>,
    /// Stepping.
    pub stepping: Option<u32>,
    /// Revision of the microcode, as the system noted it at its start.
    pub microcode: Option<u32>,
}

impl Machine {
    /// The name of the host in printable ASCII: what a terminal would obey, and what changes the
    /// direction of text, is spelt out.
    #[must_use]
    pub fn printable_host(&self) -> Option<String> {
        self.host.as_deref().map(printable)
    }

    /// System and build in printable ASCII: `Windows 11 Pro 24H2 (10.0.26100.4061)`.
    #[must_use]
    pub fn printable_os(&self) -> Option<String> {
        let build = self.os_build.as_deref().map(printable);
        match (self.os.as_deref().map(printable), build) {
            (Some(os), Some(build)) => Some(format!("{os} ({build})")),
            (os, build) => os.or(build),
        }
    }

    /// The hypervisor's name in printable ASCII.
    #[must_use]
    pub fn printable_hypervisor(&self) -> Option<String> {
        self.hypervisor.as_deref().map(printable)
    }
}

impl ProcessorIdentity {
    /// The brand in printable ASCII.
    #[must_use]
    pub fn printable_brand(&self) -> Option<String> {
        self.brand.as_deref().map(printable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_elsewhere_are_harmless_when_they_are_printed() {
        let machine = Machine {
            host: Some("WS\u{202e}-\u{1b}[2J12".to_owned()),
            os: Some("Win\ndows".to_owned()),
            os_build: Some("10\u{7f}".to_owned()),
            ..Machine::default()
        };
        assert_eq!(
            machine.printable_host().as_deref(),
            Some(r"WS\u{202e}-\u{1b}[2J12")
        );
        assert_eq!(
            machine.printable_os().as_deref(),
            Some(r"Win\u{a}dows (10\u{7f})")
        );
        assert_eq!(Machine::default().printable_os(), None);
    }
}
