//! What Windows' kernel offers to drivers, one module for each kind of object.
//!
//! Every routine that a driver can import is an `extern "win64"` function here.
//! Its first doc line gives the IRQL that its documentation page allows, and it
//! checks that, and its arguments, before it does anything. A violation ends the
//! run: see [`rules`]. [`exports`] is the list of them all.

pub(crate) mod contiguous;
pub(crate) mod crash_report;
pub(crate) mod debug;
pub(crate) mod dispatcher;
pub(crate) mod dpc;
pub(crate) mod exception;
pub(crate) mod exports;
pub(crate) mod hot_add;
pub(crate) mod io;
pub(crate) mod irql;
pub(crate) mod irql_routines;
pub(crate) mod mutex_owners;
pub(crate) mod nodes;
pub(crate) mod pool;
pub(crate) mod processor_routines;
pub(crate) mod processors;
pub(crate) mod report;
pub(crate) mod resources;
pub(crate) mod rtl;
pub(crate) mod rules;
pub(crate) mod security;
pub(crate) mod status;
pub(crate) mod structures;
pub(crate) mod thread;

use alloc::vec::Vec;

use processors::Place;

/// Sets everything up that has an address or a size of its own.
pub(crate) fn initialize(places: Vec<Place>, nodes: Vec<u16>, parked: u32) {
    processors::initialize(places, parked);
    nodes::initialize(nodes);
    pool::initialize();
    contiguous::initialize();
}
