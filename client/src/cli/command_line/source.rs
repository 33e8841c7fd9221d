//! Options of most commands: where the data comes from, and how much of it is wanted.

use std::path::PathBuf;

use clap::Args;

use crate::model::Format;
use crate::model::processor_list::Item;

/// Where the data comes from, and how much of it is wanted.
#[derive(Args, Debug)]
pub(crate) struct Source {
    /// Read a saved snapshot instead; - is standard input
    ///
    /// No driver is needed then, nor Windows. The file is JSON, as `client
    /// save` writes it, or VMCB pages, a dump of KVM, Xen or QEMU, or a hex
    /// dump: what it is is seen from what it contains.
    #[arg(long, value_name = "FILE", verbatim_doc_comment)]
    pub(crate) from: Option<PathBuf>,
    /// Take files for json, vmcb, vmsa, kvm, xen, qemu, hex
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// These processors alone: 0,3-5, or by GROUP:NUMBER
    ///
    /// Without it all are meant. Numbers alone count through all groups,
    /// from 0. What is judged is always the whole machine; -p chooses what
    /// is shown of it.
    #[arg(
        short,
        long,
        value_name = "LIST",
        value_delimiter = ',',
        verbatim_doc_comment
    )]
    pub(crate) processors: Vec<Item>,
    /// Go on even where VMSAVE may reset the host
    ///
    /// Some processors reset the host of a virtual machine, with all that
    /// runs on it, when VMSAVE is executed there (CVE-2024-53114). Ask who
    /// runs the host first.
    #[arg(long, verbatim_doc_comment)]
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
    /// Read saved snapshots instead: files, folders, patterns like *.json
    ///
    /// A folder stands for all files in it and below it; - is standard input.
    /// No link to a folder is followed there, and no pipe or device read.
    /// Each is read by itself, whatever is wrong with the others.
    #[arg(
        id = "files",
        value_name = "FILE",
        conflicts_with = "from",
        verbatim_doc_comment
    )]
    pub(crate) paths: Vec<PathBuf>,
}
