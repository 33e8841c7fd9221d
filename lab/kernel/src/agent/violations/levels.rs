//! Violations of the rules of raising and lowering the IRQL.

use lab_wire::Violation;

use crate::nt::{irql, irql_routines};

/// Breaks a rule.
pub(super) fn violate(kind: Violation) {
    if kind == Violation::RaiseIrqlDown {
        irql_routines::raise(irql::DISPATCH_LEVEL);
        irql_routines::raise(irql::APC_LEVEL);
    } else {
        irql_routines::lower(irql::DISPATCH_LEVEL);
    }
}
