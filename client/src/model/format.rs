//! What a file with a snapshot can be.

use std::fmt;
use std::str::FromStr;

/// A form in which a snapshot, or the state of a guest, comes in a file.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Format {
    /// The JSON form of a snapshot.
    Json,
    /// VMCB pages, one after the other.
    Vmcb,
    /// Save areas of SEV-ES guests, one after the other.
    Vmsa,
    /// What Linux' KVM prints of a VMCB: `dump_vmcb`, in the kernel's log.
    Kvm,
    /// What Xen prints of a VMCB: `svm_vmcb_dump`, by the debug key `v`.
    Xen,
    /// What QEMU's monitor prints by `info registers`.
    Qemu,
    /// A page in hexadecimal: xxd, hexdump, od, the kernel's `print_hex_dump`, debuggers, or plain
    /// digits.
    Hex,
}

/// Text that names no format.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no such format; there are json, vmcb, vmsa, kvm, xen, qemu, hex")]
pub struct UnknownFormat;

impl Format {
    /// All of them, in the order in which a file is tried.
    pub const ALL: [Self; 7] = [
        Self::Json,
        Self::Vmcb,
        Self::Vmsa,
        Self::Kvm,
        Self::Xen,
        Self::Qemu,
        Self::Hex,
    ];

    /// The name that users type and programs read: it never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Vmcb => "vmcb",
            Self::Vmsa => "vmsa",
            Self::Kvm => "kvm",
            Self::Xen => "xen",
            Self::Qemu => "qemu",
            Self::Hex => "hex",
        }
    }

    /// The format in words, for a heading.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Json => "snapshot in JSON",
            Self::Vmcb => "VMCB pages",
            Self::Vmsa => "SEV-ES save areas (VMSA)",
            Self::Kvm => "KVM's dump_vmcb",
            Self::Xen => "Xen's svm_vmcb_dump",
            Self::Qemu => "QEMU's info registers",
            Self::Hex => "hex dump",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(name))
            .ok_or(UnknownFormat)
    }
}
