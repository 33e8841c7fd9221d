//! `save` and `report`: what is written to a file.

use std::path::PathBuf;

use clap::Args;

use super::source::Source;

#[derive(Args, Debug)]
pub(crate) struct SaveOptions {
    /// The file to write; - is standard output
    pub(crate) file: PathBuf,
    /// Replace a file that is there
    ///
    /// With it, the name may be a page's, too: .html.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) force: bool,
    /// Write the bare VMCB pages, 4096 bytes per processor
    ///
    /// Pages are numbered from 0, whichever processors they are of. Where
    /// values are hidden none is written.
    #[arg(long, verbatim_doc_comment)]
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
    /// Replace a file that is there
    ///
    /// An older page of this command is replaced without it. With it, the
    /// name may be a snapshot's, too: .json, .vmcb, .vmsa.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) force: bool,
    /// Leave out the host's name and all true addresses
    #[arg(long)]
    pub(crate) anonymous: bool,
    #[command(flatten)]
    pub(crate) source: Source,
}
