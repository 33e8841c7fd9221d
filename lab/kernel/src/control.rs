//! The host's requests: how they arrive and what is done about them.

pub mod channel;
mod exercise;
pub mod fuzz;
mod misuse;
mod own_driver;
pub mod server;
mod staging;
mod together;
