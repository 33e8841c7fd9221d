//! The versions that the driver is built from, against the committed Cargo.lock.

use anyhow::Result;
use wdk_linux::host::Workspace;
use xtask::artifact::driver;

use crate::Verdict;

/// Every package of the driver's build has to be one of the committed lock.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for (package, committed) in driver::prepare(workspace)?.packages()? {
        verdict.add((!committed).then(|| format!("{package} is not in Cargo.lock")));
    }
    Ok(verdict)
}
