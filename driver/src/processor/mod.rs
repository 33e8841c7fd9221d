//! What happens on one processor: its memory and its DPC, and the instructions of a capture.

pub(crate) mod capture;
pub(crate) mod context;
mod guarded;
mod node;
pub(crate) mod this_processor;
pub(crate) mod vmcb_page;
