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

pub mod address;
pub mod crash;
pub mod hooks;
pub mod lock;
pub mod log;
pub mod qemu;
pub mod random;
pub mod serial;
pub mod stopping;
pub mod this_processor;
pub mod trap_frame;
