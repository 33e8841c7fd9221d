//! What is wanted of an installation.

use std::path::PathBuf;

/// What is wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// The folder of the package; that of this program without it.
    pub(crate) package: Option<PathBuf>,
    /// Say what would be done, and do nothing.
    pub(crate) dry_run: bool,
    /// Turn test signing on where the package needs it.
    pub(crate) test_signing: bool,
    /// Install where nothing lets VMSAVE be executed, too.
    pub(crate) without_svm: bool,
}
