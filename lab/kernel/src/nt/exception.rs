//! Structured exception handling: from a trap in a driver to its handler, through
//! the tables of the driver's own image.
//!
//! | module | what it is |
//! |---|---|
//! | [`context`] | the registers |
//! | [`dispatch`] | from a trap to a handler |
//! | [`frame`] | leaving one frame |
//! | [`handler`] | calling handlers |
//! | [`injection`] | making instructions raise exceptions that they don't |
//! | [`scope`] | `__C_specific_handler` |
//! | [`tables`] | function table and unwind information |
//! | [`unwind`] | leaving all frames up to a target |

mod context;
pub(crate) mod dispatch;
mod frame;
mod handler;
pub(crate) mod injection;
pub(crate) mod scope;
pub(crate) mod tables;
mod unwind;
