//! VMSAVE's state against a witness, and its canonical form.

use amd_svm::vmcb::VmsaveState;
use amd_svm::witness::{Witness, canonical, compare};
use zerocopy::FromBytes;

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let Ok((state, rest)) = VmsaveState::read_from_prefix(bytes) else {
        return;
    };
    let once = canonical(&state);
    assert_eq!(canonical(&once), once);
    let Ok((witness, _)) = Witness::read_from_prefix(rest) else {
        return;
    };
    // What makes no difference between two processors makes none to a witness.
    let agreement = |state| -> Vec<_> {
        compare(state, &witness)
            .map(|comparison| (comparison.field, comparison.agrees))
            .collect()
    };
    assert_eq!(agreement(&once), agreement(&state));
    for comparison in compare(&state, &witness) {
        assert!(comparison.agrees || comparison.vmsave != comparison.witness);
    }
}
