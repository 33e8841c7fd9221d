//! The IOCTL fuzzer: campaigns of random calls, each on a freshly booted lab.
//!
//! What a campaign does and what it checks is in `lab/fuzz`; here is which campaigns there are,
//! and what is told of them.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use lab::{CallCounts, Campaign, Config, fuzz};
use xtask::lab_options::RandomCalls;

/// The kept campaigns.
const KEPT: &str = include_str!("../../../lab/fuzz/seeds.txt");

/// Calls of one processor alone: few enough for a failure to be repeated in seconds. More
/// processors make fewer calls each, as each call has more work for them.
const CALLS: u32 = 200_000;

/// Calls of each processor at least, however many there are.
const CALLS_AT_LEAST: u32 = 64;

/// Where the test's campaigns begin, behind the kept ones.
const FIRST_SEED: u64 = 1000;

/// How long one campaign may take. A slow machine takes ten seconds, with many processors more.
const CAMPAIGN_LIMIT: Duration = Duration::from_mins(3);

/// What to run.
pub struct Plan {
    /// The first campaign's seed; those that follow count up.
    pub seed: u64,
    /// Processors of each campaign.
    pub processors: u32,
    /// Whether the kept campaigns come first.
    pub kept: bool,
    /// Campaigns follow until there were so many requests,
    pub requests: u64,
    /// and until so much time is over.
    pub time: Duration,
}

impl Plan {
    /// A million requests from a fixed seed, after the kept campaigns.
    pub const CHECK: Self = Self {
        seed: FIRST_SEED,
        processors: 2,
        kept: true,
        requests: 1_000_000,
        time: Duration::ZERO,
    };

    /// What was asked for.
    #[must_use]
    pub fn of(options: &RandomCalls) -> Self {
        Self {
            seed: options.seed.unwrap_or_else(|| fastrand::u32(..).into()),
            processors: options.processors,
            kept: options.seed.is_none(),
            requests: options.requests,
            time: options.time.unwrap_or_default(),
        }
    }
}

/// What was run.
pub struct Summary {
    campaigns: u32,
    counts: CallCounts,
    time: Duration,
}

/// Runs the campaigns of a plan, until one finds something.
///
/// # Errors
///
/// What a campaign has found, or why the lab could not be driven.
pub fn run(plan: &Plan, kernel: &Path, driver: &Path) -> Result<Summary> {
    let started = Instant::now();
    let mut summary = Summary {
        campaigns: 0,
        counts: CallCounts::default(),
        time: Duration::ZERO,
    };
    let kept = if plan.kept { parse(KEPT)? } else { Vec::new() };
    let further = (plan.seed..).map(|seed| (seed, plan.processors));
    for (number, (seed, processors)) in kept.iter().copied().chain(further).enumerate() {
        let enough = summary.counts.requests >= plan.requests && started.elapsed() >= plan.time;
        if number >= kept.len() && enough {
            break;
        }
        let counts = campaign(seed, processors, kernel, driver)?;
        summary.counts.add(&counts);
        summary.campaigns += 1;
    }
    summary.time = started.elapsed();
    Ok(summary)
}

fn campaign(seed: u64, processors: u32, kernel: &Path, driver: &Path) -> Result<CallCounts> {
    let config = Config {
        processors,
        seed,
        timeout: CAMPAIGN_LIMIT,
        ..Config::default()
    };
    let campaign = Campaign {
        seed,
        calls: (CALLS / processors.pow(2)).max(CALLS_AT_LEAST),
    };
    fuzz::run(&config, kernel, driver, campaign).or_else(|finding| {
        bail!(
            "{finding}\nagain: cargo xtask fuzz-driver --seed {seed} --processors {processors} --requests 1"
        )
    })
}

/// Reads lines of a seed and a number of processors.
fn parse(text: &str) -> Result<Vec<(u64, u32)>> {
    text.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (seed, processors) = line.split_once(' ').context("a seed and processors")?;
            Ok((seed.parse()?, processors.parse()?))
        })
        .collect::<Result<_>>()
        .context("lab/fuzz/seeds.txt")
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CallCounts {
            requests,
            opened,
            closed,
            unloaded,
            unloads_refused,
            kinds,
            statuses,
        } = &self.counts;
        writeln!(
            f,
            "{requests} requests in {} campaigns and {:.1} s: every answer as expected, no rule broken",
            self.campaigns,
            self.time.as_secs_f32()
        )?;
        writeln!(
            f,
            "{opened} handles opened, {closed} closed; {unloaded} unloads while in use by others, \
             {unloads_refused} refused"
        )?;
        for (kind, count) in kinds {
            writeln!(f, "{count:>9}  {kind}")?;
        }
        for (status, count) in statuses {
            writeln!(f, "{count:>9}  status {status:#010x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_campaigns_can_be_read() {
        let kept = parse(KEPT).unwrap();
        assert!(!kept.is_empty());
        for (_, processors) in kept {
            assert!((1..=255).contains(&processors));
        }
    }
}
