//! The host's requests: how they arrive and what is done about them.

pub mod channel;
mod exercise;
mod misuse;
mod own_driver;
pub mod server;
mod staging;
