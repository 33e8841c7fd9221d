//! What the tokens are that a test presents, and what they hold.

use alloc::vec::Vec;

use lab_wire::Token;
use windows_sys::Win32::Foundation::LUID;

use super::sid::Sid;
use crate::nt::rules::Routine;
use crate::nt::{irql, thread};

/// `SE_CHANGE_NOTIFY_PRIVILEGE`, which every token holds.
const CHANGE_NOTIFY: u32 = 23;

/// `SE_DEBUG_PRIVILEGE`.
const DEBUG: u32 = 20;

/// `SE_MIN_WELL_KNOWN_PRIVILEGE` to `SE_MAX_WELL_KNOWN_PRIVILEGE`.
const WELL_KNOWN: core::ops::RangeInclusive<u32> = 2..=36;

/// The user of a token and its groups.
pub(crate) fn identifiers(token: Token) -> Vec<Sid> {
    let everyone = Sid::new(1, &[0]);
    let authenticated = Sid::new(5, &[11]);
    let administrators = Sid::new(5, &[32, 544]);
    let users = Sid::new(5, &[32, 545]);
    let account = |number| Sid::new(5, &[21, 1, 2, 3, number]);
    let mut identifiers = alloc::vec![everyone, authenticated];
    match token {
        Token::System => identifiers.extend([Sid::new(5, &[18]), administrators]),
        Token::Administrator | Token::AdministratorWithoutDebug => {
            identifiers.extend([account(1001), administrators, users]);
        }
        Token::User => identifiers.extend([account(1002), users]),
    }
    identifiers
}

/// Whether a privilege is held and enabled.
fn has_privilege(token: Token, privilege: u32) -> bool {
    match privilege {
        CHANGE_NOTIFY => true,
        DEBUG => matches!(token, Token::System | Token::Administrator),
        _ => token == Token::System,
    }
}

/// `SeSinglePrivilegeCheck`: `PASSIVE_LEVEL`.
pub(crate) extern "win64" fn single_privilege_check(privilege: LUID, mode: i8) -> u8 {
    const ROUTINE: Routine = Routine("SeSinglePrivilegeCheck");
    const KERNEL_MODE: i8 = 0;
    ROUTINE.irql_at_most(irql::PASSIVE_LEVEL);
    let LUID { LowPart, HighPart } = privilege;
    ROUTINE.require(
        HighPart == 0 && WELL_KNOWN.contains(&LowPart),
        "privilege",
        format_args!("{HighPart:#x}:{LowPart:#x} is no privilege that is known"),
    );
    (mode == KERNEL_MODE || has_privilege(thread::token(), LowPart)).into()
}
