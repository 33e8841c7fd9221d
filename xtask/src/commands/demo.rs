//! `cargo xtask demo`: the driver at work, on a machine with nothing but QEMU.

use std::ffi::OsString;
use std::io;
use std::iter;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Result, anyhow};
use client::Terminal;
use lab::Config;
use wdk_linux::host;
use wdk_linux::host::Workspace;
use wdk_linux::host::step;
use xtask::artifact::{self, Profile};
use xtask::lab_device::{self, LabDevice};
use xtask::needs;

use super::elsewhere::Elsewhere;

/// Boot the lab, start the driver, and run the client against it
#[derive(clap::Args)]
pub struct Args {
    /// Logical processors of the lab
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8,
        value_parser = clap::value_parser!(u32).range(1..=255)
    )]
    cpus: u32,

    /// Processor model of QEMU, with its flags: `max,-svm`, `Skylake-Server`
    #[arg(long, value_name = "M", default_value = "max")]
    cpu_model: String,

    /// One more argument for QEMU; may be repeated
    #[arg(
        long = "qemu-arg",
        id = "qemu-arg",
        value_name = "A",
        allow_hyphen_values = true
    )]
    qemu: Vec<OsString>,

    #[command(flatten)]
    elsewhere: Elsewhere,

    /// Arguments for the client, such as `show --json`
    #[arg(last = true, value_name = "CLIENT ARGS")]
    client: Vec<OsString>,
}

/// Builds what is missing, boots, loads, and hands over to the client: its output and its exit
/// code are the command's.
pub fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    if let Some(outcome) = args.elsewhere.run(workspace) {
        return outcome;
    }
    let (driver, kernel) = build(workspace)?;
    let config = Config {
        processors: args.cpus,
        processor_model: args.cpu_model.clone(),
        qemu_arguments: args.qemu.clone(),
        ..Config::default()
    };
    let what = format!("booting {} processors, starting the driver", args.cpus);
    let booted = step(&what, |_| lab_device::boot(&config, &kernel, &driver));
    let (mut lab, modules) = booted?;
    let code = client::run(
        iter::once(OsString::from("client")).chain(args.client.iter().cloned()),
        || Ok(Box::new(LabDevice::open(&mut lab, &modules)?)),
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
        Terminal::of_stdout(),
    );
    lab.shutdown()?;
    Ok(ExitCode::from(code))
}

/// Builds the driver and the lab's kernel side by side; the kernel needs no packages, and is
/// compiled while they are installed.
pub fn build(workspace: &Workspace) -> Result<(PathBuf, PathBuf)> {
    host::ensure(
        workspace,
        &[],
        &[needs::DRIVER_TARGET, needs::KERNEL_TARGET],
    )?;
    thread::scope(|scope| {
        let kernel = scope.spawn(|| artifact::build_kernel(workspace));
        let driver = host::ensure(workspace, needs::DEMO, &[])
            .and_then(|()| artifact::build_driver(workspace, Profile::Release));
        let kernel = kernel.join().map_err(|_| anyhow!("a thread ended early"))?;
        Ok((driver?, kernel?))
    })
}
