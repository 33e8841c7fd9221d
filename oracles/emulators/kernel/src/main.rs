//! A bare-metal kernel that executes the intrinsics of `amd-svm` and says what it saw.
//!
//! It judges nothing: each trial prints what happened, and `cargo xtask oracles amd-svm` holds that
//! against what should have. The same source is built for x86-64 and for x86, and the same image
//! runs in QEMU and in Bochs.

#![no_std]
#![no_main]

mod arch;
mod boot;
mod console;
mod descriptors;
mod instruction;
mod page;
mod registers;
mod this_processor;
mod trap;
mod trials;

use core::panic::PanicInfo;

use console::say;

/// The first Rust code of each processor, in the order in which they started.
extern "C" fn processor_main(number: usize) -> ! {
    if number == 0 {
        descriptors::load(number);
        trials::run();
        trials::captures::run();
        say!("end");
        console::power_off();
    }
    if number < boot::PROCESSOR_LIMIT {
        descriptors::load(number);
        trials::captures::take(number);
    }
    registers::halt()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("panic {info}");
    console::power_off()
}
