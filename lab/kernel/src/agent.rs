//! The agent of the host: its commands, how they arrive and how they are carried out.
//!
//! | module | what it is |
//! |---|---|
//! | [`channel`] | commands of the host, in the order in which they arrive |
//! | [`conformance`] | using the lab's own routines, and checking the result |
//! | [`fuzz`] | random calls |
//! | [`physical`] | reading and writing physical memory |
//! | [`server`] | carrying out commands |
//! | [`smp`] | work for several processors |
//! | [`sync_points`] | getting threads into a certain order |
//! | [`test_driver`] | a driver inside the lab |
//! | [`threads`] | threads that make system calls |
//! | [`violations`] | breaking the lab's own rules on purpose |

pub(crate) mod channel;
mod conformance;
pub(crate) mod fuzz;
mod physical;
pub(crate) mod server;
mod smp;
mod sync_points;
mod test_driver;
mod threads;
mod violations;
