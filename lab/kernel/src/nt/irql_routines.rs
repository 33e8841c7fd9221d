//! Raising and lowering the IRQL.

use super::irql::{self, DISPATCH_LEVEL, HIGH_LEVEL};
use super::rules::Routine;

/// `KeGetCurrentIrql`: any level.
pub(crate) extern "win64" fn get_current() -> u8 {
    irql::current()
}

/// `KfRaiseIrql`: any level; the new one may not be lower.
pub(crate) extern "win64" fn raise(new: u8) -> u8 {
    raise_for(Routine("KfRaiseIrql"), new)
}

/// `KeRaiseIrqlToDpcLevel`: `<= DISPATCH_LEVEL`.
pub(crate) extern "win64" fn raise_to_dpc_level() -> u8 {
    raise_for(Routine("KeRaiseIrqlToDpcLevel"), DISPATCH_LEVEL)
}

fn raise_for(routine: Routine, new: u8) -> u8 {
    let old = irql::current();
    routine.require(
        new <= HIGH_LEVEL,
        "level",
        format_args!("IRQL {new} doesn't exist"),
    );
    routine.require(
        old <= new,
        "level",
        format_args!("raises from IRQL {old} to {new}, which is lower"),
    );
    irql::set(new);
    old
}

/// `KeLowerIrql`: the new level may not be higher.
pub(crate) extern "win64" fn lower(new: u8) {
    let old = irql::current();
    Routine("KeLowerIrql").require(
        new <= old,
        "level",
        format_args!("lowers from IRQL {old} to {new}, which is higher"),
    );
    irql::set(new);
}
