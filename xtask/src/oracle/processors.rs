//! `amd-svm` on processors that nobody here wrote.

use anyhow::Result;

use super::Verdict;
use crate::svm;
use crate::workspace::Workspace;

/// Prints which processor executed which intrinsic, and compares what they did.
pub fn ask(workspace: &Workspace) -> Result<Verdict> {
    let proof = svm::prove(workspace)?;
    print!("{proof}");
    let mut verdict = Verdict::default();
    for fact in proof.facts {
        let violation = fact.violation;
        verdict.add(violation.map(|found| format!("{}: {found}", fact.rule)));
    }
    Ok(verdict)
}
