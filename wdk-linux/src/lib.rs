//! Builds Windows drivers on `windows-drivers-rs` on Linux: a `wdk-build` that compiles there, a
//! stand-in for the Windows Driver Kit, and a workspace of its own to build in.
//!
//! The driver's own tree knows nothing of this: it builds with the stock crates and a real kit on
//! Windows, and its Cargo.lock is never written to from here.

mod cross_build;
pub mod host;
pub mod image;
mod import_library;
mod mingw;
pub mod needs;
mod resource_compiler;
mod sources;
mod staged_workspace;
mod stand_in;
mod wdk_build;

pub use self::cross_build::{CrossBuild, Image, remap, remap_registries, run_cargo};
pub use self::sources::{Sources, stand_in_files};
