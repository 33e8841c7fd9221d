//! `show` and `decode`: the layouts of a snapshot.

use std::path::PathBuf;

use clap::Args;

use super::source::{Files, Source};
use crate::model::field::Choice;
use crate::model::processor_list::Item;
use crate::model::{Field, Format, UnknownField};

/// How a snapshot is printed.
#[derive(Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct Layout {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// With --json: all of it, for --from to read back
    #[arg(long, requires = "json")]
    pub(crate) full: bool,
    /// Print comma-separated values
    #[arg(long, conflicts_with = "json")]
    pub(crate) csv: bool,
    /// Print a line of JSON for each processor
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    pub(crate) jsonl: bool,
    /// These fields alone: lstar,tr.limit; tr is all of TR
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        conflicts_with = "json"
    )]
    pub(crate) columns: Vec<Choice>,
    /// One table, however wide
    #[arg(long, conflicts_with_all = ["json", "csv", "jsonl"])]
    pub(crate) wide: bool,
    /// Print each value once, with its processors: value
    #[arg(long, value_name = "WHAT", hide_possible_values = true, conflicts_with_all = ["json", "csv", "jsonl", "wide"])]
    pub(crate) group_by: Option<GroupBy>,
    /// Print one field's bare value for each processor
    #[arg(
        long,
        value_name = "NAME",
        value_parser = field,
        conflicts_with_all = ["json", "csv", "jsonl", "columns", "wide", "group_by"]
    )]
    pub(crate) field: Option<Field>,
    /// Leave out the host's name and all true addresses
    #[arg(long)]
    pub(crate) anonymous: bool,
}

impl Layout {
    /// Whether what is absent is empty in the output, which programs read.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.csv || self.jsonl || self.field.is_some()
    }
}

/// What is folded together.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum GroupBy {
    /// Equal values of a field.
    Value,
}

#[derive(Args, Debug)]
pub(crate) struct ShowCommand {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) options: ShowOptions,
}

#[derive(Args, Debug)]
pub(crate) struct ShowOptions {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) layout: Layout,
}

#[derive(Args, Debug)]
pub(crate) struct DecodeOptions {
    /// JSON, pages, or a dump of KVM, Xen or QEMU, or a hex dump; - is standard input
    pub(crate) file: PathBuf,
    /// Take it for json, vmcb, vmsa, kvm, xen, qemu or hex, whatever it looks like
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Tell what VMRUN would refuse of the VMCB
    #[arg(long, conflicts_with_all = ["csv", "jsonl", "columns", "wide", "group_by", "field"])]
    pub(crate) vmrun: bool,
    /// These processors alone: 0,3-5, or by GROUP:NUMBER
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) processors: Vec<Item>,
    #[command(flatten)]
    pub(crate) layout: Layout,
}

fn field(name: &str) -> Result<Field, UnknownField> {
    name.parse()
}
