//! What Windows' kernel offers to drivers, one module for each kind of object.
//!
//! Every routine that a driver can import is an `extern "win64"` function here.
//! Its first doc line gives the IRQL that its documentation page allows, and it
//! checks that, and its arguments, before it does anything. A violation ends the
//! run: see [`rules`]. [`exports`] is the list of them all.

pub mod contiguous;
pub mod crash_report;
pub mod debug;
pub mod dispatcher;
pub mod dpc;
pub mod exception;
pub mod exports;
pub mod hot_add;
pub mod io;
pub mod irql;
pub mod irql_routines;
pub mod mutex_owners;
pub mod nodes;
pub mod pool;
pub mod processor_routines;
pub mod processors;
pub mod report;
pub mod resources;
pub mod rtl;
pub mod rules;
pub mod security;
pub mod status;
pub mod structures;
pub mod thread;

use alloc::vec::Vec;

use processors::Place;

/// Sets everything up that has an address or a size of its own.
pub fn initialize(places: Vec<Place>, nodes: Vec<u16>, parked: u32) {
    processors::initialize(places, parked);
    nodes::initialize(nodes);
    pool::initialize();
    contiguous::initialize();
}
