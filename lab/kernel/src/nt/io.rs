//! The I/O manager: drivers, devices and their names, files, requests.
//!
//! | module | what it is |
//! |---|---|
//! | [`buffers`] | the buffers of a control code |
//! | [`call`] | calling a driver's routines |
//! | [`device`] | device objects |
//! | [`driver`] | loading and unloading the driver |
//! | [`mod@file`] | file objects and the system calls on them |
//! | [`irp`] | I/O requests |
//! | [`major`] | major function codes |
//! | [`name`] | comparing and splitting object names |
//! | [`namespace`] | symbolic links |
//! | [`open_files`] | how many files are open |

pub(crate) mod buffers;
mod call;
pub(crate) mod device;
pub(crate) mod driver;
pub(crate) mod file;
pub(crate) mod irp;
pub(crate) mod major;
mod name;
pub(crate) mod namespace;
pub(crate) mod open_files;
