//! Objects and conventions of the Windows kernel, as types that own them.

pub(crate) mod event;
pub(crate) mod irp;
pub(crate) mod mutex;
pub(crate) mod status;
pub(crate) mod unicode_string;
pub(crate) mod wait;
