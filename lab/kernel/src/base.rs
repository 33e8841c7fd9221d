//! What every layer stands on: locks, the log, random numbers, addresses, and the way in which a
//! run ends. Knows nothing of the other layers: what it needs of them is in [`hooks`].
//!
//! | module | what it is |
//! |---|---|
//! | [`address`] | which part of the address space holds what |
//! | [`crash`] | how a run ends early, from any state |
//! | [`hooks`] | the routines of upper layers that lower layers call |
//! | [`lock`] | the kernel's lock |
//! | [`log`] | lines for the host's log |
//! | [`qemu`] | ending QEMU |
//! | [`random`] | numbers that the seed determines |
//! | [`serial`] | the serial port, which leads to the host |
//! | [`stopping`] | whether the run is being ended |
//! | [`this_processor`] | what a processor says of itself |
//! | [`trap_frame`] | the registers at an exception |

pub(crate) mod address;
pub(crate) mod crash;
pub(crate) mod hooks;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod qemu;
pub(crate) mod random;
pub(crate) mod serial;
pub(crate) mod stopping;
pub(crate) mod this_processor;
pub(crate) mod trap_frame;
