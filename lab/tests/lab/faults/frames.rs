//! Faults in frames of every kind: whatever a function did with the registers of its
//! caller, the lab's unwinder restores them as the image's tables say.

use std::collections::BTreeSet;
use std::path::Path;

use lab::{Error, Lab};

use crate::support::unwind_tables::UnwindTables;
use crate::support::{built, config, kernel};

/// Operations of unwind codes, see `UNWIND_CODE`.
const PUSH: u8 = 0;
const ALLOCATE_LARGE: u8 = 1;
const ALLOCATE_SMALL: u8 = 2;
const SET_FRAME_REGISTER: u8 = 3;
const SAVE: u8 = 4;
const SAVE_FAR: u8 = 5;
const SAVE_XMM: u8 = 8;
const SAVE_XMM_FAR: u8 = 9;

fn load(driver: &Path) -> Result<u64, Error> {
    let mut lab = Lab::boot(&config(1), &kernel(), driver).unwrap();
    lab.load()
}

fn frames() -> UnwindTables {
    UnwindTables::read(&built("LAB_FRAMES"))
}

#[test]
fn every_register_comes_back_from_every_frame() {
    load(&built("LAB_FRAMES")).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_frames_need_every_operation_that_there_is() {
    let codes = frames().codes_of_faulting_functions();
    let operations: BTreeSet<u8> = codes.iter().map(|code| code.operation).collect();
    let all = [
        PUSH,
        ALLOCATE_LARGE,
        ALLOCATE_SMALL,
        SET_FRAME_REGISTER,
        SAVE,
        SAVE_FAR,
        SAVE_XMM,
        SAVE_XMM_FAR,
    ];
    assert_eq!(operations, BTreeSet::from(all));
    assert!(frames().has_chained_function());
}

#[test]
fn an_operation_that_names_another_register_is_noticed() {
    let codes = frames().codes_of_faulting_functions();
    let naming: Vec<_> = codes
        .iter()
        .filter(|code| {
            matches!(
                code.operation,
                PUSH | SAVE | SAVE_FAR | SAVE_XMM | SAVE_XMM_FAR
            )
        })
        .collect();
    assert!(naming.len() > 30, "{}", naming.len());
    let unnoticed = naming.into_iter().filter(|code| {
        let mut tables = frames();
        // One bit off: another register of the same kind.
        tables.set_byte(code.address + 1, code.operation | (code.register ^ 1) << 4);
        load(tables.write().path()).is_ok()
    });
    let unnoticed: Vec<_> = unnoticed.collect();
    // One prologue is left by its fault before it comes to that.
    assert_eq!(unnoticed.len(), 1, "{unnoticed:x?}");
    assert_eq!(unnoticed[0].operation, PUSH);
}
