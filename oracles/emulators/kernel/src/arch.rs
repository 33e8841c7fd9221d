//! What differs between 64-bit and 32-bit code: paging, gates, stack frames.
//!
//! Both modules define the same names. `build_page_tables` and `enter_paging` are for
//! [`crate::boot`]; all memory is mapped one to one, open to ring 3, in large pages.

#[cfg(target_arch = "x86")]
mod x86;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86")]
pub(crate) use x86::*;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;
