//! Threads, as far as drivers see them: an address that tells them apart, and a
//! token.

use lab_wire::Token;

use crate::processor;
use crate::sync::Lock;

/// Where in the processor control region the running thread's object would be.
const THREAD_OFFSET: u64 = 0x1000;

/// The token of the thread that a processor runs.
pub struct TokenCell(Lock<Token>);

impl TokenCell {
    /// System threads have the system's.
    pub const fn new() -> Self {
        Self(Lock::new(Token::System))
    }
}

/// `KeGetCurrentThread`: each processor runs one thread at a time, and a thread
/// never changes its processor.
pub fn current() -> *mut isize {
    crate::memory::paging::pointer(processor::current().control_region + THREAD_OFFSET)
}

/// The token of the running thread.
pub fn token() -> Token {
    *processor::current().token.0.lock()
}

/// Does something with another token.
pub fn with_token<R>(token: Token, f: impl FnOnce() -> R) -> R {
    let cell = &processor::current().token.0;
    let own = core::mem::replace(&mut *cell.lock(), token);
    let result = f();
    *cell.lock() = own;
    result
}
