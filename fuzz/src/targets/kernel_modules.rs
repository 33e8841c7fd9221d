//! Windows' list of what is loaded into the kernel, and the names that addresses get by it.

use client::{KernelModule, Snapshot};
use crate::memory::assert_bounded;

/// Length of an entry of the list, in bytes.
const ENTRY: usize = 296;

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let modules = assert_bounded(bytes, KernelModule::parse_list);
    assert!(modules.len() <= bytes.len() / ENTRY);
    let mut snapshot = Snapshot::default();
    snapshot.modules = modules;
    for module in &snapshot.modules {
        assert_ne!(module.base, 0);
        let symbol = snapshot.symbolic(module.base);
        assert!(symbol.is_some() || module.size == 0);
        assert!(!symbol.unwrap_or_default().contains(char::is_control));
    }
}
