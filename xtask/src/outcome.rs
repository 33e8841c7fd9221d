//! What a part of the tests counted, and what it has to say.

use anyhow::Result;
use xtask::check::Check;

/// What one task counted and has to say.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Tests and checks that passed.
    pub passed: u32,
    /// Those of them that were not run again.
    pub passed_before: u32,
    /// Tests and checks that failed.
    pub failed: u32,
    /// What is printed when the task has ended.
    pub text: String,
}

impl Outcome {
    /// Counts a check, and tells what was found against it.
    pub(crate) fn judge(&mut self, rule: &str, violation: Option<String>) {
        match violation {
            None => self.passed += 1,
            Some(violation) => {
                self.failed += 1;
                self.say(&format!("FAILED  {rule}: {violation}"));
            }
        }
    }

    /// Adds a line to what is printed.
    pub(crate) fn say(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A step that either succeeds or says why it does not.
    pub(crate) fn of(what: &str, result: Result<()>) -> Self {
        let mut outcome = Self::default();
        outcome.judge(what, result.err().map(|error| format!("{error:#}")));
        outcome
    }

    /// Checks, each counted.
    pub(crate) fn of_checks(checks: Vec<Check>) -> Self {
        let mut outcome = Self::default();
        for check in checks {
            outcome.judge(&check.rule, check.violation);
        }
        outcome
    }
}
