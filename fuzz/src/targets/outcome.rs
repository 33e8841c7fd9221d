//! Outcomes of processors: what is understood is understood the same way when it is sent again.

use protocol::Outcome;

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let Some(&bytes) = bytes.first_chunk::<{ size_of::<Outcome>() }>() else {
        return;
    };
    let outcome: Outcome = bytemuck::must_cast(bytes);
    if let Some(refusal) = outcome.refusal() {
        assert!(!outcome.is_done());
        assert_eq!(Outcome::from(refusal).refusal(), Some(refusal));
    }
}
