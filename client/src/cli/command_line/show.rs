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
    ///
    /// That is what `client save` writes, too. --csv and --jsonl have all
    /// fields without it.
    #[arg(
        long,
        requires = "json",
        conflicts_with_all = ["csv", "jsonl", "columns", "wide", "group_by", "field"],
        verbatim_doc_comment
    )]
    pub(crate) full: bool,
    /// Print comma-separated values
    ///
    /// Of several files, the columns are those of every field that a snapshot
    /// can have, or those of --columns, whatever the files have: what is not
    /// recorded is empty.
    #[arg(long, conflicts_with = "json", verbatim_doc_comment)]
    pub(crate) csv: bool,
    /// Print a line of JSON for each processor
    ///
    /// Its members have the names and digits that --csv has, null for what is
    /// empty there, and each line says which machine it is of.
    #[arg(long, conflicts_with_all = ["json", "csv"], verbatim_doc_comment)]
    pub(crate) jsonl: bool,
    /// These fields alone: lstar,tr.limit; tr is all of TR
    ///
    /// A field goes by its own name, by that of AMD's manual, or by the name
    /// or number of its register: `lstar`, `MSR_LSTAR`, `0xc0000082`.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        conflicts_with = "json",
        verbatim_doc_comment
    )]
    pub(crate) columns: Vec<Choice>,
    /// One table, however wide
    #[arg(long, conflicts_with_all = ["json", "csv", "jsonl"])]
    pub(crate) wide: bool,
    /// Print each value once, with its processors: value
    #[arg(long, value_name = "WHAT", hide_possible_values = true, ignore_case = true, conflicts_with_all = ["json", "csv", "jsonl", "wide"])]
    pub(crate) group_by: Option<GroupBy>,
    /// Print one field's bare value for each processor
    ///
    /// A line for each, for scripts; empty where the value is hidden, not
    /// recorded or not captured. --columns takes several fields.
    #[arg(
        long,
        value_name = "NAME",
        value_parser = field,
        conflicts_with_all = ["json", "csv", "jsonl", "columns", "wide", "group_by"],
        verbatim_doc_comment
    )]
    pub(crate) field: Option<Field>,
    /// Leave out the host's name and all true addresses
    ///
    /// Places in modules stay, such as ntoskrnl.exe+0x42b6c0. Of several
    /// files, their names are left out too: machine-1 is the first that was
    /// read. What is wrong with a file is told by its name.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) anonymous: bool,
}

impl Layout {
    /// Whether what is absent is empty in the output, which programs read.
    pub(crate) fn is_for_programs(&self) -> bool {
        self.csv || self.jsonl || self.field.is_some()
    }

    /// Whether the fields were chosen by name.
    pub(crate) fn names_fields(&self) -> bool {
        self.field.is_some() || !self.columns.is_empty()
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
    /// JSON, pages, hex, or a dump of KVM, Xen or QEMU; - is standard input
    ///
    /// Hex dumps are those of xxd, hexdump and od, of Linux in its log, of
    /// gdb by x/, of crash by rd, and of Windows' debuggers by db, dd and dq.
    /// What xxd -b prints is not read, nor base64. Dumps are of one guest.
    #[arg(required_unless_present = "from", verbatim_doc_comment)]
    file: Option<PathBuf>,
    /// The same file, as other commands take it
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    from: Option<PathBuf>,
    /// Take it for json, vmcb, vmsa, kvm, xen, qemu or hex
    ///
    /// That is what it is then, whatever it looks like.
    #[arg(long, value_name = "FORMAT", verbatim_doc_comment)]
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

impl DecodeOptions {
    /// The file: the parser takes no command line without one.
    pub(crate) fn file(&self) -> PathBuf {
        self.file
            .as_ref()
            .or(self.from.as_ref())
            .cloned()
            .unwrap_or_default()
    }
}

fn field(name: &str) -> Result<Field, UnknownField> {
    name.parse()
}
