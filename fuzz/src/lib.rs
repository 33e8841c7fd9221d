//! What the fuzz targets share: ways to the client's program, and a measure of memory.

mod memory;
mod program;

pub use memory::assert_bounded;
pub use program::{Replays, run_client, run_client_on};
