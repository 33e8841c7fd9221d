//! Options of most commands: where the data comes from, and how much of it is wanted.

use std::path::PathBuf;

use clap::Args;

use crate::model::Format;
use crate::model::processor_list::Item;

/// Where the data comes from, and how much of it is wanted.
#[derive(Args, Debug)]
pub(crate) struct Source {
    /// Read a saved snapshot instead; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Take files for json, vmcb, vmsa, kvm, xen, qemu, hex
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// These processors alone: 0,3-5, or by GROUP:NUMBER
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) processors: Vec<Item>,
    /// Go on even where VMSAVE may reset the host
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What most commands understand.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) source: Source,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Snapshots of many machines.
#[derive(Args, Debug, Default)]
pub(crate) struct Files {
    /// Read saved snapshots instead: files, folders with all that is in them, and patterns such as
    /// *.json; - is standard input
    #[arg(id = "files", value_name = "FILE", conflicts_with = "from")]
    pub(crate) paths: Vec<PathBuf>,
}
