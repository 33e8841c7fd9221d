//! The command line: what may be written there, and what is said when something else is.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use amd_svm::vmcb::consistency::Condition;

use crate::checks::{FindingId, Severity};
use crate::model::field::Choice;
use crate::model::processor_list::Item;
use crate::model::{Field, Format, UnknownField};

/// Shows what VMSAVE stores on every logical processor of this machine: FS, GS,
/// LDTR and TR with their hidden parts, and the registers of the system-call
/// instructions. The svmsave driver executes the instruction.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    version = VERSION.as_str(),
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP,
    verbatim_doc_comment
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: ShowOptions,
}

/// What the user wants done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints what VMSAVE stores on every processor (default)
    Show(ShowCommand),
    /// Prints whether VMSAVE is possible, and if not, why
    Status(Options),
    /// Judges the machine: prints what no healthy machine shows
    Check(CheckOptions),
    /// Prints what a finding means, and where the manual says so
    Explain(ExplainOptions),
    /// Writes a snapshot to a file that every command reads with --from
    Save(SaveOptions),
    /// Prints a saved snapshot, or bare VMCB pages from elsewhere
    Decode(DecodeOptions),
    /// Prints what differs between two snapshots, or between one and now
    Diff(DiffOptions),
    /// Takes snapshots again and again and prints what changes
    Watch(WatchOptions),
    /// Writes one HTML page to look at, with findings on top
    Report(ReportOptions),
    /// Measures snapshots: the cycles of each part, skew, round trip
    Bench(BenchOptions),
    /// Installs or replaces the driver, and starts it
    Install(InstallOptions),
    /// Removes the driver, and all that was installed with it
    Uninstall(UninstallOptions),
    /// Tests the driver on this machine, and writes a file to send back
    Selftest(SelfTestOptions),
}

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

impl Command {
    /// Whether the user takes it on themselves that a snapshot resets the host of this virtual
    /// machine, or the command executes no VMSAVE.
    pub(crate) fn may_reset_host(&self) -> bool {
        match self {
            Self::Show(command) => command.options.source.yes,
            Self::Check(options) => options.source.yes,
            Self::Save(options) => options.source.yes,
            Self::Report(options) => options.source.yes,
            Self::Watch(options) => options.source.yes,
            Self::Bench(options) => options.options.source.yes,
            Self::Diff(options) => options.comparison.options.source.yes,
            Self::Selftest(options) => options.yes,
            Self::Status(_)
            | Self::Explain(_)
            | Self::Decode(_)
            | Self::Install(_)
            | Self::Uninstall(_) => true,
        }
    }
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
    /// Print a line of JSON for each finding, and one with each verdict
    #[arg(long, conflicts_with = "json")]
    pub(crate) jsonl: bool,
    /// End with 6 for findings that are at least this bad: notice, warning, alarm
    #[arg(
        long,
        value_name = "SEVERITY",
        default_value = "warning",
        hide_possible_values = true
    )]
    pub(crate) fail_on: FailOn,
    /// Leave out findings of this name; may be repeated
    #[arg(long, value_name = "ID", value_parser = finding)]
    pub(crate) ignore: Vec<FindingId>,
    /// Judge pages from elsewhere as this system: windows
    #[arg(long = "as", value_name = "SYSTEM", hide_possible_values = true)]
    pub(crate) system: Option<System>,
    /// Leave out the host's name and all true addresses
    #[arg(long)]
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

#[derive(Args, Debug)]
pub(crate) struct ExplainOptions {
    /// The name of a finding, as `check` prints it, or of what VMRUN refuses, as `decode --vmrun`
    /// does; all are listed without one
    #[arg(value_parser = topic)]
    pub(crate) id: Option<Topic>,
}

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
pub(crate) struct DiffOptions {
    /// The snapshot before
    pub(crate) before: PathBuf,
    /// The snapshot after; without it the driver is asked now
    #[arg(conflicts_with = "from")]
    pub(crate) after: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) comparison: ComparisonOptions,
}

/// What is compared, and how the differences are printed.
#[derive(Args, Debug)]
pub(crate) struct ComparisonOptions {
    #[command(flatten)]
    pub(crate) options: Options,
    /// Compare what changes with every thread and moment too
    #[arg(long)]
    pub(crate) all: bool,
    /// Compare bare numbers, not canonical forms and places
    #[arg(long)]
    pub(crate) raw: bool,
    /// These fields alone: lstar,tr.limit; tr is all of TR
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) columns: Vec<Choice>,
}

#[derive(Args, Debug)]
pub(crate) struct WatchOptions {
    /// Time from one snapshot to the next: 500ms, 1s, 2m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    pub(crate) every: Duration,
    /// End after this time; without it, at Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub(crate) duration: Option<Duration>,
    /// Time from one sign of life to the next while nothing changes
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time)]
    pub(crate) heartbeat: Duration,
    /// Print a line of JSON for the beginning, what is not compared, each change, each sign of life
    /// and the end
    #[arg(long)]
    pub(crate) jsonl: bool,
    #[command(flatten)]
    pub(crate) source: Source,
    /// These fields alone: lstar,tr.limit; tr is all of TR
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) columns: Vec<Choice>,
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
    /// The folder of the package (default: that of this program)
    #[arg(long, value_name = "FOLDER")]
    pub(crate) package: Option<PathBuf>,
    /// Check everything and print the steps, and take none
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Turn on test signing if the package needs it; Windows is to be restarted then
    #[arg(long)]
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

/// What `--version` says: version, commit if it is known, target, protocol.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let commit = match option_env!("SVMSAVE_COMMIT") {
        Some(commit) => format!("commit {commit}, "),
        None => String::new(),
    };
    format!(
        "{} ({commit}{}, protocol {})",
        env!("CARGO_PKG_VERSION"),
        env!("SVMSAVE_TARGET"),
        protocol::VERSION
    )
});

#[derive(Args, Debug)]
pub(crate) struct SelfTestOptions {
    /// The file to write, which must not exist; a page of the same name, .html, goes beside it
    #[arg(default_value = "selftest.json")]
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
    /// After `client uninstall`: test that nothing is left, and nothing else
    #[arg(long, conflicts_with_all = ["quick", "seed"])]
    pub(crate) removed: bool,
    /// Print what files from other machines settle of docs/evidence.md
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["file", "quick", "seed", "removed"])]
    pub(crate) compare: Vec<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  client                           everything, on every processor
  client show -p 0,4-7             processors 0, 4, 5, 6 and 7
  client show -p 1:0-3             the first four processors of group 1
  client show --field lstar -p 3   one value, for scripts
  client show --group-by value     each value once, with its processors
  client check                     is this machine as it should be?
  client explain lstar-differs     what a finding means
  client save a.json               for later, or for another machine
  client check a.json b.json       what was saved, here or elsewhere
  client check --jsonl fleet/      all files of a folder, in lines for programs
  client show --from a.json        every command reads what was saved
  client diff a.json               what has changed since
  client watch --every 5s          what changes now
  client report a.html             a page to look at
  client bench                     what a snapshot costs
  client install --dry-run         what would be done, and what is in the way
  client selftest --quick          does the driver keep its word here?

Exit codes:
  0  done; nothing found, nothing differs
  1  another failure, or VMSAVE is not possible on some of the processors
  2  the command line is wrong, or names something that does not exist
  3  the driver is not running
  4  access to the driver was denied
  5  VMSAVE is not possible on this machine
  6  check has findings, diff has differences, watch has seen changes, VMRUN
     refuses what decode --vmrun was given, or a step of selftest failed
  7  nothing found, failed or different; but not everything was judged, compared
     or done
  8  a file cannot be read or written, or is no snapshot

A script that wants a clean bill takes 0 alone, one that wants no alarm takes 7
too:
  client check --fail-on alarm --ignore svm-in-use
  case $? in 0) echo clean;; 7) echo \"nothing found in what was judged\";; esac

Data goes to standard output, everything else to standard error. A reader that
closes the pipe early is no failure. COLUMNS sets the width of text, NO_COLOR
switches colour off.";

/// Reads the arguments, the program's name first.
///
/// # Errors
///
/// What to print instead of doing something: an error, or the help that was asked for.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> clap::error::Result<Command> {
    let arguments = arguments.into_iter().map(|argument| {
        if argument == "/?" {
            "--help".into()
        } else {
            argument
        }
    });
    let CommandLine { command, show } = CommandLine::try_parse_from(arguments)?;
    Ok(command.unwrap_or_else(|| {
        Command::Show(ShowCommand {
            files: Files::default(),
            options: show,
        })
    }))
}

/// The error in one line, where clap would take a paragraph.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let paragraph = error.to_string();
    let mut lines = paragraph.lines();
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    // What is missing stands on a line of its own.
    let rest = message.ends_with(':').then(|| lines.next()).flatten();
    let message = format!(
        "{message}{}",
        rest.map_or("", |rest| rest.get(1..).unwrap_or_default())
    );
    let tip = lines.find_map(|line| line.trim_start().strip_prefix("tip: "));
    match tip {
        Some(tip) => format!("{message} ({tip}); see `client --help`"),
        None => format!("{message}; see `client --help`"),
    }
}

/// The command line as a description, from which other things are made.
#[cfg(feature = "generate")]
pub(crate) fn description() -> clap::Command {
    <CommandLine as clap::CommandFactory>::command()
}

/// A time as people write it, neither too short to sleep for nor too long to add up.
fn time(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_hours(24 * 366);
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if (SHORTEST..=LONGEST).contains(&time) {
        Ok(time)
    } else {
        Err("it is not between 1ms and 1y".to_owned())
    }
}

fn field(name: &str) -> Result<Field, UnknownField> {
    name.parse()
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
    match Condition::named(name) {
        Some(condition) => Ok(Topic::Condition(condition)),
        None => finding(name).map(Topic::Finding),
    }
}

fn finding(name: &str) -> Result<FindingId, String> {
    name.parse()
        .map_err(|error| format!("{error}; `client explain` lists them"))
}
