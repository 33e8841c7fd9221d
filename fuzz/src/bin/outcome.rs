//! Outcomes of processors: what is understood is understood the same way when it is sent again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use protocol::Outcome;
use zerocopy::FromBytes;

fuzz_target!(|bytes: &[u8]| {
    let Ok((outcome, _)) = Outcome::read_from_prefix(bytes) else {
        return;
    };
    if let Some(refusal) = outcome.refusal() {
        assert!(!outcome.is_done());
        assert_eq!(Outcome::from(refusal).refusal(), Some(refusal));
    }
});
