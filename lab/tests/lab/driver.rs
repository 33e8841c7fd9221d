//! The packaged svmsave.sys at work: what it reports against what the lab's kernel knows to be
//! true, what it leaves behind, and what it does with requests that make no sense.

mod checked;
mod client;
mod dispatch_level;
mod instructions;
mod machine;
mod padding;
mod requests;
mod snapshot;
