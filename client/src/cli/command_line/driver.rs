//! `bench`, `install`, `uninstall` and `selftest`: the driver itself.

use std::path::PathBuf;

use clap::Args;

use super::source::Options;

#[derive(Args, Debug)]
pub(crate) struct BenchOptions {
    /// How many snapshots to take
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 100,
        value_parser = clap::value_parser!(u16).range(1..=1000),
        conflicts_with = "from"
    )]
    pub(crate) rounds: u16,
    #[command(flatten)]
    pub(crate) options: Options,
}

#[derive(Args, Debug)]
pub(crate) struct InstallOptions {
    /// The package's folder (default: that of this program)
    #[arg(long, value_name = "FOLDER")]
    pub(crate) package: Option<PathBuf>,
    /// Check everything and print the steps, and take none
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Turn on test signing if the package needs it
    ///
    /// Windows is to be restarted then.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) test_signing: bool,
    /// Install even where no processor lets VMSAVE be used
    #[arg(long)]
    pub(crate) without_svm: bool,
}

#[derive(Args, Debug)]
pub(crate) struct UninstallOptions {
    /// Print the steps, and take none
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SelfTestOptions {
    /// The file to write, which must not exist
    ///
    /// A page of the same name, .html, goes beside it.
    #[arg(default_value = "selftest.json", verbatim_doc_comment)]
    pub(crate) file: PathBuf,
    /// One minute in place of ten: everything less often
    #[arg(long)]
    pub(crate) quick: bool,
    /// Make the random requests of this run again
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u32>,
    /// Go on even where VMSAVE may reset the host
    #[arg(long)]
    pub(crate) yes: bool,
    /// After `client uninstall`: test that nothing is left
    ///
    /// Nothing else is tested then.
    #[arg(long, verbatim_doc_comment, conflicts_with_all = ["quick", "seed"])]
    pub(crate) removed: bool,
    /// Print what files settle of docs/evidence.md
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["file", "quick", "seed", "removed"])]
    pub(crate) compare: Vec<PathBuf>,
}
