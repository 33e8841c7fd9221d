//! `bench`: what a snapshot costs, compared with the committed figures.

mod cost;
mod demo;
mod doc_figures;

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use wdk_linux::host;
use wdk_linux::host::Workspace;
use xtask::artifact::{self, Profile};
use xtask::needs;

use cost::{Figures, PROCESSORS, baseline};
use demo::Times;

/// Count the instructions of a snapshot in the lab, and compare them with the baseline
#[derive(Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Cli {
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,

    /// Make the figures the baseline
    #[arg(long)]
    update: bool,

    /// Time `cargo xtask demo` too, from nothing and again: compiles everything
    #[arg(long)]
    demo: bool,
}

fn main() -> ExitCode {
    run(&Cli::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Measures, prints, and fails if a figure is over its limit or far from the baseline.
fn run(cli: &Cli) -> Result<ExitCode> {
    let workspace = &Workspace::locate()?;
    let mut figures = measure(workspace)?;
    if cli.update {
        let json = serde_json::to_string_pretty(&figures)?;
        let path = baseline::path(workspace);
        fs::write(&path, format!("{json}\n"))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    let (mut checks, changes) = cost::judge(&figures, &baseline::read(workspace)?);
    checks.extend(doc_figures::checks(workspace)?);
    if cli.demo {
        let times = Times::take(workspace)?;
        checks.push(times.judge());
        for (name, time) in [("cold", times.cold), ("warm", times.warm)] {
            let milliseconds = u64::try_from(time.as_millis())?;
            figures.insert(format!("demo.{name}_milliseconds"), milliseconds);
        }
    }
    if cli.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        println!("{}", parts(&figures).trim_fmt());
        println!();
        println!("{}", snapshots(&figures).trim_fmt());
        println!();
        println!("{}", machine(&figures).trim_fmt());
        println!();
        println!("{}", whole(&figures).trim_fmt());
    }
    for change in changes {
        eprintln!("changed {change}");
    }
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
    Ok(code)
}

/// Builds what is missing, and measures the package.
fn measure(workspace: &Workspace) -> Result<Figures> {
    host::ensure(workspace, needs::ALL, needs::TARGETS)?;
    let package = artifact::build_package(workspace, Profile::Release)?;
    let kernel = artifact::build_kernel(workspace)?;
    cost::measure(&package, &kernel)
}

/// The parts of a DPC, in the order of their execution.
fn parts(figures: &Figures) -> Table {
    const PARTS: [(&str, &str); 11] = [
        ("entry", "dpc.entry"),
        ("gate", "dpc.gate"),
        ("meeting the others", "dpc.meeting"),
        ("SVME on", "dpc.svme"),
        ("VMSAVE", "dpc.vmsave"),
        ("EFER as found", "dpc.restore"),
        ("record", "dpc.copy"),
        ("the same without VMSAVE", "dpc.witness"),
        ("exit", "dpc.exit"),
        ("DPC", "dpc"),
        ("gate, SVME, VMSAVE, EFER", "dpc.vmsave_alone"),
    ];
    let mut table = table(["part", "instructions"]);
    for (part, name) in PARTS {
        table.add_row([part.to_owned(), cell(figures, name)]);
    }
    table
}

/// Snapshots, by the number of processors.
fn snapshots(figures: &Figures) -> Table {
    const COLUMNS: [(&str, &str); 9] = [
        ("system calls", "requests"),
        ("interrupts", "interrupts"),
        ("DPCs", "dpcs"),
        ("caller", "caller"),
        ("all processors", "total"),
        ("critical path", "critical_path"),
        ("skew", "skew"),
        ("bytes held", "memory"),
        ("pages written", "pages"),
    ];
    by_processors(figures, &PROCESSORS, &COLUMNS)
}

/// Snapshots, by what the whole machine executes, the system's part included.
fn machine(figures: &Figures) -> Table {
    const COLUMNS: [(&str, &str); 2] = [("machine", "machine"), ("its skew", "machine_skew")];
    by_processors(figures, &PROCESSORS, &COLUMNS)
}

/// What does not depend on processors: sizes, and times if they were taken.
fn whole(figures: &Figures) -> Table {
    const ROWS: [(&str, &str, &str); 4] = [
        ("svmsave.sys", "size.svmsave.sys", "bytes"),
        ("client.exe", "size.client.exe", "bytes"),
        ("demo from nothing", "demo.cold_milliseconds", "ms"),
        ("demo again", "demo.warm_milliseconds", "ms"),
    ];
    let mut table = table(["", "", ""]);
    for (what, name, unit) in ROWS.iter().filter(|row| figures.contains_key(row.1)) {
        table.add_row([(*what).to_owned(), cell(figures, name), (*unit).to_owned()]);
    }
    table
}

/// A row for each number of processors, a column for each figure.
fn by_processors(figures: &Figures, processors: &[u32], columns: &[(&'static str, &str)]) -> Table {
    let headings = columns.iter().map(|(heading, _)| *heading);
    let mut table = table(["processors"].into_iter().chain(headings));
    for processors in processors {
        let cells = columns.iter();
        let cells = cells.map(|(_, name)| cell(figures, &format!("{name}.{processors}")));
        table.add_row([processors.to_string()].into_iter().chain(cells));
    }
    table
}

fn table(headings: impl IntoIterator<Item = &'static str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(headings);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cell(figures: &Figures, name: &str) -> String {
    figures.get(name).map_or_else(String::new, u64::to_string)
}
