//! Gives client.exe its icon and its version resource; the client for other systems has neither.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let version = env!("CARGO_PKG_VERSION");
    let macros = [
        format!("VERSION={version}.0"),
        format!("VERSION_WORDS={},0", version.replace('.', ",")),
    ];
    println!("cargo::rerun-if-changed=resources");
    embed_resource::compile_for("resources/client.rc", ["client"], &macros).manifest_optional()?;
    Ok(())
}
