//! Tells the linker to make a driver.

fn main() {
    // Plain `cargo check` on the host has no use for a Windows image.
    if std::env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("msvc") {
        for argument in [
            "/DRIVER",
            "/SUBSYSTEM:NATIVE",
            "/ENTRY:DriverEntry",
            "/NODEFAULTLIB",
            "/RELEASE",
            "/Brepro",
        ] {
            println!("cargo:rustc-cdylib-link-arg={argument}");
        }
    }
}
