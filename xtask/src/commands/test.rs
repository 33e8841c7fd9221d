//! `cargo xtask test`: everything that can be checked on this machine.

use std::process::{Command, ExitCode};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::workspace::read_text;
use wdk_linux::host::{self, Workspace, step};
use xtask::artifact::{self, LabDriver, Profile, driver};
use xtask::judge::Judge;
use xtask::needs;

use super::elsewhere::Elsewhere;
use crate::decoders::{self, Target};
use crate::harness::{self, Parts};
use crate::outcome::Outcome;
use crate::outside_package;
use crate::quick::{self, Plan};
use crate::record::Record;
use crate::schedule::place::{CROSS, HOST, STAGE};
use crate::schedule::{self, Summary, Task};
use crate::suites::{self, Built, TestProgram};
use crate::{doc_references, lints};

/// Check formatting, lints, documentation, units, the package and the lab
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only what a change of a line is most likely to break
    #[arg(long)]
    quick: bool,

    /// Run again what has passed with the very files that are here
    #[arg(long)]
    again: bool,

    #[command(flatten)]
    elsewhere: Elsewhere,
}

/// Enough for any judge on a slow machine; those that wait for something end sooner by themselves.
const JUDGE_LIMIT: Duration = Duration::from_mins(20);

/// Runs all of it, goes on after failures, and closes with the time of each task and the count.
pub(crate) fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    if let Some(outcome) = args.elsewhere.run(workspace) {
        return outcome;
    }
    let started = Instant::now();
    if args.quick {
        let summary = quick::run(workspace, &Plan::of_changes(workspace)?);
        return Ok(close(&summary, started));
    }
    let lock = workspace.root().join("Cargo.lock");
    let committed = read_text(&lock)?;
    let built = OnceLock::new();
    let targets = OnceLock::new();
    // Where git does not know the files, nothing can be known of what has passed.
    let record = Record::open(workspace).ok().filter(|_| !args.again);
    let mut tasks = tasks(workspace, &built);
    tasks.extend(fuzzing_of_decoders(workspace, &targets));
    tasks.extend(further_checks(workspace, &built));
    if let Some(record) = &record {
        let all = tasks.into_iter();
        tasks = all.map(|task| task.unless_passed(record)).collect();
    }
    let mut summary = schedule::run(tasks, schedule::at_once(), |text| println!("{text}"));
    let mut last = Outcome::default();
    let changed = read_text(&lock)? != committed;
    let violation = changed.then(|| "a build has changed it".to_owned());
    last.judge("Cargo.lock stays as committed", violation);
    summary.passed += last.passed;
    summary.failed += last.failed;
    print!("{}", last.text);
    Ok(close(&summary, started))
}

/// Prints the time of each task and the count.
fn close(summary: &Summary, started: Instant) -> ExitCode {
    println!("time of each task, longest first:");
    print!("{}", summary.times());
    println!("{:>7.1} s  all of it", started.elapsed().as_secs_f32());
    if summary.passed_before > 0 {
        let before = summary.passed_before;
        println!("{before} have passed before, with the same files: --again runs them, too");
    }
    println!("{} passed, {} failed", summary.passed, summary.failed);
    if summary.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Everything there is to do. What others wait for comes first.
fn tasks<'a>(workspace: &'a Workspace, built: &'a OnceLock<Built>) -> Vec<Task<'a>> {
    let mut tasks = vec![
        // What needs no package is compiled meanwhile.
        Task::new("packages and targets", || {
            let installed = host::ensure(workspace, needs::ALL, needs::TARGETS);
            Outcome::of("packages and targets", installed)
        })
        .builds()
        .vital(),
        Task::new("svmsave.sys and its package", || {
            Outcome::of("the package", build_package(workspace))
        })
        .builds()
        .after(&["packages and targets"])
        .at(STAGE),
        Task::new("test programs", || build_tests(workspace, built))
            .builds()
            .at(HOST),
        Task::new("the lab's parts", || {
            Outcome::of("the lab's parts", build_lab(workspace))
        })
        .builds()
        .after(&["svmsave.sys and its package"])
        .at(CROSS),
        Task::new("lab tests", || {
            suite(built, "lab tests", |program| {
                Some(lab_environment(
                    workspace,
                    built,
                    program.command(&["--show-output"]),
                ))
                .filter(|_| program.integration && program.package == "lab")
            })
        })
        .after(&["minimal driver", "the lab's parts"]),
        Task::new("unit tests", || {
            suite(built, "unit tests", |program| match of_files(program) {
                Some(names) => Some(program.command(&names)),
                None if boots(program) => None,
                None => Some(program.command(&["--skip", suites::DAMAGE])),
            })
        })
        .after(&["packages and targets", "test programs"]),
        Task::new("svmsave.sys with checks", || {
            let built = artifact::build_checked_driver(workspace);
            Outcome::of("svmsave.sys with checks", built.map(drop))
        })
        .builds()
        .after(&["svmsave.sys and its package"])
        .at(STAGE),
    ];
    tasks.push(
        Task::new("minimal driver", || {
            Outcome::of("minimal driver", build_minimal_driver(workspace, built))
        })
        .builds()
        // What it shares with the other drivers is then compiled, and copied.
        .after(&["test programs", "svmsave.sys with checks"])
        .at(STAGE),
    );
    tasks.extend(judges(workspace, built));
    tasks.extend(suites_that_boot(workspace, built));
    tasks
}

/// What tests and judges wait for that boot the lab.
const LAB: &[&str] = &[
    "test programs",
    "svmsave.sys with checks",
    "the lab's parts",
];

/// Asks each judge. Those that build something are at the place of that build.
fn judges<'a>(workspace: &'a Workspace, built: &'a OnceLock<Built>) -> Vec<Task<'a>> {
    const PACKAGE: &[&str] = &["test programs", "svmsave.sys and its package"];
    let judges = Judge::all().iter();
    let tasks = judges.map(|&judge| {
        let task = Task::new(judge.name(), move || ask(workspace, built, judge));
        match judge {
            Judge::Lock | Judge::Names | Judge::Metadata => task.after(PACKAGE).at(STAGE),
            Judge::Image | Judge::Monitor | Judge::Wine => task.after(LAB).at(STAGE),
            Judge::BuiltTwice => task.after(LAB),
            Judge::Emulators => task.after(LAB).at(CROSS),
            Judge::Linux | Judge::CargoDeny | Judge::PowerShell => {
                task.after(&["packages and targets", "test programs"])
            }
        }
    });
    tasks.collect()
}

/// Tests of the judges, of the commands and of the package.
fn suites_that_boot<'a>(workspace: &'a Workspace, built: &'a OnceLock<Built>) -> Vec<Task<'a>> {
    // Of what they build too, so that it is built once.
    const AFTER_JUDGES: &[&str] = &["test programs", Judge::Metadata.name(), Judge::Wine.name()];
    vec![
        Task::new("damage", || {
            suite(built, "damage that the judges notice", |program| {
                let here = program.package == "oracles" && !program.integration;
                here.then(|| program.command(&[suites::DAMAGE]))
            })
        })
        .after(AFTER_JUDGES)
        .at(STAGE),
        Task::new("demo and report", || {
            suite(built, "demo and report tests", |program| {
                let here = program.package == "xtask" && program.integration;
                let skipped = suites::OF_FILES.map(|module| ["--skip", module]);
                let arguments = skipped.as_flattened();
                here.then(|| lab_environment(workspace, built, program.command(arguments)))
            })
        })
        .after(LAB),
        Task::new("package tests", || {
            suite(built, "package tests", |program| {
                let here = program.package == "distribution" && program.integration;
                here.then(|| program.command(&[]))
            })
        })
        .after(LAB),
    ]
}

/// Builds the fuzz targets, and runs them.
fn fuzzing_of_decoders<'a>(
    workspace: &'a Workspace,
    targets: &'a OnceLock<Vec<Target>>,
) -> Vec<Task<'a>> {
    vec![
        Task::new("fuzz targets", || match decoders::build(workspace) {
            Ok(built) => {
                let _ = targets.set(built);
                Outcome::of("lints of the fuzz targets", Ok(()))
            }
            Err(error) => Outcome::of("fuzz targets", Err(error)),
        })
        .builds()
        .after(&["packages and targets", "test programs"])
        .at(HOST),
        Task::new("fuzzing the decoders", || {
            let targets = targets.get().context("the fuzz targets were not built");
            let fuzzed = targets.and_then(|targets| decoders::check(targets));
            Outcome::of("fuzzing the decoders", fuzzed)
        })
        .after(&["fuzz targets"]),
    ]
}

/// What else there is: figures, fuzzing, documentation, lints.
fn further_checks<'a>(workspace: &'a Workspace, built: &'a OnceLock<Built>) -> Vec<Task<'a>> {
    vec![
        Task::new("what a snapshot costs", || {
            bench(workspace, built, "what a snapshot costs", &[])
        })
        .after(LAB),
        Task::new("a fleet", || {
            bench(workspace, built, "a fleet", &["--fleet", "--small"])
        })
        .after(&["packages and targets", "test programs"]),
        Task::new("fuzzing the driver", || {
            Outcome::of("fuzzing the driver", fuzz_driver(workspace, built))
        })
        .after(LAB),
        Task::new("formatting", || {
            Outcome::of("formatting", lints::format(workspace))
        }),
        Task::new("documentation", || {
            Outcome::of("documentation", lints::document(workspace))
        })
        .after(&["test programs"])
        .at(HOST),
        Task::new("examples in documentation", || {
            suites::run("examples in documentation", [doc_tests(workspace)])
        })
        .after(&["test programs"])
        .at(HOST),
        Task::new("lints of the driver", || {
            Outcome::of("lints of the driver", lint_driver(workspace))
        })
        .after(&["svmsave.sys and its package"])
        .at(STAGE),
        Task::new("lints for other targets", || {
            let linted = lints::for_windows(workspace).and_then(|()| lints::bare_metal(workspace));
            Outcome::of("lints for other targets", linted)
        })
        .after(&["the lab's parts"])
        .at(CROSS),
        Task::new("documents", || match doc_references::checks(workspace) {
            Ok(checks) => Outcome::of_checks(checks),
            Err(error) => Outcome::of("documents", Err(error)),
        }),
    ]
}

fn build_tests(workspace: &Workspace, built: &OnceLock<Built>) -> Outcome {
    match suites::build(workspace) {
        Ok(programs) => {
            let _ = built.set(programs);
            Outcome::of("lints of the host", Ok(()))
        }
        Err(error) => Outcome::of("test programs", Err(error)),
    }
}

fn build_package(workspace: &Workspace) -> Result<()> {
    artifact::build_package(workspace, Profile::Release)?;
    Ok(())
}

fn build_lab(workspace: &Workspace) -> Result<()> {
    artifact::build_kernel(workspace)?;
    LabDriver::Frames.build(workspace)?;
    Ok(())
}

/// Builds a driver that has nothing to do with svmsave, with the program that builds any, as a
/// package outside this repository.
fn build_minimal_driver(workspace: &Workspace, built: &OnceLock<Built>) -> Result<()> {
    let built = built.get().context("wdk-linux was not built")?;
    let manifest = outside_package::copy(workspace)?;
    let mut wdk_linux = built.program("wdk-linux")?;
    wdk_linux.args(["build", "--release", "--manifest-path"]);
    wdk_linux.arg(manifest);
    step("minimal driver, by wdk-linux", |_| {
        process::run(&mut wdk_linux, BUILD_LIMIT)?;
        Ok(())
    })
}

fn lint_driver(workspace: &Workspace) -> Result<()> {
    let cross_build = driver::prepare(workspace)?;
    driver::lint(&cross_build)?;
    driver::document(&cross_build)
}

/// Whether a test program boots the lab or builds the package.
fn boots(program: &TestProgram) -> bool {
    program.integration && matches!(&*program.package, "lab" | "xtask" | "distribution")
}

/// The tests of a program that boots which do not: they only read files.
fn of_files(program: &TestProgram) -> Option<[&'static str; 4]> {
    let here = program.integration && program.package == "xtask";
    here.then_some(suites::OF_FILES)
}

/// Runs those test programs that `select` makes a command of.
fn suite(
    built: &OnceLock<Built>,
    what: &str,
    select: impl Fn(&TestProgram) -> Option<Command>,
) -> Outcome {
    let tests = built.get().map(|built| &*built.tests).unwrap_or_default();
    suites::run(what, tests.iter().filter_map(select))
}

/// What tests find the lab's parts by.
fn lab_environment(
    workspace: &Workspace,
    built: &OnceLock<Built>,
    mut command: Command,
) -> Command {
    let target = workspace.target();
    let lab_driver = |driver: LabDriver| driver.place(workspace);
    command
        .env("LAB_KERNEL", artifact::kernel_place(workspace))
        .env("LAB_DRIVER", target.join("package/svmsave.sys"))
        .env("LAB_FRAMES", lab_driver(LabDriver::Frames))
        .env("LAB_MINIMAL", outside_package::driver(workspace))
        .env("LAB_CHECKED_DRIVER", target.join("checked/svmsave.sys"));
    if let Some(program) = built.get().and_then(|built| built.path(harness::NAME)) {
        command.env(harness::VARIABLE, program);
    }
    command
}

/// Tests in documentation, with what was built for the others.
fn doc_tests(workspace: &Workspace) -> Command {
    let mut cargo = suites::cargo_for_tests(workspace);
    cargo.args(["test", "--doc", "--locked", "--no-fail-fast"]);
    cargo.args(["--features", suites::FEATURES]);
    cargo
}

/// Makes a million random calls, and prints what they were.
fn fuzz_driver(workspace: &Workspace, built: &OnceLock<Built>) -> Result<()> {
    let built = built.get().context("the harness was not built")?;
    let mut harness = built.program(harness::NAME)?;
    Parts::build(workspace)?.name_to(&mut harness);
    let said = step("a million random calls", |_| {
        process::run(harness.arg("fuzz-driver-check"), JUDGE_LIMIT)
    })?;
    print!("{}", said.stdout);
    Ok(())
}

/// Asks one judge.
fn ask(workspace: &Workspace, built: &OnceLock<Built>, judge: Judge) -> Outcome {
    let name = judge.name();
    let mut outcome = Outcome::default();
    let asked = step(name, |_| {
        let built = built.get().context("the judges were not built")?;
        let mut oracles = built.program("oracles")?;
        oracles.arg(name).current_dir(workspace.root());
        process::outcome(&mut oracles, JUDGE_LIMIT)
    });
    match asked {
        Ok((status, said)) => {
            outcome.say(said.stdout.trim_end());
            let violation = (!status.success()).then_some(said.stderr);
            outcome.judge(name, violation);
        }
        Err(error) => outcome.judge(name, Some(format!("{error:#}"))),
    }
    outcome
}

/// What the bench measures, against its limits and the committed figures.
fn bench(
    workspace: &Workspace,
    built: &OnceLock<Built>,
    what: &str,
    arguments: &[&str],
) -> Outcome {
    let measured = step(what, |_| {
        let built = built.get().context("the bench was not built")?;
        let mut bench = built.program("bench")?;
        bench.args(arguments).current_dir(workspace.root());
        process::outcome(&mut bench, JUDGE_LIMIT)
    });
    match measured {
        Ok((status, said)) => suites::count_checks(what, status, &said.stderr),
        Err(error) => Outcome::of(what, Err(error)),
    }
}
