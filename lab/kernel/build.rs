//! Hands the linker the memory layout of the kernel.

fn main() {
    println!("cargo:rerun-if-changed=link.ld");
    // Plain `cargo check` on the host has no use for a bare-metal layout.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
        println!("cargo:rustc-link-arg-bins=-T{directory}/link.ld");
        println!("cargo:rustc-link-arg-bins=--no-pie");
    }
}
