//! What a built `svmsave.sys` is driven by in the lab: the client, and random calls. It takes files
//! and builds none, so that it is compiled while those are built.

pub mod lab_device;
pub mod random_calls;
