//! Objects and conventions of the Windows kernel, as types that own them. Nothing here knows what
//! this driver is for.

pub(crate) mod dpc;
pub(crate) mod event;
pub(crate) mod irp;
pub(crate) mod mutex;
pub(crate) mod pool;
pub(crate) mod status;
pub(crate) mod unicode_string;
pub(crate) mod wait;
