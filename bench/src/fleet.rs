//! Many machines at once: how fast the client judges a fleet, and whether the documented queries
//! find in it what was planted, and nothing else, in both engines.

mod engines;
mod machines;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use client::{Snapshot, Terminal};
use harness::lab_device::{self, LabDevice};
use lab::Config;
use serde::{Deserialize, Serialize};
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::{Workspace, step};
use xtask::artifact::{self, Profile};
use xtask::check::Check;

use crate::committed;
use engines::Answers;

/// Keeps the committed figures.
const FILE: &str = "fleet.json";

/// Machines of a whole fleet, and processors of each.
const MACHINES: u32 = 5000;
const PROCESSORS: u32 = 64;

/// The least number of machines that the client judges in a second, on one processor.
const SLOWEST: u64 = 1000;

/// The most memory that the client may take, in MiB, however many machines there are.
const MOST_MEMORY: u64 = 64;

/// The most that a query may take in DuckDB, in milliseconds.
const SLOWEST_QUERY: u64 = 2000;

/// What a fleet took.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figures {
    /// Machines.
    pub machines: u32,
    /// Processors of each.
    pub processors: u32,
    /// Machines that `check` judges in a second, on one processor.
    pub machines_per_second: u64,
    /// The most memory that `check` had, in MiB.
    pub memory_mib: u64,
    /// The slowest query in DuckDB, in milliseconds, with the program's start.
    pub slowest_query_milliseconds: u64,
}

impl Figures {
    /// The committed ones.
    ///
    /// # Errors
    ///
    /// If there are none.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        committed::read(workspace, FILE)
    }

    /// Makes them the committed ones.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub(crate) fn write(&self, workspace: &Workspace) -> Result<()> {
        committed::write(workspace, FILE, self)
    }

    /// Holds them against their limits.
    pub(crate) fn judge(&self) -> Vec<Check> {
        let Self {
            machines_per_second,
            memory_mib,
            slowest_query_milliseconds,
            ..
        } = *self;
        vec![
            Check::new(
                "the client judges at least 1000 machines of 64 processors in a second",
                machines_per_second >= SLOWEST,
                format!("it judges {machines_per_second}"),
            ),
            Check::new(
                "the client takes at most 64 MiB for any number of machines",
                memory_mib <= MOST_MEMORY,
                format!("it takes {memory_mib} MiB"),
            ),
            Check::new(
                "a query of the fleet takes at most 2 s in DuckDB",
                slowest_query_milliseconds <= SLOWEST_QUERY,
                format!("one takes {slowest_query_milliseconds} ms"),
            ),
        ]
    }
}

/// A small fleet, made from the committed example: what each query finds in DuckDB.
///
/// # Errors
///
/// If the client or DuckDB fails.
pub(crate) fn small(workspace: &Workspace) -> Result<Vec<Check>> {
    let original = Snapshot::open(workspace.root().join("client/examples/healthy.json"))?;
    let folder = empty_folder(workspace, "fleet-small")?;
    let planted = machines::write(&original, machines::FEWEST, &folder.join("snapshots"))?;
    for (command, file) in [("check", "verdicts.jsonl"), ("show", "processors.jsonl")] {
        let mut lines = File::create(folder.join(file))?;
        let snapshots = folder.join("snapshots");
        let arguments = [
            "client".as_ref(),
            command.as_ref(),
            "--jsonl".as_ref(),
            snapshots.as_os_str(),
        ];
        let mut complaints = Vec::new();
        client::run(
            arguments.into_iter().map(Into::into),
            || Err(client::DeviceError::NotFound),
            &mut lines,
            &mut complaints,
            Terminal::default(),
        );
        lines.flush()?;
    }
    let answers = step("a small fleet in DuckDB", |_| {
        engines::duckdb(workspace, &folder)
    })?;
    Ok(found(&answers, &planted, "DuckDB"))
}

/// A whole fleet, made from a snapshot of the lab's: how fast it is judged, and what both engines
/// find.
///
/// # Errors
///
/// If something cannot be built, or fails.
pub(crate) fn whole(workspace: &Workspace) -> Result<(Figures, Vec<Check>)> {
    let original = snapshot(workspace)?;
    let program = release_client(workspace)?;
    let folder = empty_folder(workspace, "fleet")?;
    let snapshots = folder.join("snapshots");
    let planted = step("snapshots of a fleet", |_| {
        machines::write(&original, MACHINES, &snapshots)
    })?;
    let checked = step("check of a fleet", |_| {
        run_client(&program, "check", &folder, "verdicts.jsonl")
    })?;
    step("show of a fleet", |_| {
        run_client(&program, "show", &folder, "processors.jsonl")
    })?;
    let duckdb = step("queries in DuckDB", |_| engines::duckdb(workspace, &folder))?;
    let spark = step("queries in Spark", |_| engines::spark(workspace, &folder))?;
    let mut checks = found(&duckdb, &planted, "DuckDB");
    checks.extend(found(&spark, &planted, "Spark"));
    for (name, answer) in &duckdb {
        let same = spark
            .get(name)
            .is_some_and(|other| other.rows == answer.rows);
        checks.push(Check::new(
            format!("both engines answer {name} alike"),
            same,
            "their rows differ".to_owned(),
        ));
    }
    let slowest = duckdb.values().map(|answer| answer.milliseconds).max();
    let milliseconds = u64::try_from(checked.time.as_millis())?.max(1);
    let figures = Figures {
        machines: MACHINES,
        processors: PROCESSORS,
        machines_per_second: u64::from(MACHINES) * 1000 / milliseconds,
        memory_mib: checked.memory_kib.div_ceil(1024),
        slowest_query_milliseconds: slowest.context("no queries")?,
    };
    Ok((figures, checks))
}

/// Whether each query found what was planted, and nothing else.
fn found(answers: &Answers, planted: &machines::Answers, engine: &str) -> Vec<Check> {
    planted
        .iter()
        .map(|(query, expected)| {
            let rows = answers
                .get(*query)
                .map(|answer| &*answer.rows)
                .unwrap_or_default();
            let mut machines = BTreeSet::new();
            for row in rows {
                let name = |key: &str| row.get(key).and_then(|value| value.as_str());
                let named = ["machine", "first_machine", "last_machine"].map(name);
                machines.extend(named.into_iter().flatten().map(str::to_owned));
                // A machine is named with its file; a build is counted.
                let counted = row.get("machines").zip(name("os_build"));
                if let (Some((count, build)), None) = (counted, name("machine")) {
                    machines.insert(machines::count(build, count));
                }
            }
            let missed: Vec<_> = expected.difference(&machines).collect();
            let wrong: Vec<_> = machines.difference(expected).collect();
            Check::new(
                format!("{query} finds what is to be found, in {engine}"),
                missed.is_empty() && wrong.is_empty(),
                format!("it misses {missed:?}, and names {wrong:?}"),
            )
        })
        .collect()
}

fn empty_folder(workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let folder = workspace.target().join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// A snapshot of the lab's.
fn snapshot(workspace: &Workspace) -> Result<Snapshot> {
    let driver = artifact::build_driver(workspace, Profile::Release)?;
    let kernel = artifact::build_kernel(workspace)?;
    step(&format!("a snapshot of {PROCESSORS} processors"), |_| {
        let config = Config {
            processors: PROCESSORS,
            ..Config::default()
        };
        let (mut lab, modules) = lab_device::boot(&config, &kernel, &driver)?;
        let mut device = LabDevice::open(&mut lab, &modules)?;
        Ok(Snapshot::take(&mut device)?)
    })
}

/// The client for this machine, as it is given to users.
fn release_client(workspace: &Workspace) -> Result<PathBuf> {
    step("client", |_| {
        let mut cargo = workspace.cargo();
        cargo.args(["build", "--locked", "--release", "--package", "client"]);
        process::run(&mut cargo, BUILD_LIMIT)?;
        Ok(workspace.target().join("release/client"))
    })
}

/// What a run of the client took.
struct Run {
    time: Duration,
    memory_kib: u64,
}

/// Runs the client over the fleet on one processor, its lines going to a file.
fn run_client(program: &Path, command: &str, folder: &Path, file: &str) -> Result<Run> {
    const LOOK: Duration = Duration::from_millis(10);
    const LIMIT: Duration = Duration::from_mins(5);
    let begun = Instant::now();
    let mut child = Command::new("taskset")
        .args(["--cpu-list", "0"])
        .arg(program)
        .args([command, "--jsonl"])
        .arg(folder.join("snapshots"))
        .stdout(File::create(folder.join(file))?)
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start the client")?;
    let status = format!("/proc/{}/status", child.id());
    let mut memory_kib = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        memory_kib = memory_kib.max(high_water_mark(&text).unwrap_or(0));
        if begun.elapsed() > LIMIT {
            child.kill()?;
            bail!("{command} of a fleet did not end");
        }
        thread::sleep(LOOK);
    };
    // Findings, and files that are no snapshots, are in the fleet.
    ensure!(
        matches!(ended.code(), Some(0 | 6 | 8)),
        "{command}: {ended}"
    );
    Ok(Run {
        time: begun.elapsed(),
        memory_kib,
    })
}

/// The most resident memory that a process had, in KiB, from its `/proc/PID/status`.
fn high_water_mark(status: &str) -> Option<u64> {
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
