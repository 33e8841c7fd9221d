//! Gives client.exe its icon and its version resource, which the client for other systems lacks, and
//! every client what `--version` says of its sources and its target.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use winresource::WindowsResource;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=resources");
    println!("cargo::rustc-env=SVMSAVE_TARGET={}", env::var("TARGET")?);
    println!("cargo::rerun-if-env-changed=SVMSAVE_COMMIT");
    if let Some(commit) = commit() {
        println!("cargo::rustc-env=SVMSAVE_COMMIT={commit}");
    }
    if env::var("CARGO_CFG_TARGET_OS")? == "windows" {
        embed_resources()?;
    }
    Ok(())
}

/// Icon and version resource of client.exe.
fn embed_resources() -> Result<(), Box<dyn Error>> {
    const ENGLISH_OF_THE_UNITED_STATES: u16 = 0x0409;
    let version = format!("{}.0", env::var("CARGO_PKG_VERSION")?);
    let icon = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("resources/client.ico");
    let icon = icon.to_str().ok_or("the path to the icon is not Unicode")?;
    let mut resource = WindowsResource::new();
    resource.set_language(ENGLISH_OF_THE_UNITED_STATES);
    for (name, value) in [
        ("CompanyName", "svmsave"),
        (
            "FileDescription",
            "Shows what VMSAVE stores on every logical processor",
        ),
        ("FileVersion", &version),
        ("InternalName", "client"),
        ("LegalCopyright", "MIT OR Apache-2.0"),
        ("OriginalFilename", "client.exe"),
        ("ProductName", "svmsave"),
        ("ProductVersion", &version),
    ] {
        resource.set(name, value);
    }
    resource.set_icon(icon).compile_for("client")?;
    Ok(())
}

/// The commit that the sources are of, if it is known: the one that `SVMSAVE_COMMIT` names, for sources
/// without their history; or git's. It is not asked for a build that is not for release, which a new
/// commit would otherwise cause without need.
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
