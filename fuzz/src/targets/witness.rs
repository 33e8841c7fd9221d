//! VMSAVE's state against a witness, and its canonical form.

use amd_svm::vmcb::VmsaveState;
use amd_svm::witness::{Witness, canonical, compare};

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let Some((&state, rest)) = bytes.split_first_chunk::<{ size_of::<VmsaveState>() }>() else {
        return;
    };
    let state: VmsaveState = bytemuck::must_cast(state);
    let once = canonical(&state);
    assert_eq!(canonical(&once), once);
    let Some(&witness) = rest.first_chunk::<{ size_of::<Witness>() }>() else {
        return;
    };
    let witness: Witness = bytemuck::must_cast(witness);
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
