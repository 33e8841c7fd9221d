//! Pages that the processor reads and writes by physical address.

#![expect(
    unsafe_code,
    reason = "memory that the processor writes behind the compiler's back"
)]

use core::cell::UnsafeCell;

use amd_svm::vmcb::{VMCB_SIZE, VmsaveState};

/// A page at a physical address equal to its own: memory is mapped one to one.
#[repr(C, align(4096))]
pub(crate) struct Page(UnsafeCell<[u8; VMCB_SIZE]>);

// SAFETY: each page has one processor that uses it; the boot processor reads the others' when they
// have said that they are done.
unsafe impl Sync for Page {}

impl Page {
    /// A page of zeros.
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new([0; VMCB_SIZE]))
    }

    /// Its address, virtual and physical.
    pub(crate) fn address(&self) -> usize {
        self.0.get().expose_provenance()
    }

    /// Overwrites it.
    pub(crate) fn write(&self, bytes: &[u8; VMCB_SIZE]) {
        // SAFETY: no reference to the content ever lives longer than such a call.
        unsafe { self.0.get().write(*bytes) };
    }

    /// Fills it with one byte.
    pub(crate) fn fill(&self, byte: u8) {
        self.write(&[byte; VMCB_SIZE]);
    }

    /// What it holds now.
    pub(crate) fn read(&self) -> [u8; VMCB_SIZE] {
        // SAFETY: the page belongs to this value, and there is no reference to it.
        unsafe { self.0.get().read() }
    }

    /// The eight bytes at an offset, which is a multiple of eight within the page.
    pub(crate) fn read_u64(&self, offset: usize) -> u64 {
        let place = self.0.get().cast::<[u8; 8]>().wrapping_byte_add(offset);
        assert!(
            offset.is_multiple_of(8) && offset < VMCB_SIZE,
            "within the page"
        );
        // SAFETY: the page belongs to this value, the place is in it, and there is no reference to it.
        u64::from_le_bytes(unsafe { place.read_volatile() })
    }

    /// What VMSAVE left in it.
    pub(crate) fn state(&self) -> VmsaveState {
        VmsaveState::read_from(&self.read())
    }

    /// Puts a state there, for VMLOAD.
    pub(crate) fn set_state(&self, state: &VmsaveState) {
        let mut bytes = self.read();
        state.write_to(&mut bytes);
        self.write(&bytes);
    }
}
