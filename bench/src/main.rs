//! `bench`: what a snapshot costs, compared with the committed figures, or with Linux' way of
//! reading registers; and how long the demo takes.

mod committed;
mod cost;
mod demo;
mod fleet;
mod page;
mod peer;
mod tables;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use wdk_linux::host::{self, Workspace};
use xtask::artifact::{self, Profile};
use xtask::check::Check;
use xtask::needs;

use cost::baseline;
use demo::Times;

/// Count the instructions of a snapshot in the lab, and compare them with the baseline
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "options of a command line, each alone"
)]
struct Cli {
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,

    /// Make the figures the committed ones, and show them in docs/performance.md
    #[arg(long)]
    update: bool,

    /// Time `cargo xtask demo` instead, from nothing and again: compiles everything
    #[arg(long)]
    demo: bool,

    /// Boot Linux instead, run rdmsr and the like there, and set them beside a snapshot: downloads a
    /// kernel and msr-tools of Debian's, 50 MB, and takes some ten minutes
    #[arg(long, conflicts_with = "demo")]
    peer: bool,

    /// Make a fleet of 5000 machines of 64 processors instead, judge it, and run the queries of
    /// docs/fleet in DuckDB and Spark: downloads 400 MB, and takes some minutes and 3 GB of disk
    #[arg(long, conflicts_with_all = ["demo", "peer"])]
    fleet: bool,

    /// With --fleet: of 140 small machines, and in DuckDB alone
    #[arg(long, requires = "fleet", conflicts_with = "update")]
    small: bool,
}

fn main() -> ExitCode {
    run(&Cli::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn run(cli: &Cli) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    let checks = if cli.peer {
        beside_the_peer(cli, &workspace)?
    } else if cli.small {
        fleet::small(&workspace)?
    } else if cli.fleet {
        judge_a_fleet(cli, &workspace)?
    } else if cli.demo {
        time_the_demo(cli, &workspace)?
    } else {
        count_instructions(cli, &workspace)?
    };
    Ok(tell(checks))
}

/// Measures a snapshot, and holds its figures against limits and baseline.
fn count_instructions(cli: &Cli, workspace: &Workspace) -> Result<Vec<Check>> {
    ensure(workspace)?;
    let package = artifact::build_package(workspace, Profile::Release)?;
    let kernel = artifact::build_kernel(workspace)?;
    let figures = cost::measure(&package, &kernel)?;
    if cli.update {
        baseline::write(workspace, &figures)?;
        page::update(workspace)?;
    }
    let (mut checks, changes) = cost::judge(&figures, &baseline::read(workspace)?);
    checks.push(page::check(workspace)?);
    show(cli, &figures, || {
        print(&tables::parts(&figures));
        print(&tables::snapshots(&figures));
        print(&tables::machine(&figures));
        print(&tables::sizes(&figures));
    })?;
    for change in changes {
        eprintln!("changed {change}");
    }
    Ok(checks)
}

/// Measures the client over a fleet, and holds it and the queries against their limits.
fn judge_a_fleet(cli: &Cli, workspace: &Workspace) -> Result<Vec<Check>> {
    ensure(workspace)?;
    let (figures, mut checks) = fleet::whole(workspace)?;
    if cli.update {
        figures.write(workspace)?;
        page::update(workspace)?;
    }
    show(cli, &figures, || print(&tables::fleet(&figures)))?;
    checks.extend(figures.judge());
    Ok(checks)
}

/// Times the demo, and holds it against its limit.
fn time_the_demo(cli: &Cli, workspace: &Workspace) -> Result<Vec<Check>> {
    let times = Times::take(workspace)?;
    if cli.update {
        times.write(workspace)?;
        page::update(workspace)?;
    }
    show(cli, &times, || print(&tables::demo(&times)))?;
    Ok(vec![times.judge()])
}

/// Measures the peer and a snapshot, and holds against them what `docs/performance.md` says.
fn beside_the_peer(cli: &Cli, workspace: &Workspace) -> Result<Vec<Check>> {
    ensure(workspace)?;
    let driver = artifact::build_driver(workspace, Profile::Release)?;
    let kernel = artifact::build_kernel(workspace)?;
    let comparison = peer::measure(workspace, &driver, &kernel)?;
    if cli.update {
        peer::write(workspace, &comparison)?;
        page::update(workspace)?;
    }
    show(cli, &comparison, || {
        print(&tables::beside_the_peer(&comparison.figures));
        print(&tables::versions(&comparison.versions));
        println!("{}", peer::NOT_SHOWN);
    })?;
    Ok(peer::judge(&comparison))
}

/// Installs what the driver and the lab are built and run with.
fn ensure(workspace: &Workspace) -> Result<()> {
    host::ensure(workspace, needs::DEMO, &[needs::DRIVER_TARGET])
}

/// Prints figures as JSON, if that was asked for, or as tables.
fn show(cli: &Cli, figures: &impl Serialize, as_tables: impl FnOnce()) -> Result<()> {
    if cli.json {
        println!("{}", serde_json::to_string_pretty(figures)?);
    } else {
        as_tables();
    }
    Ok(())
}

/// Prints what was checked; one check that failed is a failure.
fn tell(checks: Vec<Check>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for check in checks {
        match check.violation {
            None => eprintln!("ok      {}", check.rule),
            Some(violation) => {
                code = ExitCode::FAILURE;
                eprintln!("FAILED  {}: {violation}", check.rule);
            }
        }
    }
    code
}

/// For the terminal: words to the left, numbers to the right.
fn print(table: &tables::Table) {
    let mut shown = Table::new();
    shown
        .load_style(presets::NOTHING)
        .set_header(&table.headings);
    shown.add_rows(&table.rows);
    for (index, column) in shown.column_iter_mut().enumerate() {
        let mut cells = table.rows.iter().map(|row| &row[index]);
        if cells.all(|cell| !cell.contains(char::is_alphabetic)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{}\n", shown.trim_fmt());
}
