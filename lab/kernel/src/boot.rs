//! From the loader's entry point to all processors waiting for work.

#![expect(unsafe_code, reason = "booting changes stacks and takes memory over")]

mod command_line;
mod entry;
mod hooks;
mod trampoline;

use core::alloc::Layout;
use core::arch::asm;
use core::hint;
use core::ops::Range;
use core::slice;
use core::sync::atomic::{AtomicU32, Ordering};

use lab_wire::{Message, Ready};
use pvh::start_info::reader::{MemMap, StartInfoReader};
use pvh::start_info::{MemmapTableEntry, MemmapType, ModlistEntry, StartInfo};

use crate::agent::server;
use crate::base::{address, random, serial};
use crate::image::loader;
use crate::memory::paging::{self, Protection};
use crate::memory::{self, processors as processor_memory};
use crate::nt::{self, processors};
use crate::processor::{self, apic, environment, idle, interrupts, startup, timer};
use command_line::CommandLine;

static STARTED: AtomicU32 = AtomicU32::new(1);

unsafe extern "C" {
    safe static kernel_end: u8;
}

/// The boot processor's first Rust code, on the boot stack and page tables.
extern "C" fn boot_processor(start_info: u32) -> ! {
    crate::base::hooks::install(hooks::HOOKS);
    serial::initialize();
    interrupts::load_boot_table();
    // SAFETY: the loader passed the address, and the boot tables have a physical
    // map, which the real ones keep.
    let start_info = unsafe { StartInfoReader::from_paddr(start_info, PhysicalMap) };
    let start_info = start_info.expect("a PVH loader");

    let driver = first_module(start_info.raw());
    let free = free_memory(start_info.memmap(), &driver);
    // SAFETY: everything that is in use has been left out of `free`.
    unsafe { memory::initialize(free) };

    let command_line = start_info
        .cmdline()
        .map_or("", |text| text.to_str().expect("plain text"));
    let command_line = CommandLine::parse(command_line);
    random::initialize(command_line.seed);
    while timer::ticks() < command_line.not_before {
        hint::spin_loop();
    }
    let start = address::physical_pointer::<u8>(driver.start);
    let length = address::to_usize(driver.end - driver.start);
    // SAFETY: the loader put the file there, and `free` left it out.
    let file = unsafe { slice::from_raw_parts(start, length) };
    loader::initialize(&command_line.driver, file);
    processor_memory::randomize();
    environment::randomize();
    nt::initialize(command_line.places, command_line.nodes, command_line.parked);
    for (address, physical) in apic::REGISTERS {
        paging::map(address, physical, Protection::Device);
    }
    processor::initialize((0..command_line.processors).map(|_| processor_memory::allocate()));
    let here = processor::get(0).expect("one processor at least");
    change_stack(here.thread_stack)
}

/// Where the first boot module lies. QEMU aligns its list of modules to nothing,
/// which the reader of the other structures does not accept.
fn first_module(start_info: &StartInfo) -> Range<u64> {
    if start_info.nr_modules == 0 {
        return 0..0;
    }
    let entry = address::physical_pointer::<ModlistEntry>(start_info.modlist_paddr);
    // SAFETY: the loader put an entry there, which the physical map shows.
    let module = unsafe { entry.read_unaligned() };
    module.paddr..module.paddr + module.size
}

/// The range above the kernel that neither it nor the driver's file occupies.
/// What the loader left below 1 MiB stays as it is.
fn free_memory(map: &[MemmapTableEntry], driver: &Range<u64>) -> Range<u64> {
    let kernel = (&raw const kernel_end).addr() as u64 - address::KERNEL_BASE;
    let range = map
        .iter()
        .filter(|entry| entry.ty() == MemmapType::Ram)
        .map(|entry| entry.addr..entry.addr + entry.size)
        .find(|range| range.contains(&kernel))
        .expect("the kernel lies in memory");
    let end = if range.contains(&driver.start) {
        driver.start
    } else {
        range.end
    };
    kernel..end
}

/// Tells the loader's structures from physical addresses.
struct PhysicalMap;

impl MemMap for PhysicalMap {
    fn ptr(&self, physical: usize, _layout: Layout) -> *const u8 {
        address::physical_pointer(physical as u64)
    }
}

/// Continues in [`boot_processor_on_own_stack`].
fn change_stack(stack: u64) -> ! {
    // SAFETY: the stack is fresh, and nothing on the old one is needed any more.
    unsafe {
        asm!(
            "mov rsp, {stack}",
            "call {next}",
            "ud2",
            stack = in(reg) stack,
            next = sym boot_processor_on_own_stack,
            options(noreturn)
        )
    }
}

extern "C" fn boot_processor_on_own_stack() -> ! {
    startup::bring_up(processor::get(0).expect("the boot processor"));
    start_others();
    apic::route_serial();
    serial::enable_receiving();
    x86_64::instructions::interrupts::enable();
    serial::send(&Message::Ready(Ready {
        processors: processors::active(),
        groups: processors::shape(),
        memory: memory::end_of_memory(),
    }));
    server::serve()
}

/// Starts all other processors at once and waits for them.
fn start_others() {
    trampoline::start_others();
    while STARTED.load(Ordering::SeqCst) < processor::count() {
        hint::spin_loop();
    }
}

/// An application processor's first Rust code, on its own stack.
extern "C" fn application_processor(apic_id: u32) -> ! {
    let here = processor::get(apic_id).expect("only known processors have a stack");
    startup::bring_up(here);
    STARTED.fetch_add(1, Ordering::SeqCst);
    x86_64::instructions::interrupts::enable();
    idle::run()
}
