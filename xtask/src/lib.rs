//! What this repository makes, and how: the driver package and the lab kernel. What judges or
//! signs them builds on this; the commands of `cargo xtask` are in the program.

pub mod artifact;
pub mod check;
pub mod compiled_tools;
pub mod inf;
pub mod judge;
pub mod lab_options;
pub mod needs;
pub mod source_date;
