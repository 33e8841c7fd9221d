//! `svmsave.sys` as a file, through a library that knows what an image has to be.

#[cfg(all(test, feature = "boot"))]
mod damage;
mod exceptions;
pub mod rules;

use anyhow::Result;
use wdk_linux::host::Workspace;
use xtask::artifact::{self, Profile};

#[cfg(all(test, feature = "boot"))]
pub(crate) use self::damage::remove_guards;
use self::rules::Facts;
use crate::Verdict;

/// Builds the driver as it is shipped, and with checks, and judges both images.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    let shipped = artifact::build_driver(workspace, Profile::Release)?;
    let checked = artifact::build_checked_driver(workspace)?;
    let checks = Facts::of_file(&shipped)?.check(Profile::Release);
    let mut verdict: Verdict = checks.into_iter().collect();
    let checks = Facts::of_file(&checked)?.check(Profile::Dev);
    verdict.absorb("with checks", checks.into_iter().collect());
    Ok(verdict)
}
