//! How bad a finding is.

use std::fmt;

/// How bad a finding is; the worst comes first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// No healthy machine shows this: it was changed, or is emulated wrongly.
    Alarm,
    /// Unusual; there may be a good reason.
    Warning,
    /// Worth knowing.
    Notice,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alarm => "alarm",
            Self::Warning => "warning",
            Self::Notice => "notice",
        })
    }
}
