//! VMCB pages as types: every byte is kept, VMSAVE's share goes out and in again, and an exit has
//! a name.

use amd_svm::vmcb::{VMCB_SIZE, VMSAVE_RANGES, Vmcb, VmsaveState};

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let mut page = [0; VMCB_SIZE];
    let length = bytes.len().min(VMCB_SIZE);
    page[..length].copy_from_slice(&bytes[..length]);
    let mut vmcb: Vmcb = bytemuck::must_cast(page);
    assert_eq!(bytemuck::bytes_of(&vmcb), page);

    let state = vmcb.save.vmsave_state();
    assert_eq!(state, VmsaveState::read_from(&page));
    vmcb.save.set_vmsave_state(&VmsaveState::default());
    let mut cleared = page;
    for range in VMSAVE_RANGES {
        cleared[range].fill(0);
    }
    assert_eq!(bytemuck::bytes_of(&vmcb), cleared);
    state.write_to(&mut cleared);
    assert_eq!(cleared, page);

    let name = vmcb.control.exit_code.to_string();
    assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic()));
    let number = name.strip_prefix("0x");
    let number = number.map(|digits| u64::from_str_radix(digits, 16));
    assert!(number.is_none_or(|number| number == Ok(vmcb.control.exit_code.0)));
}
