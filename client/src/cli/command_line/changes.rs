//! `diff` and `watch`: what is compared, and when.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::source::{Options, Source};
use crate::model::field::Choice;

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
    /// Between snapshots: 500ms, 1s, 2m
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    pub(crate) every: Duration,
    /// End after this time; without it, at Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub(crate) duration: Option<Duration>,
    /// Between signs of life without changes
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = time)]
    pub(crate) heartbeat: Duration,
    /// Print lines of JSON: changes, and what is beside them
    ///
    /// That is the beginning, what is not compared, each sign of life and the
    /// end.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) jsonl: bool,
    #[command(flatten)]
    pub(crate) source: Source,
    /// These fields alone: lstar,tr.limit; tr is all of TR
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) columns: Vec<Choice>,
}

/// A time as people write it, neither too short to sleep for nor too long to add up.
fn time(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(1);
    const LONGEST: Duration = Duration::from_hours(24 * 366);
    let time = humantime::parse_duration(text)
        .map_err(|_| "a number and its unit are needed, for example 5s or 500ms")?;
    if (SHORTEST..=LONGEST).contains(&time) {
        Ok(time)
    } else {
        Err("it is not between 1ms and 1y".to_owned())
    }
}
