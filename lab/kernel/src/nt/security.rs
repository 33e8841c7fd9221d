//! Who may open a device: descriptors, tokens, and the kernel's own handles.
//!
//! | module | what it is |
//! |---|---|
//! | [`descriptor`] | security descriptors and access-control lists as drivers build them |
//! | [`handle`] | handles of the kernel, and what is set through them |
//! | [`sid`] | security identifiers |
//! | [`token`] | what threads are allowed |

pub mod descriptor;
pub mod handle;
mod sid;
pub mod token;

use alloc::vec::Vec;

use lab_wire::Token;

use sid::Sid;

/// An entry that allows something.
#[derive(Debug, Clone)]
pub struct Allowed {
    /// Whom.
    sid: Sid,
    /// What.
    mask: u32,
}

/// Who may do what with an object. Nobody else may do anything.
#[derive(Debug, Clone)]
pub struct Dacl(Vec<Allowed>);

impl Dacl {
    /// Whether a token gets all of an access mask, none of whose rights is generic.
    pub fn grants(&self, token: Token, desired: u32) -> bool {
        let identifiers = token::identifiers(token);
        let granted = self
            .0
            .iter()
            .filter(|entry| identifiers.contains(&entry.sid))
            .fold(0, |granted, entry| {
                granted | descriptor::map_generic(entry.mask)
            });
        desired & !granted == 0
    }
}
