//! A named check and its outcome.

use std::borrow::Cow;

/// A rule and what was found against it.
#[derive(Debug)]
pub struct Check {
    /// The rule, in words.
    pub rule: Cow<'static, str>,
    /// What breaks it.
    pub violation: Option<String>,
}

impl Check {
    /// The outcome of looking whether `rule` is kept; `found` counts only if it isn't.
    #[must_use]
    pub fn new(rule: impl Into<Cow<'static, str>>, kept: bool, found: String) -> Self {
        Self {
            rule: rule.into(),
            violation: (!kept).then_some(found),
        }
    }
}
