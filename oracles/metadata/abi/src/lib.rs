//! Lays what bindgen makes of the stand-in WDK beside Microsoft's own metadata for the same
//! structures, routines and constants, which `windows-sys` carries.
//!
//! There is nothing to run, since all of it is for another system: the compiler works out both
//! sides and leaves them, as [`Fact`]s, in the section `.facts` of the object file, where `cargo
//! xtask oracles` reads and compares them. It is a member of the staged workspace only, because it
//! needs wdk-sys.

#![no_std]
#![expect(unsafe_code, reason = "facts are put into a section of their own")]
#![expect(
    clippy::cast_possible_wrap,
    reason = "numbers of either side are compared by the same 64 bits"
)]

mod constants;
mod fact;
mod passing;
mod routines;
mod structures;

use fact::Fact;

/// Puts a list of facts into the section.
macro_rules! publish {
    ($name:ident = $facts:expr) => {
        #[used]
        // SAFETY: nothing but facts is in this section, and nothing looks for it at run time.
        #[unsafe(link_section = ".facts")]
        static $name: [Fact; $facts.len()] = fact::array($facts);
    };
}

publish! { CONSTANTS = constants::FACTS }
publish! { DOCUMENTED_CONSTANTS = constants::DOCUMENTED }
publish! { ENUMERATIONS = constants::ENUMERATIONS }
publish! { ROUTINES_OF_SERVICES = routines::SERVICES }
publish! { ROUTINES_OF_FILE_SYSTEM = routines::FILE_SYSTEM }
publish! { STRUCTURES = structures::FACTS }
publish! { UNNAMED_FIELDS = structures::UNNAMED }
publish! { DOCUMENTED_FIELDS = structures::DOCUMENTED }
publish! { SIMPLE_TYPES = structures::SIMPLE }
