//! What `-h`, `--help` and `--version` say beside the options.

use std::sync::LazyLock;

/// What `--version` says: version, commit if it is known, target, protocol.
pub(super) static VERSION: LazyLock<String> = LazyLock::new(|| {
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

/// The end of the short help.
pub(super) const AFTER_HELP: &str = "\
Examples:
  client                 everything, on every processor
  client check           is this machine as it should be?
  client check a.json    the same of what was saved
  client help check      all about a command

`client --help` has more examples, and the exit codes.";

/// The end of the long help.
pub(super) const AFTER_LONG_HELP: &str = "\
Options stand before or behind the command. `client help COMMAND` tells all
about a command, `client COMMAND -h` tells it in short.

Examples:
  client                           everything, on every processor
  client show -p 0,4-7             processors 0, 4, 5, 6 and 7
  client show -p 1:0-3             the first four processors of group 1
  client show --field lstar -p 3   one value, for scripts
  client show --group-by value     each value once, with its processors
  client check                     is this machine as it should be?
  client check --quiet             findings alone, and nothing if there are none
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
  0  done; nothing found at or above --fail-on, nothing differs
  1  another failure, or VMSAVE is not possible on some of the processors
  2  the command line is wrong, or names something that does not exist
  3  the driver is not running
  4  access to the driver was denied
  5  VMSAVE is not possible on this machine
  6  check has findings at or above --fail-on, diff has differences, watch has
     seen changes, VMRUN refuses what decode --vmrun was given, or a step of
     selftest failed
  7  nothing of that; but not everything was judged, compared or done
  8  a file cannot be read or written, or is no snapshot

A script that wants a clean bill takes 0 alone, one that wants no alarm takes 7
too:
  client check --fail-on alarm --ignore svm-in-use
  case $? in 0) echo clean;; 7) echo \"nothing found in what was judged\";; esac

Data goes to standard output, everything else to standard error. A reader that
closes the pipe early is no failure; check of many files ends with 6 then if
there were findings, and otherwise not with 0. COLUMNS sets the width of text;
NO_COLOR, CLICOLOR and CLICOLOR_FORCE switch colours, as --color does.";
