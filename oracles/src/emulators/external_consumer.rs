//! A crate outside the workspace that uses `amd-svm` as it would come from a registry, and nothing
//! else: a use of each intrinsic, and the example of a hypervisor.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, BUILD_LIMIT};
use wdk_linux::host::step;
use wdk_linux::host::workspace::{read_text, write_if_changed};

use super::INTRINSICS;

/// In the crate's folder they are links to the repository's own, which `cargo package` follows.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];

/// The package's example of a hypervisor, which becomes a module of the consumer.
const EXAMPLE: &str = "examples/hypervisor.rs";

/// The function of the consumer that runs that example, on the targets that have it.
pub(super) const HYPERVISOR: &str = "consumer_hypervisor";

/// A use of each intrinsic, under a name of its own: `consumer_svm_vmsave`; and of the example.
fn source() -> String {
    let uses = INTRINSICS.map(|intrinsic| {
        let (parameters, arguments) = match intrinsic {
            "svm_vmrun" | "svm_vmload" | "svm_vmsave" => ("a: usize", "a"),
            "svm_skinit" => ("a: u32", "a"),
            "svm_invlpga" => ("a: usize, b: u32", "a, b"),
            _ => ("", ""),
        };
        format!(
            "#[unsafe(no_mangle)]\n\
             pub unsafe extern \"C\" fn consumer_{intrinsic}({parameters}) {{\n    \
             unsafe {{ amd_svm::intrinsics::{intrinsic}({arguments}) }}\n}}\n"
        )
    });
    format!(
        "#![no_std]\n#![warn(unsafe_code)]\n#![allow(missing_docs)]\n\npub mod hypervisor;\n\n{}\n\
         #[cfg(target_arch = \"x86_64\")]\n\
         #[unsafe(no_mangle)]\n\
         pub unsafe extern \"C\" fn {HYPERVISOR}(machine: &'static mut hypervisor::Machine) {{\n    \
         unsafe {{ hypervisor::run(machine, |_| ()) }}\n}}\n",
        uses.join("\n")
    )
}

/// The library that was built for a target.
pub(super) struct Library {
    /// The target.
    pub target: &'static str,
    /// The bytes of the archive.
    pub bytes: Vec<u8>,
}

/// Packages the crate, and builds the consumer with it for each target.
pub(super) fn build(workspace: &Workspace, targets: &[&'static str]) -> Result<Vec<Library>> {
    let package = step("packaging amd-svm", |_| package(workspace))?;
    let folder = workspace.target().join("consumer");
    let manifest = format!(
        "[package]\nname = \"consumer\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [workspace]\n\n[dependencies]\namd-svm = {{ path = \"{}\" }}\n",
        package.display()
    );
    write_if_changed(&folder.join("Cargo.toml"), manifest)?;
    write_if_changed(&folder.join("src/lib.rs"), source())?;
    let example = read_text(&package.join(EXAMPLE))?;
    write_if_changed(&folder.join("src/hypervisor.rs"), example)?;
    let lock = read_text(&workspace.root().join("Cargo.lock"))?;
    fs::write(folder.join("Cargo.lock"), lock).context("cannot seed the lock file")?;
    targets
        .iter()
        .map(|&target| {
            step(&format!("a crate outside, {target}"), |_| {
                let mut cargo = workspace.cargo();
                cargo.args(["build", "--quiet", "--release", "--target", target]);
                cargo.arg("--target-dir").arg(folder.join("target"));
                // Not the flags of this workspace, nor its folder's configuration.
                cargo
                    .env("CARGO_ENCODED_RUSTFLAGS", "")
                    .current_dir(&folder);
                process::run(&mut cargo, BUILD_LIMIT)
            })?;
            let path = folder
                .join("target")
                .join(target)
                .join("release/libconsumer.rlib");
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(Library { target, bytes })
        })
        .collect()
}

/// `cargo package`, and where it unpacks what it packed and builds it.
fn package(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("svm-package");
    let mut cargo = workspace.cargo();
    cargo.args([
        "package",
        "--quiet",
        "--allow-dirty",
        "--package",
        "amd-svm",
    ]);
    cargo.arg("--target-dir").arg(&folder);
    process::run(&mut cargo, BUILD_LIMIT)?;
    let unpacked = folder.join("package");
    let found = fs::read_dir(&unpacked)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.join("Cargo.toml").is_file());
    let Some(package) = found else {
        bail!("cargo package left nothing in {}", unpacked.display());
    };
    for licence in LICENCES {
        let ours = read_text(&workspace.root().join(licence))?;
        let packed = read_text(&package.join(licence))?;
        ensure!(packed == ours, "the package has another {licence}");
    }
    Ok(package)
}
