//! Outcomes of processors: what is understood is understood the same way when it is sent again.

use protocol::Outcome;
use zerocopy::FromBytes;

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let Ok((outcome, _)) = Outcome::read_from_prefix(bytes) else {
        return;
    };
    if let Some(refusal) = outcome.refusal() {
        assert!(!outcome.is_done());
        assert_eq!(Outcome::from(refusal).refusal(), Some(refusal));
    }
}
