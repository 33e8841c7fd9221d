//! Exceptions by their vectors, and which of them push an error code.

use core::fmt;

/// The vector of an exception, 0 to 31.
///
/// Displayed by the manual's mnemonic, and by the number of a vector that has none. Source: APM
/// volume 2, section 8.2, table 8-1.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Exception(u8);

/// Defines the exceptions that have a mnemonic.
macro_rules! exceptions {
    ($($name:ident = $vector:literal, $mnemonic:literal, $meaning:literal;)+) => {
        impl Exception {
            $(
                #[doc = concat!("`", $mnemonic, "`: ", $meaning, ".")]
                pub const $name: Self = Self($vector);
            )+

            /// The manual's mnemonic: `#PF`. `None` for a vector that is reserved.
            #[must_use]
            pub const fn mnemonic(self) -> Option<&'static str> {
                match self.0 {
                    $($vector => Some($mnemonic),)+
                    _ => None,
                }
            }
        }
    };
}

exceptions! {
    DIVIDE = 0, "#DE", "a division by zero, or with a quotient that does not fit";
    DEBUG = 1, "#DB", "a breakpoint of the debug registers, or a single step";
    BREAKPOINT = 3, "#BP", "INT3";
    OVERFLOW = 4, "#OF", "INTO";
    BOUND_RANGE = 5, "#BR", "BOUND";
    INVALID_OPCODE = 6, "#UD", "an instruction that is none, or not here";
    DEVICE_NOT_AVAILABLE = 7, "#NM", "a floating-point instruction while that is switched off";
    DOUBLE_FAULT = 8, "#DF", "a second exception on the way to the first one's handler";
    INVALID_TSS = 10, "#TS", "a task state segment that cannot be used";
    SEGMENT_NOT_PRESENT = 11, "#NP", "a segment that is not present";
    STACK = 12, "#SS", "a stack access beyond the limit, or not canonical";
    GENERAL_PROTECTION = 13, "#GP", "what is not permitted otherwise";
    PAGE_FAULT = 14, "#PF", "a translation that is missing or does not permit the access";
    FLOATING_POINT = 16, "#MF", "an x87 exception that is pending";
    ALIGNMENT_CHECK = 17, "#AC", "an access that is not aligned";
    MACHINE_CHECK = 18, "#MC", "an error of the hardware";
    SIMD_FLOATING_POINT = 19, "#XF", "an SSE floating-point exception";
    CONTROL_PROTECTION = 21, "#CP", "a return or a shadow stack that does not match";
    HYPERVISOR_INJECTION = 28, "#HV", "an event that the hypervisor sends to an SEV-SNP guest";
    VMM_COMMUNICATION = 29, "#VC", "what an SEV-ES guest has to ask its hypervisor for";
    SECURITY = 30, "#SX", "an INIT that was converted, or another event of that kind";
}

/// The vectors that push an error code, by their bits.
const WITH_ERROR_CODE: u32 = 1 << 8
    | 1 << 10
    | 1 << 11
    | 1 << 12
    | 1 << 13
    | 1 << 14
    | 1 << 17
    | 1 << 21
    | 1 << 29
    | 1 << 30;

impl Exception {
    /// The exception of a vector; `None` above 31, where interrupts begin.
    ///
    /// ```
    /// use amd_svm::vmcb::Exception;
    ///
    /// assert_eq!(Exception::new(14), Some(Exception::PAGE_FAULT));
    /// assert_eq!(Exception::new(40), None);
    /// ```
    #[must_use]
    pub const fn new(vector: u8) -> Option<Self> {
        if vector < 32 {
            Some(Self(vector))
        } else {
            None
        }
    }

    /// The vector, 0 to 31.
    #[must_use]
    pub const fn vector(self) -> u8 {
        self.0
    }

    /// Whether the processor pushes an error code before it enters the handler.
    #[must_use]
    pub const fn pushes_error_code(self) -> bool {
        WITH_ERROR_CODE >> self.0 & 1 == 1
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mnemonic() {
            Some(mnemonic) => f.pad(mnemonic),
            None => write!(f, "vector {}", self.0),
        }
    }
}

impl fmt::Debug for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;
    use std::vec::Vec;

    use super::*;

    #[test]
    fn an_exception_is_one_of_32_and_ten_of_them_push_an_error_code() {
        let all: Vec<_> = (0..=u8::MAX).filter_map(Exception::new).collect();
        assert_eq!(all.len(), 32);
        let with = all.iter().filter(|one| one.pushes_error_code());
        let names: Vec<_> = with.map(ToString::to_string).collect();
        let expected = [
            "#DF", "#TS", "#NP", "#SS", "#GP", "#PF", "#AC", "#CP", "#VC", "#SX",
        ];
        assert_eq!(names, expected);
        assert_eq!(Exception::new(9).unwrap().to_string(), "vector 9");
    }
}
