//! What a run saw, as a file: docs/selftest.schema.json describes it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::machine::{Kind, System};
use super::outcome::{Counts, Outcome, Value};
use super::step::REMOVED;
use crate::input::encoding;
use crate::model::Driver;
use crate::model::kernel_module::printable;
use crate::model::table::Table;

/// Version of the file's form: changes when a program that reads it has to change too. New members
/// do not count.
pub(crate) const SCHEMA: u32 = 1;

/// A hundred times what a run writes, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// More steps than any client has.
const MOST_STEPS: usize = 64;

/// A run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Record {
    /// [`SCHEMA`].
    pub(crate) selftest: u32,
    /// The client's version.
    pub(crate) client: String,
    /// When it began: RFC 3339, in UTC.
    pub(crate) taken_at: String,
    pub(crate) system: System,
    /// The driver that answered; none if none did.
    pub(crate) driver: Option<Driver>,
    /// Whether everything was done less often.
    pub(crate) quick: bool,
    /// Where random requests began.
    pub(crate) seed: u32,
    pub(crate) steps: Vec<StepRecord>,
}

/// A step of a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct StepRecord {
    pub(crate) id: String,
    pub(crate) claim: String,
    /// The row of docs/evidence.md.
    pub(crate) row: String,
    pub(crate) result: Outcome,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    pub(crate) values: BTreeMap<String, Value>,
    pub(crate) milliseconds: u64,
}

/// Why a file is no such record.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRecord {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is a folder: name the files in it")]
    Folder,
    #[error("it is larger than {} MiB: no self-test is", LARGEST_FILE >> 20)]
    TooLarge,
    #[error("it is no self-test: {}", printable(&.0.to_string()))]
    NotJson(#[from] serde_json::Error),
    #[error("its `selftest` is {0}, and this client reads {SCHEMA}: {advice}", advice = advice(*.0))]
    OtherSchema(u32),
    #[error("it has more than {MOST_STEPS} steps: no self-test has")]
    TooManySteps,
    #[error("it has two results of the step `{}`", .0.escape_default())]
    Repeated(String),
}

/// What to do about a form that is not [`SCHEMA`].
fn advice(form: u32) -> &'static str {
    if form > SCHEMA {
        "use the client of a newer release"
    } else {
        "take it again with this client"
    }
}

impl Record {
    /// Reads a file, from whatever machine.
    pub(crate) fn open(path: &Path) -> Result<Self, NotRecord> {
        if path.is_dir() {
            return Err(NotRecord::Folder);
        }
        let mut bytes = Vec::new();
        let read = File::open(path)?
            .take(LARGEST_FILE + 1)
            .read_to_end(&mut bytes)?;
        if read as u64 > LARGEST_FILE {
            return Err(NotRecord::TooLarge);
        }
        Self::parse(&bytes)
    }

    /// Reads what such a file contains.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, NotRecord> {
        /// What is the same in every version.
        #[derive(Deserialize)]
        struct Version {
            selftest: u32,
        }
        // Editors of Windows and its PowerShell write it anew in encodings of their own.
        let text = encoding::text(bytes);
        let bytes = text.as_ref().map_or(bytes, |text| &text.bytes);
        let Version { selftest } = serde_json::from_slice(bytes)?;
        if selftest != SCHEMA {
            return Err(NotRecord::OtherSchema(selftest));
        }
        let record: Self = serde_json::from_slice(bytes)?;
        if record.steps.len() > MOST_STEPS {
            return Err(NotRecord::TooManySteps);
        }
        let mut ids = Table::new();
        let mut steps = record.steps.iter();
        match steps.find(|step| ids.insert(&step.id, ()).is_some()) {
            Some(step) => Err(NotRecord::Repeated(step.id.clone())),
            None => Ok(record),
        }
    }

    /// The text of the file.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts::of(self.steps.iter().map(|step| step.result))
    }

    /// What was tested, on which system.
    pub(crate) fn subject(&self) -> String {
        let driver = match &self.driver {
            Some(driver) => driver.to_string(),
            None if self.is_of_removal() => "no driver, as it should be".to_owned(),
            None => "a driver that does not answer".to_owned(),
        };
        let hypervisor = match self.hypervisor() {
            None | Some("") => String::new(),
            Some(name) => format!(", under {}", printable(name)),
        };
        format!("{driver}, on {}{hypervisor}", self.system())
    }

    /// The hypervisor by the name with which it signs, empty if there was none; none if that is not
    /// noted.
    pub(crate) fn hypervisor(&self) -> Option<&str> {
        let status = self.steps.iter().find(|step| step.id == "status")?;
        match status.values.get("hypervisor")? {
            Value::Text(name) => Some(name),
            Value::Number(_) => None,
        }
    }

    /// Whether it was tested that nothing is left of a driver that was removed.
    fn is_of_removal(&self) -> bool {
        let mut ids = self.steps.iter().map(|step| step.id.as_str());
        ids.next() == Some(REMOVED.id) && ids.next().is_none()
    }

    /// The system, with its build.
    pub(crate) fn system(&self) -> String {
        let system = match self.system.kind {
            Kind::Windows => "Windows",
            Kind::Wine => "Wine",
            Kind::Other => "a system that is not Windows",
        };
        match self.system.build {
            Some(build) => format!("{system}, build {build}"),
            None => system.to_owned(),
        }
    }
}
