//! Addresses as text: which image, and where in it.

#![expect(unsafe_code, reason = "the search for a caller reads the stack")]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::arch::asm;

use super::mapped::{Image, Layout};
use crate::base::address::{self, KERNEL_BASE};
use crate::base::lock::Lock;
use crate::memory;

/// Words of the stack that the search for a caller looks at.
const STACK_WORDS: u64 = 512;

struct Known {
    image: Image,
    loaded: bool,
}

static IMAGES: Lock<Vec<Known>> = Lock::new(Vec::new());

/// Remembers a loaded image.
pub(crate) fn add(image: &Image) {
    IMAGES.lock().push(Known {
        image: image.clone(),
        loaded: true,
    });
}

/// Notes that an image is gone; its addresses keep their name.
pub(crate) fn retire(base: u64) {
    for known in IMAGES.lock().iter_mut() {
        if known.image.base == base {
            known.loaded = false;
        }
    }
}

/// The image that was loaded last, if it still is.
pub(crate) fn loaded() -> Option<Layout> {
    let images = IMAGES.lock();
    let last = images.last().filter(|known| known.loaded);
    last.map(|known| known.image.layout())
}

/// The loaded image that holds the code at an address.
pub(crate) fn executing(address: u64) -> Option<Layout> {
    let images = IMAGES.lock();
    let mut holding = images
        .iter()
        .filter(|known| known.loaded && known.image.executes(address));
    holding.next().map(|known| known.image.layout())
}

/// An address as `image+offset`; zero stands for the lab's own code, where
/// [`caller`] found no driver.
pub(crate) fn name(address: u64) -> String {
    if address == 0 {
        return String::from("the lab itself");
    }
    if address >= KERNEL_BASE {
        return format!("lab-kernel+{:#x}", address - KERNEL_BASE);
    }
    let images = IMAGES.lock();
    let mut holding = images
        .iter()
        .rev()
        .filter(|known| (known.image.base..known.image.base + known.image.size).contains(&address));
    holding.next().map_or_else(
        || format!("{address:#x}"),
        |known| {
            format!(
                "{}{}+{:#x}",
                known.image.name,
                if known.loaded { "" } else { " (unloaded)" },
                address - known.image.base
            )
        },
    )
}

/// Where the running driver called the kernel from: the latest return address on
/// the stack that follows a call instruction of a driver. Zero if there is none.
pub(crate) fn caller() -> u64 {
    let stack: u64;
    // SAFETY: reading RSP changes nothing.
    unsafe { asm!("mov {}, rsp", out(reg) stack, options(nomem, nostack, preserves_flags)) };
    let images = IMAGES.lock();
    let words = (stack..).step_by(8).take(address::to_usize(STACK_WORDS));
    for address in words {
        if !memory::is_mapped(address, 8, false) {
            break;
        }
        // SAFETY: the word was just found to be mapped.
        let word = unsafe { address::pointer::<u64>(address).read_volatile() };
        let in_driver = images
            .iter()
            .any(|known| known.loaded && known.image.executes(word));
        if in_driver && follows_call(word) {
            return word;
        }
    }
    0
}

/// Whether an address is one that the lab's own code called from.
pub(crate) fn is_return_to_lab(address: u64) -> bool {
    address >= KERNEL_BASE && follows_call(address)
}

/// Whether the bytes before an address are a near call: `E8` with a displacement,
/// or `FF /2` through memory or a register.
fn follows_call(address: u64) -> bool {
    let byte = |back: u64| {
        let address = address - back;
        memory::is_mapped(address, 1, false).then(|| {
            // SAFETY: the byte was just found to be mapped.
            unsafe { address::pointer::<u8>(address).read_volatile() }
        })
    };
    let indirect =
        |back: u64| byte(back) == Some(0xFF) && byte(back - 1).is_some_and(|m| m & 0x38 == 0x10);
    byte(5) == Some(0xE8) || [2, 3, 6, 7].into_iter().any(indirect)
}
