//! The queries of `docs/fleet` in two engines that know nothing of each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use oracles::python::Environment;
use serde::Deserialize;
use serde_json::{Map, Value};
use wdk_linux::host::Workspace;
use wdk_linux::host::process;

/// Longer than any query takes on a slow machine, Spark's start included.
const LIMIT: Duration = Duration::from_mins(10);

/// What a query answered, and how long that took.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Answer {
    pub milliseconds: u64,
    pub rows: Vec<Map<String, Value>>,
}

/// Answers by the names of the queries' files.
pub(super) type Answers = BTreeMap<String, Answer>;

/// The folder with the queries.
fn queries(workspace: &Workspace) -> PathBuf {
    workspace.root().join("docs/fleet")
}

/// The queries: each file but those that make the tables.
fn names(workspace: &Workspace) -> Result<Vec<String>> {
    let folder = queries(workspace);
    let entries = folder.read_dir();
    let entries = entries.with_context(|| format!("cannot list {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".sql")
            && !name.starts_with("tables.")
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// DuckDB's command-line program, as a user runs it: the tables once, then each query.
///
/// # Errors
///
/// If the program cannot be installed, or refuses a query.
pub(super) fn duckdb(workspace: &Workspace, tables: &Path) -> Result<Answers> {
    let requirements = workspace.root().join("bench/fleet/duckdb.txt");
    let environment = Environment::ensure(workspace, "duckdb", &requirements)?;
    let run = |file: &str| {
        let mut duckdb = environment.program("duckdb");
        duckdb.args(["-json", "fleet.duckdb", "-f"]);
        duckdb
            .arg(queries(workspace).join(file))
            .current_dir(tables);
        process::run(&mut duckdb, LIMIT).with_context(|| format!("DuckDB refuses {file}"))
    };
    run("tables.duckdb.sql")?;
    let mut answers = Answers::new();
    for name in names(workspace)? {
        let begun = Instant::now();
        let said = run(&format!("{name}.sql"))?.stdout;
        let milliseconds = begun.elapsed().as_millis().try_into()?;
        // No row is no output.
        let said = if said.trim().is_empty() { "[]" } else { &said };
        let rows = serde_json::from_str(said).with_context(|| format!("DuckDB says {said}"))?;
        answers.insert(name, Answer { milliseconds, rows });
    }
    Ok(answers)
}

/// Spark on this machine alone.
///
/// # Errors
///
/// If it cannot be installed, or refuses a query.
pub(super) fn spark(workspace: &Workspace, tables: &Path) -> Result<Answers> {
    let folder = workspace.root().join("bench/fleet");
    let environment = Environment::ensure(workspace, "spark", &folder.join("spark.txt"))?;
    let mut python = environment.python();
    python.arg(folder.join("spark.py")).arg(tables);
    python.arg(queries(workspace));
    let said = process::run(&mut python, LIMIT)?.stdout;
    serde_json::from_str(&said).context("Spark's answers")
}
