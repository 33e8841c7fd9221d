//! From the loader's entry point to all processors waiting for work.

#![expect(unsafe_code, reason = "booting changes stacks and takes memory over")]

mod command_line;
mod entry;

use core::alloc::Layout;
use core::arch::asm;
use core::hint;
use core::ops::Range;
use core::slice;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use lab_wire::{Message, Ready};
use pvh::start_info::reader::{MemMap, StartInfoReader};
use pvh::start_info::{MemmapTableEntry, MemmapType, ModlistEntry, StartInfo};

use crate::control::{self, channel};
use crate::memory::{self, layout, paging};
use crate::nt::{self, processors};
use crate::processor::{self, apic, idle, interrupts, registers};
use crate::{image, random};
use command_line::CommandLine;

/// Local APIC identifiers are eight bits wide.
const PROCESSOR_LIMIT: usize = 256;

/// Where each application processor finds its stack, by local APIC identifier.
/// Those that find none stop at once.
pub static START_STACKS: [AtomicU64; PROCESSOR_LIMIT] =
    [const { AtomicU64::new(0) }; PROCESSOR_LIMIT];

/// Physical address of the page tables that application processors are to use.
pub static START_TABLES: AtomicU64 = AtomicU64::new(0);

static STARTED: AtomicU32 = AtomicU32::new(1);

unsafe extern "C" {
    safe static kernel_end: u8;
}

/// The boot processor's first Rust code, on the boot stack and page tables.
extern "C" fn boot_processor(start_info: u32) -> ! {
    channel::initialize();
    interrupts::load_boot_table();
    // SAFETY: The loader passed the address, and the boot tables have a physical
    // map, which the real ones keep.
    let start_info = unsafe { StartInfoReader::from_paddr(start_info, PhysicalMap) };
    let start_info = start_info.expect("a PVH loader");

    let driver = first_module(start_info.raw());
    let free = free_memory(start_info.memmap(), &driver);
    // SAFETY: Everything that is in use has been left out of `free`.
    unsafe { memory::initialize(free) };

    let command_line = start_info
        .cmdline()
        .map_or("", |text| text.to_str().expect("plain text"));
    let command_line = CommandLine::parse(command_line);
    random::initialize(command_line.seed);
    let start = paging::physical_pointer::<u8>(driver.start);
    let length = paging::to_usize(driver.end - driver.start);
    // SAFETY: The loader put the file there, and `free` left it out.
    let file = unsafe { slice::from_raw_parts(start, length) };
    image::initialize(&command_line.driver, file);
    registers::randomize();
    nt::initialize(command_line.places, command_line.nodes, command_line.parked);
    apic::initialize();
    processor::initialize(command_line.processors);
    let here = processor::get(0).expect("one processor at least");
    continue_on(here.thread_stack)
}

/// Where the first boot module lies. QEMU aligns its list of modules to nothing,
/// which the reader of the other structures takes amiss.
fn first_module(start_info: &StartInfo) -> Range<u64> {
    if start_info.nr_modules == 0 {
        return 0..0;
    }
    let entry = paging::physical_pointer::<ModlistEntry>(start_info.modlist_paddr);
    // SAFETY: The loader put an entry there, which the physical map shows.
    let module = unsafe { entry.read_unaligned() };
    module.paddr..module.paddr + module.size
}

/// The range above the kernel that neither it nor the driver's file occupies.
/// What the loader left below 1 MiB stays as it is.
fn free_memory(map: &[MemmapTableEntry], driver: &Range<u64>) -> Range<u64> {
    let kernel = (&raw const kernel_end).addr() as u64 - layout::KERNEL_BASE;
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
        paging::physical_pointer(physical as u64)
    }
}

/// Goes on in [`boot_processor_on_own_stack`].
fn continue_on(stack: u64) -> ! {
    // SAFETY: The stack is fresh, and nothing on the old one is needed any more.
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
    processor::get(0).expect("the boot processor").take_over();
    start_others();
    apic::route_serial();
    channel::enable_receiving();
    x86_64::instructions::interrupts::enable();
    channel::send(&Message::Ready(Ready {
        processors: processors::active(),
        groups: processors::shape(),
        memory: memory::end_of_memory(),
    }));
    control::server::serve()
}

/// Starts all other processors at once and waits for them.
fn start_others() {
    let start = (&raw const entry::trampoline_start).addr();
    let length = (&raw const entry::trampoline_end).addr() - start;
    let code = &raw const entry::trampoline_start;
    // SAFETY: The page at TRAMPOLINE is memory below 1 MiB, which nobody uses,
    // and the symbols enclose the code.
    unsafe {
        paging::physical_pointer::<u8>(entry::TRAMPOLINE).copy_from_nonoverlapping(code, length);
    };
    START_TABLES.store(paging::root(), Ordering::SeqCst);
    for (stack, processor) in START_STACKS.iter().zip(processor::all()).skip(1) {
        stack.store(processor.thread_stack, Ordering::SeqCst);
    }
    apic::start_others(entry::TRAMPOLINE);
    while STARTED.load(Ordering::SeqCst) < processor::count() {
        hint::spin_loop();
    }
}

/// An application processor's first Rust code, on its own stack.
extern "C" fn application_processor(apic_id: u32) -> ! {
    let here = processor::get(apic_id).expect("only known processors have a stack");
    here.take_over();
    STARTED.fetch_add(1, Ordering::SeqCst);
    x86_64::instructions::interrupts::enable();
    idle::run()
}
