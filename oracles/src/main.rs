//! `oracles`: asks judges that were written elsewhere, all or some.

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;
use wdk_linux::host::Workspace;
use xtask::judge::Judge;

/// Ask Microsoft's metadata, Linux' headers, Wine and others about what is written here
#[derive(Parser)]
#[command(bin_name = "cargo xtask oracles")]
struct Cli {
    /// Only the judges with this in their name
    #[arg(value_name = "NAME")]
    only: Option<String>,

    /// Print the judges' names, and ask none
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    run(&Cli::parse()).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Prints what every judge compared and what held, and fails if anything did not.
fn run(cli: &Cli) -> Result<ExitCode> {
    let only = cli.only.as_deref().unwrap_or_default();
    let judges = Judge::all().iter();
    let judges = judges.filter(|judge| judge.name().contains(only));
    if cli.list {
        judges.for_each(|judge| println!("{}", judge.name()));
        return Ok(ExitCode::SUCCESS);
    }
    let workspace = Workspace::locate()?;
    let (mut asked, mut failed) = (0, false);
    for judge in judges {
        asked += 1;
        let name = judge.name();
        let violation = match oracles::ask(*judge, &workspace) {
            Ok(verdict) => {
                let (compared, held) = (verdict.compared(), verdict.held());
                println!("{name}: {compared} facts compared, {held} held");
                let violations = verdict.violations();
                (compared == 0 || held < compared).then(|| format!("\n{}", violations.join("\n")))
            }
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(violation) = violation {
            println!("FAILED  {name}: {violation}");
            failed = true;
        }
    }
    ensure!(
        asked > 0,
        "no judge has that in its name; --list prints them"
    );
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
