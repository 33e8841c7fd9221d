//! The driver's image: from its file to pages with the rights that its sections ask for, and
//! away again.
//!
//! | module | what it is |
//! |---|---|
//! | [`loader`] | mapping and unmapping |
//! | [`mapped`] | what is known of a mapped image |
//! | [`pe`] | reading the file |
//! | [`symbol`] | addresses as text |

pub(crate) mod loader;
pub(crate) mod mapped;
mod pe;
pub(crate) mod symbol;
