//! `svmsave.sys` as a file, through a library that knows what an image has to be.

use anyhow::Result;

use super::Verdict;
use crate::artifact::{self, Profile};
use crate::image::rules::Facts;
use crate::workspace::Workspace;

/// Builds the package as it is shipped, and checks its image.
pub fn ask(workspace: &Workspace) -> Result<Verdict> {
    let package = artifact::build_package(workspace, Profile::Release)?;
    let checks = Facts::of_file(&package.driver)?.check(Profile::Release);
    Ok(checks.into_iter().collect())
}
