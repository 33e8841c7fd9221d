//! Threads, as far as drivers see them: an address that tells them apart, and a
//! token.

use lab_wire::Token;

use crate::base::address;
use crate::base::lock::Lock;
use crate::processor;
use crate::processor::per_processor::{PROCESSOR_LIMIT, PerProcessor};

/// Where in the processor control region the running thread's object would be.
const THREAD_OFFSET: u64 = 0x1000;

/// The token of the thread that each processor runs. System threads have the system's.
static TOKENS: PerProcessor<Lock<Token>> =
    PerProcessor::new([const { Lock::new(Token::System) }; PROCESSOR_LIMIT]);

/// `KeGetCurrentThread`: each processor runs one thread at a time, and a thread
/// never changes its processor.
pub(crate) fn current() -> *mut isize {
    address::pointer(processor::current().control_region + THREAD_OFFSET)
}

/// The token of the running thread.
pub(crate) fn token() -> Token {
    *TOKENS.of(processor::current()).lock()
}

/// Does something with another token.
pub(crate) fn with_token<R>(token: Token, f: impl FnOnce() -> R) -> R {
    let cell = TOKENS.of(processor::current());
    let own = core::mem::replace(&mut *cell.lock(), token);
    let result = f();
    *cell.lock() = own;
    result
}
