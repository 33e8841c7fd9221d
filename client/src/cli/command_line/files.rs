//! `save` and `report`: what is written to a file.

use std::path::PathBuf;

use clap::Args;

use super::source::Source;

#[derive(Args, Debug)]
pub(crate) struct SaveOptions {
    /// The file to write; - is standard output
    pub(crate) file: PathBuf,
    /// Replace a snapshot that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Write the bare VMCB pages, 4096 bytes for each processor
    #[arg(long)]
    pub(crate) raw: bool,
    /// Leave out the host's name and all true addresses
    #[arg(long)]
    pub(crate) anonymous: bool,
    #[command(flatten)]
    pub(crate) source: Source,
}

#[derive(Args, Debug)]
pub(crate) struct ReportOptions {
    /// The page to write; - is standard output
    pub(crate) file: PathBuf,
    /// Replace a snapshot that is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Leave out the host's name and all true addresses
    #[arg(long)]
    pub(crate) anonymous: bool,
    #[command(flatten)]
    pub(crate) source: Source,
}
