//! Why a guest exited.

use core::fmt;

use bytemuck::{Pod, Zeroable};

use super::Exception;

/// The exit code of a guest: an open enumeration, for processors add to it.
///
/// Displayed by the manual's name without `VMEXIT_`, and as a number if it has none here. The four
/// negative codes are 64 bits long; some software shows or stores their lower half only, and that
/// is displayed by their names too: see [`widened`](Self::widened). Source: APM volume 2,
/// appendix C.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Pod, Zeroable)]
pub struct ExitCode(pub u64);

/// Defines the codes that stand alone, and their names.
macro_rules! exit_codes {
    ($($name:ident = $code:expr;)+) => {
        impl ExitCode {
            $(
                #[doc = concat!("`VMEXIT_", stringify!($name), "`.")]
                pub const $name: Self = Self($code);
            )+

            /// The codes that stand alone, in ascending order.
            const ALONE: &[(Self, &str)] = &[$((Self::$name, stringify!($name))),+];
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

/// What an exit is, of the codes that come in rows with a number in them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ExitKind {
    /// A read of a control register.
    CrRead(u8),
    /// A write of a control register.
    CrWrite(u8),
    /// A read of a debug register.
    DrRead(u8),
    /// A write of a debug register.
    DrWrite(u8),
    /// An exception.
    Exception(Exception),
    /// A write of a control register, behind the instruction.
    CrWriteTrap(u8),
    /// A code that stands alone, or is unknown here.
    Other(ExitCode),
}

/// The rows: the first code, how many, and what stands before and behind the number in the name.
const ROWS: [(u64, u8, &str, &str); 6] = [
    (0x00, 16, "CR", "_READ"),
    (0x10, 16, "CR", "_WRITE"),
    (0x20, 16, "DR", "_READ"),
    (0x30, 16, "DR", "_WRITE"),
    (0x40, 32, "EXCP", ""),
    (0x90, 16, "CR", "_WRITE_TRAP"),
];

impl ExitKind {
    /// The code of the exit; `None` if there is no register of that number, of which 0 to 15 exist.
    #[must_use]
    pub const fn code(self) -> Option<ExitCode> {
        let (first, number) = match self {
            Self::CrRead(register) => (0x00, register),
            Self::CrWrite(register) => (0x10, register),
            Self::DrRead(register) => (0x20, register),
            Self::DrWrite(register) => (0x30, register),
            Self::CrWriteTrap(register) => (0x90, register),
            Self::Exception(exception) => {
                return Some(ExitCode(0x40 + exception.vector() as u64));
            }
            Self::Other(code) => return Some(code),
        };
        if number < 16 {
            Some(ExitCode(first + number as u64))
        } else {
            None
        }
    }
}

impl ExitCode {
    /// The exit of an exception's vector; `None` above 31, where interrupts begin.
    ///
    /// ```
    /// use amd_svm::vmcb::ExitCode;
    ///
    /// assert_eq!(ExitCode::exception(14), Some(ExitCode(0x4E)));
    /// assert_eq!(ExitCode::exception(40), None);
    /// assert_eq!(ExitCode(0x4E).vector(), Some(14));
    /// ```
    #[must_use]
    pub const fn exception(vector: u8) -> Option<Self> {
        match Exception::new(vector) {
            Some(exception) => ExitKind::Exception(exception).code(),
            None => None,
        }
    }

    /// What the exit is, with the number that is in its code.
    ///
    /// [`ExitKind::code`] is the way back, for every code.
    #[must_use]
    pub const fn kind(self) -> ExitKind {
        let register = (self.0 & 0xF) as u8;
        match self.0 {
            0x00..=0x0F => ExitKind::CrRead(register),
            0x10..=0x1F => ExitKind::CrWrite(register),
            0x20..=0x2F => ExitKind::DrRead(register),
            0x30..=0x3F => ExitKind::DrWrite(register),
            0x90..=0x9F => ExitKind::CrWriteTrap(register),
            #[expect(clippy::cast_possible_truncation, reason = "at most 31")]
            0x40..=0x5F => match Exception::new((self.0 - 0x40) as u8) {
                Some(exception) => ExitKind::Exception(exception),
                None => ExitKind::Other(self),
            },
            _ => ExitKind::Other(self),
        }
    }

    /// The vector of the exception that exited, if one did.
    #[must_use]
    pub const fn vector(self) -> Option<u8> {
        match self.kind() {
            ExitKind::Exception(exception) => Some(exception.vector()),
            _ => None,
        }
    }

    /// The code with all 64 bits, if it is the lower half of one of the four negative ones: KVM's
    /// dump prints 32 bits, and QEMU 7.2 stores no more.
    ///
    /// ```
    /// use amd_svm::vmcb::ExitCode;
    ///
    /// assert_eq!(ExitCode(0xFFFF_FFFF).widened(), ExitCode::INVALID);
    /// assert!(ExitCode(0xFFFF_FFFF).is_invalid() && ExitCode::INVALID.is_invalid());
    /// assert_eq!(ExitCode::CPUID.widened(), ExitCode::CPUID);
    /// ```
    #[must_use]
    pub const fn widened(self) -> Self {
        match self.0 {
            0xFFFF_FFFC..=0xFFFF_FFFF => Self(self.0 | 0xFFFF_FFFF_0000_0000),
            _ => self,
        }
    }

    /// Whether VMRUN refused the VMCB: [`INVALID`](Self::INVALID) in either length.
    #[must_use]
    pub const fn is_invalid(self) -> bool {
        self.widened().0 == Self::INVALID.0
    }

    /// The code of a name as [`Display`](fmt::Display) gives it, with or without `VMEXIT_`.
    ///
    /// ```
    /// use amd_svm::vmcb::ExitCode;
    ///
    /// assert_eq!(ExitCode::named("VMEXIT_CPUID"), Some(ExitCode::CPUID));
    /// assert_eq!(ExitCode::named("EXCP14"), ExitCode::exception(14));
    /// assert_eq!(ExitCode::named("EXCP40"), None);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.strip_prefix("VMEXIT_").unwrap_or(name);
        let alone = Self::ALONE.iter().find(|(_, known)| *known == name);
        let row = |&(first, count, before, behind): &(u64, u8, &str, &str)| {
            let number = name.strip_prefix(before)?.strip_suffix(behind)?;
            let plain = number == "0" || !number.starts_with(['0', '+']);
            let number: u8 = number
                .parse()
                .ok()
                .filter(|number| plain && *number < count)?;
            Some(Self(first + u64::from(number)))
        };
        alone
            .map(|(code, _)| *code)
            .or_else(|| ROWS.iter().find_map(row))
    }
}

impl fmt::Display for ExitCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.widened();
        if let Some((_, name)) = Self::ALONE.iter().find(|(known, _)| *known == code) {
            return f.pad(name);
        }
        for (first, count, before, behind) in ROWS {
            if (first..first + u64::from(count)).contains(&code.0) {
                return write!(f, "{before}{}{behind}", code.0 - first);
            }
        }
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::string::ToString as _;

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
    }

    #[test]
    fn a_code_goes_to_its_kind_and_its_name_and_back() {
        let negative = (u64::MAX - 9)..=u64::MAX;
        for code in (0..0x500).chain(negative).map(ExitCode) {
            assert_eq!(code.kind().code(), Some(code));
            let name = code.to_string();
            let named = ExitCode::named(&name);
            assert_eq!(named.is_none(), name.starts_with("0x"), "{name}");
            assert!(named.is_none_or(|named| named == code), "{name}");
        }
        for register in 16..=u8::MAX {
            assert_eq!(ExitKind::CrRead(register).code(), None);
            assert_eq!(ExitCode::named(&std::format!("CR{register}_READ")), None);
        }
        for (vector, exists) in (0..=u8::MAX).map(|vector| (vector, vector < 32)) {
            assert_eq!(ExitCode::exception(vector).is_some(), exists);
            let back = ExitCode::exception(vector).and_then(ExitCode::vector);
            assert_eq!(back.is_some_and(|back| back == vector), exists);
        }
        for name in ["", "CR_READ", "CR00_READ", "CR+1_READ", "EXCP32", "cpuid"] {
            assert_eq!(ExitCode::named(name), None, "{name}");
        }
    }

    #[test]
    fn the_lower_half_of_a_negative_code_has_its_name() {
        for (half, name) in [
            (0xFFFF_FFFF, "INVALID"),
            (0xFFFF_FFFE, "BUSY"),
            (0xFFFF_FFFD, "IDLE_REQUIRED"),
            (0xFFFF_FFFC, "INVALID_PMC"),
            (0xFFFF_FFFB, "0xfffffffb"),
        ] {
            assert_eq!(ExitCode(half).to_string(), name);
        }
        assert!(!ExitCode(0xFFFF_FFFE).is_invalid());
    }

    #[test]
    fn no_two_codes_share_a_name() {
        let names: BTreeSet<_> = (0..0x500).map(|code| ExitCode(code).to_string()).collect();
        assert_eq!(names.len(), 0x500);
    }
}
