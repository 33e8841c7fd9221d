//! Gives client.exe its icon and its version resource, which the client for other systems lacks, and
//! every client what `--version` says of its sources and its target.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let version = env!("CARGO_PKG_VERSION");
    let macros = [
        format!("VERSION={version}.0"),
        format!("VERSION_WORDS={},0", version.replace('.', ",")),
    ];
    println!("cargo::rerun-if-changed=resources");
    println!("cargo::rustc-env=SVMSAVE_TARGET={}", env::var("TARGET")?);
    println!("cargo::rerun-if-env-changed=SVMSAVE_COMMIT");
    if let Some(commit) = commit() {
        println!("cargo::rustc-env=SVMSAVE_COMMIT={commit}");
    }
    embed_resource::compile_for("resources/client.rc", ["client"], &macros).manifest_optional()?;
    Ok(())
}

/// The commit that the sources are of, if it is known: the one that whoever builds names, as there
/// where the sources lie without their history; or git's. It is not asked for a build that is not for
/// release, which a new commit would otherwise cause without need.
fn commit() -> Option<String> {
    if let Ok(named) = env::var("SVMSAVE_COMMIT") {
        let is_hash = named.len() >= 7 && named.bytes().all(|byte| byte.is_ascii_hexdigit());
        return is_hash.then_some(named);
    }
    if env::var("PROFILE").as_deref() != Ok("release") {
        return None;
    }
    // It grows with every commit, and with every change to another one.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).is_file() {
        println!("cargo::rerun-if-changed={log}");
    }
    git(&["rev-parse", "--short=12", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
