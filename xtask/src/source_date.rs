//! The date of the sources, which stands wherever a package says when it was made: the same sources
//! make the same package.

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, QUERY_LIMIT};

/// A moment, to the second.
#[derive(Clone, Copy)]
pub struct SourceDate(Duration);

impl SourceDate {
    /// `SOURCE_DATE_EPOCH`, or the date of the last commit, or now if neither is known.
    ///
    /// # Errors
    ///
    /// If `SOURCE_DATE_EPOCH` is no count of seconds.
    pub fn find(workspace: &Workspace) -> Result<Self> {
        if let Ok(epoch) = env::var("SOURCE_DATE_EPOCH") {
            return Self::parse(&epoch).context("SOURCE_DATE_EPOCH is no count of seconds");
        }
        let mut git = workspace.tool("git");
        git.args(["log", "-1", "--format=%ct"]);
        let committed = process::run(&mut git, QUERY_LIMIT)
            .and_then(|said| Self::parse(&said.stdout).context("git names no date"));
        match committed {
            Ok(date) => Ok(date),
            Err(_) => Ok(Self(SystemTime::now().duration_since(UNIX_EPOCH)?)),
        }
    }

    fn parse(seconds: &str) -> Result<Self> {
        Ok(Self::from_seconds(seconds.trim().parse()?))
    }

    /// So many seconds after the beginning of 1970, UTC.
    #[must_use]
    pub fn from_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Since the beginning of 1970, UTC.
    #[must_use]
    pub fn since_epoch(self) -> Duration {
        self.0
    }

    /// As an INF has it: month, day and year.
    ///
    /// # Errors
    ///
    /// If it is too far away to be written.
    pub fn for_inf(self) -> Result<String> {
        let moment = UNIX_EPOCH.checked_add(self.0).context("no such date")?;
        let date = humantime::format_rfc3339_seconds(moment).to_string();
        let (year, rest) = date.split_once('-').context("a date has a year")?;
        let (month, rest) = rest.split_once('-').context("a date has a month")?;
        let (day, _) = rest.split_once('T').context("a date has a day")?;
        Ok(format!("{month}/{day}/{year}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inf_has_the_month_first() {
        let date = SourceDate::parse("1752019200\n").unwrap();
        assert_eq!(date.for_inf().unwrap(), "07/09/2025");
        assert!(SourceDate::parse("yesterday").is_err());
    }
}
