//! Who may open a device: descriptors, tokens, and the kernel's own handles.
//!
//! | module | what it is |
//! |---|---|
//! | [`dacl`] | access-control lists, as access checks read them |
//! | [`descriptor`] | security descriptors and access-control lists as drivers build them |
//! | [`handle`] | handles of the kernel, and what is set through them |
//! | [`sid`] | security identifiers |
//! | [`token`] | what threads are allowed |

pub(crate) mod dacl;
pub(crate) mod descriptor;
pub(crate) mod handle;
mod sid;
pub(crate) mod token;
