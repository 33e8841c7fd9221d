//! The judges that the program `oracles` asks: the one list, by which it answers and by which
//! `cargo xtask test` has a task for each.

use clap::ValueEnum;

/// A judge that was written elsewhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Judge {
    /// A reader of images and a disassembler.
    Image,
    /// The committed versions.
    Lock,
    /// Lists of what Windows PowerShell has.
    PowerShell,
    /// Microsoft's metadata, against the stand-in WDK.
    Metadata,
    /// The same, against the driver's sources.
    Names,
    /// Linux' headers, by the C compiler.
    Linux,
    /// cargo-deny.
    CargoDeny,
    /// QEMU's monitor.
    Monitor,
    /// QEMU and Bochs.
    Emulators,
    /// A second build.
    BuiltTwice,
    /// Wine.
    Wine,
}

impl Judge {
    /// All of them, the quick ones first.
    #[must_use]
    pub fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// What it judges, and by what; no two have the same name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "svmsave.sys as an image",
            Self::Lock => "the driver's packages against Cargo.lock",
            Self::PowerShell => "the scripts against Windows PowerShell 5.1",
            Self::Metadata => "the stand-in WDK against Microsoft's metadata",
            Self::Names => "the driver's names against Microsoft's metadata",
            Self::Linux => "the VMCB against Linux' svm.h",
            Self::CargoDeny => "licences and sources by cargo-deny",
            Self::Monitor => "snapshots against QEMU's monitor",
            Self::Emulators => "amd-svm on emulated processors",
            Self::BuiltTwice => "the package, built twice",
            Self::Wine => "the package under Wine",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_part_of_another() {
        for judge in Judge::all() {
            let named = Judge::all().iter();
            let named = named.filter(|other| other.name().contains(judge.name()));
            assert_eq!(named.count(), 1, "{}", judge.name());
        }
    }
}
