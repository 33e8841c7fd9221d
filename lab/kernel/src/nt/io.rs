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

pub mod buffers;
mod call;
pub mod device;
pub mod driver;
pub mod file;
pub mod irp;
pub mod major;
mod name;
pub mod namespace;
pub mod open_files;
