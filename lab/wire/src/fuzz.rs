//! A random campaign of system calls, and its result.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::{Deserialize, Serialize};

/// What to do: each processor makes calls of its own, all at once.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Campaign {
    /// What the calls depend on, and nothing else.
    pub seed: u64,
    /// How many calls each processor makes.
    pub calls: u32,
}

/// How a campaign ended.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct CampaignResult {
    /// What was done.
    pub counts: CallCounts,
    /// The first answer that was not as expected; the campaign ended with it.
    pub unexpected: Option<UnexpectedAnswer>,
}

/// Counts of what was done.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct CallCounts {
    /// Requests that reached the I/O manager: opens, closes and control codes.
    pub requests: u64,
    /// Handles opened.
    pub opened: u64,
    /// Handles closed.
    pub closed: u64,
    /// How often the driver was unloaded, and loaded again.
    pub unloaded: u64,
    /// How often unloading was refused because the driver was in use.
    pub unloads_refused: u64,
    /// Calls by what they tried.
    pub kinds: BTreeMap<String, u64>,
    /// Calls by the status that they ended with.
    pub statuses: BTreeMap<u32, u64>,
}

/// An answer that was not as expected.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct UnexpectedAnswer {
    /// The call.
    pub call: CallPosition,
    /// What was wrong with it.
    pub text: String,
}

/// One call of a campaign.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CallPosition {
    /// The processor that makes it.
    pub processor: u32,
    /// Its number among the calls of that processor, counted from 0.
    pub number: u32,
}

impl CallCounts {
    /// Adds the counts of another campaign or processor.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.opened += other.opened;
        self.closed += other.closed;
        self.unloaded += other.unloaded;
        self.unloads_refused += other.unloads_refused;
        for (kind, count) in &other.kinds {
            *self.kinds.entry(kind.clone()).or_default() += count;
        }
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
    }
}
