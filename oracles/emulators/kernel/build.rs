//! Hands the linker the memory layout of the kernel.

fn main() {
    println!("cargo:rerun-if-changed=link.ld");
    let directory = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    println!("cargo:rustc-link-arg-bins=-T{directory}/link.ld");
}
