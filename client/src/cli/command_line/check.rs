//! `check` and `explain`: what is judged, what counts, and what there is to look up.

use amd_svm::vmcb::consistency::Condition;
use clap::Args;

use super::source::{Files, Source};
use crate::checks::{FindingId, Severity};
use crate::model::nearest;

/// What is judged, and what counts.
#[derive(Args, Debug)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    pub(crate) files: Files,
    #[command(flatten)]
    pub(crate) source: Source,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print lines of JSON: each finding, and the verdict
    #[arg(long, conflicts_with = "json")]
    pub(crate) jsonl: bool,
    /// The least that ends with 6: notice, warning, alarm
    ///
    /// It is `warning` otherwise. What is less bad is told all the same.
    #[arg(
        long,
        value_name = "SEVERITY",
        default_value = "warning",
        hide_default_value = true,
        hide_possible_values = true,
        ignore_case = true,
        verbatim_doc_comment
    )]
    pub(crate) fail_on: FailOn,
    /// Leave out findings by name: svm-in-use,tr-limit-wide
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = finding)]
    pub(crate) ignore: Vec<FindingId>,
    /// Judge pages from elsewhere as this system: windows
    ///
    /// VMCB pages are judged by the rules that hold for any system; this adds
    /// those of a running Windows. What its driver took is always judged so.
    #[arg(
        long = "as",
        value_name = "SYSTEM",
        hide_possible_values = true,
        ignore_case = true,
        verbatim_doc_comment
    )]
    pub(crate) system: Option<System>,
    /// Leave out the host's name and all true addresses
    ///
    /// Of several files, their names are left out too: machine-1 is the first
    /// that was read. What is wrong with a file is told by its name.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) anonymous: bool,
}

/// The least bad finding that is a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum FailOn {
    Notice,
    Warning,
    Alarm,
}

impl From<FailOn> for Severity {
    fn from(fail_on: FailOn) -> Self {
        match fail_on {
            FailOn::Notice => Self::Notice,
            FailOn::Warning => Self::Warning,
            FailOn::Alarm => Self::Alarm,
        }
    }
}

/// A system whose rules are presumed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum System {
    /// A running Windows on x64.
    Windows,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainOptions {
    /// What `check` or `decode --vmrun` found; without it all are listed
    ///
    /// That is the name of a finding, as `check` prints it, or of what VMRUN
    /// refuses, as `decode --vmrun` does.
    #[arg(value_parser = topic, verbatim_doc_comment)]
    pub(crate) id: Option<Topic>,
}

/// What can be explained.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Topic {
    /// A kind of finding.
    Finding(FindingId),
    /// What VMRUN refuses.
    Condition(Condition),
}

fn topic(name: &str) -> Result<Topic, String> {
    let lower = name.to_ascii_lowercase();
    if let Some(condition) = Condition::named(&lower) {
        return Ok(Topic::Condition(condition));
    }
    name.parse().map(Topic::Finding).map_err(|_| {
        let conditions = Condition::ALL.into_iter().map(Condition::identifier);
        let mut names = FindingId::all().map(FindingId::name).chain(conditions);
        let near = nearest::in_words(name, &mut names, str::to_ascii_lowercase);
        let near = near.map_or(String::new(), |near| format!("; {near}"));
        format!("there is no finding or condition of this name{near}; `client explain` lists them")
    })
}

fn finding(name: &str) -> Result<FindingId, String> {
    name.parse()
        .map_err(|error| format!("{error}; `client explain` lists them"))
}
