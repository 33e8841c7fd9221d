//! `bench-peer`: what reading registers takes on Linux, by `/dev/cpu/N/msr` and msr-tools' `rdmsr`,
//! in a QEMU that counts the instructions of all processors.
//!
//! Kernel and msr-tools are Debian's, and are downloaded into the target folder. What reads is
//! `bench/peer/guest`, the init process there; which registers, it is told: those that svmsave's
//! driver reads beside VMSAVE.
//!
//! The figures go to stdout as JSON, by `WAY.QUANTITY.PROCESSORS`, and the versions of what was run.

mod archive;
mod guest;
mod initramfs;
mod linux;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use serde_json::json;
use wdk_linux::host::package::{self, Package, on_path};
use wdk_linux::host::{Workspace, step};

use archive::Archive;

/// Boot Debian's kernel, have rdmsr and two leaner programs read ten registers of each processor
/// there, and print how many instructions that takes, as JSON
#[derive(Parser)]
struct Cli {
    /// Numbers of processors, each of which is booted
    #[arg(required = true, value_name = "PROCESSORS", value_parser = clap::value_parser!(u32).range(1..=255))]
    processors: Vec<u32>,
}

/// What the kernel's package is found by: it depends on the newest kernel.
const KERNEL: &str = "linux-image-cloud-amd64";

/// What is needed of this machine, beside apt and QEMU.
const NEEDS: &[Package] = &[
    Package {
        name: "debian-archive-keyring",
        found: || archive::keyring().is_file(),
    },
    Package {
        name: "xz-utils",
        found: || on_path("xz"),
    },
];

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let workspace = Workspace::locate()?;
    archive::ensure_programs()?;
    package::ensure(NEEDS)?;
    let folder = workspace.target().join("peer");
    let archive = Archive::open(&folder)?;
    let linux = archive.get(&archive.dependency(KERNEL, "linux-image-")?)?;
    let msr_tools = archive.get("msr-tools")?;
    let libc = archive.get("libc6")?;
    let init = guest::build(&workspace)?;
    let initramfs = folder.join("initramfs.cpio");
    let sources = initramfs::Sources {
        init: &init,
        kernel: &linux.files,
        msr_tools: &msr_tools.files,
        libc: &libc.files,
    };
    initramfs::write(&sources, &initramfs)?;
    let image = initramfs::kernel(&linux.files)?;
    let mut figures: BTreeMap<String, u64> = BTreeMap::new();
    for &processors in &cli.processors {
        let what = format!("Linux on {processors} processors");
        let said = step(&what, |_| linux::boot(processors, &image, &initramfs))?;
        let named = said
            .least()
            .map(|(name, least)| (format!("{name}.{processors}"), least));
        figures.extend(named);
    }
    let versions = json!({
        "QEMU": linux::qemu_version()?,
        "Linux": linux.version,
        "msr-tools": msr_tools.version,
        "libc6": libc.version,
    });
    println!("{}", json!({ "versions": versions, "figures": figures }));
    Ok(())
}
