//! Why a guest exited.

use core::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The exit code of a guest: an open enumeration, for processors add to it.
///
/// Displayed by the manual's name without `VMEXIT_`, and as a number if it has none here.
/// Source: APM volume 2, appendix C.
#[repr(transparent)]
#[derive(
    Clone, Copy, Debug, Default, Eq, FromBytes, Hash, Immutable, IntoBytes, KnownLayout, PartialEq,
)]
pub struct ExitCode(pub u64);

/// Defines the codes that stand alone, and their names.
macro_rules! exit_codes {
    ($($name:ident = $code:expr;)+) => {
        impl ExitCode {
            $(
                #[doc = concat!("`VMEXIT_", stringify!($name), "`.")]
                pub const $name: Self = Self($code);
            )+

            /// The name of a code that stands alone.
            const fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)+
                    _ => None,
                }
            }
        }
    };
}

exit_codes! {
    INTR = 0x60;
    NMI = 0x61;
    SMI = 0x62;
    INIT = 0x63;
    VINTR = 0x64;
    CR0_SEL_WRITE = 0x65;
    IDTR_READ = 0x66;
    GDTR_READ = 0x67;
    LDTR_READ = 0x68;
    TR_READ = 0x69;
    IDTR_WRITE = 0x6a;
    GDTR_WRITE = 0x6b;
    LDTR_WRITE = 0x6c;
    TR_WRITE = 0x6d;
    RDTSC = 0x6e;
    RDPMC = 0x6f;
    PUSHF = 0x70;
    POPF = 0x71;
    CPUID = 0x72;
    RSM = 0x73;
    IRET = 0x74;
    SWINT = 0x75;
    INVD = 0x76;
    PAUSE = 0x77;
    HLT = 0x78;
    INVLPG = 0x79;
    INVLPGA = 0x7a;
    IOIO = 0x7b;
    MSR = 0x7c;
    TASK_SWITCH = 0x7d;
    FERR_FREEZE = 0x7e;
    SHUTDOWN = 0x7f;
    VMRUN = 0x80;
    VMMCALL = 0x81;
    VMLOAD = 0x82;
    VMSAVE = 0x83;
    STGI = 0x84;
    CLGI = 0x85;
    SKINIT = 0x86;
    RDTSCP = 0x87;
    ICEBP = 0x88;
    WBINVD = 0x89;
    MONITOR = 0x8a;
    MWAIT = 0x8b;
    MWAIT_CONDITIONAL = 0x8c;
    XSETBV = 0x8d;
    RDPRU = 0x8e;
    EFER_WRITE_TRAP = 0x8f;
    INVLPGB = 0xa0;
    INVLPGB_ILLEGAL = 0xa1;
    INVPCID = 0xa2;
    MCOMMIT = 0xa3;
    TLBSYNC = 0xa4;
    BUSLOCK = 0xa5;
    IDLE_HLT = 0xa6;
    NPF = 0x400;
    AVIC_INCOMPLETE_IPI = 0x401;
    AVIC_NOACCEL = 0x402;
    VMGEXIT = 0x403;
    INVALID = u64::MAX;
    BUSY = u64::MAX - 1;
    IDLE_REQUIRED = u64::MAX - 2;
    INVALID_PMC = u64::MAX - 3;
}

/// Codes that come in rows: the first, how many, and what stands before and behind the number.
const ROWS: [(u64, u64, &str, &str); 6] = [
    (0x00, 16, "CR", "_READ"),
    (0x10, 16, "CR", "_WRITE"),
    (0x20, 16, "DR", "_READ"),
    (0x30, 16, "DR", "_WRITE"),
    (0x40, 32, "EXCP", ""),
    (0x90, 16, "CR", "_WRITE_TRAP"),
];

impl ExitCode {
    /// The exit of an exception's vector, 0 to 31.
    #[must_use]
    pub const fn exception(vector: u8) -> Self {
        Self(0x40 + (vector & 31) as u64)
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            return f.write_str(name);
        }
        for (first, count, before, behind) in ROWS {
            if (first..first + count).contains(&self.0) {
                return write!(f, "{before}{}{behind}", self.0 - first);
            }
        }
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, string::ToString as _};

    use super::*;

    #[test]
    fn codes_have_the_names_and_values_of_appendix_c() {
        for (code, name) in [
            (0x00, "CR0_READ"),
            (0x1F, "CR15_WRITE"),
            (0x27, "DR7_READ"),
            (0x4E, "EXCP14"),
            (0x60, "INTR"),
            (0x6E, "RDTSC"),
            (0x72, "CPUID"),
            (0x7B, "IOIO"),
            (0x7F, "SHUTDOWN"),
            (0x80, "VMRUN"),
            (0x81, "VMMCALL"),
            (0x83, "VMSAVE"),
            (0x8D, "XSETBV"),
            (0x8F, "EFER_WRITE_TRAP"),
            (0x90, "CR0_WRITE_TRAP"),
            (0xA2, "INVPCID"),
            (0x400, "NPF"),
            (0x403, "VMGEXIT"),
            (u64::MAX, "INVALID"),
            (0x404, "0x404"),
        ] {
            assert_eq!(ExitCode(code).to_string(), name);
        }
        assert_eq!(ExitCode::exception(14), ExitCode(0x4E));
    }

    #[test]
    fn no_two_codes_share_a_name() {
        let names: BTreeSet<_> = (0..0x500).map(|code| ExitCode(code).to_string()).collect();
        assert_eq!(names.len(), 0x500);
    }
}
