//! The steps, each of which asks, notes what it sees, and judges.

pub(super) mod access;
pub(super) mod cost;
pub(super) mod installation;
pub(super) mod requests;
pub(super) mod restarts;
pub(super) mod snapshots;
pub(super) mod status;
pub(super) mod system;
