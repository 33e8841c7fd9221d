//! Tells rustc how to compile and link against the WDK, and with which version resource.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    wdk_build::configure_wdk_binary_build()?;
    let version = env!("CARGO_PKG_VERSION");
    let macros = [
        format!("VERSION={version}.0"),
        format!("VERSION_WORDS={},0", version.replace('.', ",")),
    ];
    println!("cargo::rerun-if-changed=svmsave.rc");
    embed_resource::compile_for_cdylib("svmsave.rc", &macros).manifest_required()?;
    Ok(())
}
