//! Pool: every block in pages of its own, see [`crate::memory::guarded`].

#![expect(unsafe_code, reason = "pool is raw memory")]

use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr;

use lab_wire::{Allocation, AllocationKind};

use super::rules::Routine;
use super::{dispatcher, dpc, irql, mutex_owners, nodes, resources};
use crate::base::lock::Lock;
use crate::base::{address, random};
use crate::memory::guarded::Block;
use crate::memory::region::Region;
use crate::memory::{paging, uninitialized};

/// `POOL_FLAGS`.
mod flag {
    pub(super) const USE_QUOTA: u64 = 0x1;
    pub(super) const UNINITIALIZED: u64 = 0x2;
    pub(super) const SESSION: u64 = 0x4;
    pub(super) const CACHE_ALIGNED: u64 = 0x8;
    pub(super) const RAISE_ON_FAILURE: u64 = 0x20;
    pub(super) const NON_PAGED: u64 = 0x40;
    pub(super) const NON_PAGED_EXECUTE: u64 = 0x80;
    pub(super) const PAGED: u64 = 0x100;
    pub(super) const POOLS: u64 = NON_PAGED | NON_PAGED_EXECUTE | PAGED;
    pub(super) const REQUIRED: u64 =
        POOLS | USE_QUOTA | UNINITIALIZED | SESSION | CACHE_ALIGNED | RAISE_ON_FAILURE;
    /// Flags above these bits may be ignored by the system.
    pub(super) const OPTIONAL_START: u32 = 32;
}

const POOL_ALIGNMENT: u64 = 16;
const CACHE_LINE: u64 = 64;

/// How many freed blocks are remembered.
const FREED_LIMIT: usize = 4096;

static NONPAGED: Region = Region::new(address::NONPAGED_POOL);
static PAGED: Region = Region::new(address::PAGED_POOL);
static BLOCKS: Lock<Blocks> = Lock::new(Blocks {
    live: BTreeMap::new(),
    freed: VecDeque::new(),
    made: 0,
});

/// Whose a block is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Owner {
    /// The driver took it with `ExAllocatePool2`.
    Driver(AllocationKind),
    /// The lab took it for a structure that it shows to the driver.
    System(&'static str),
}

/// A block with what is known of it.
#[derive(Clone, Copy, Debug)]
struct PoolEntry {
    block: Block,
    owner: Owner,
    tag: u32,
}

struct Blocks {
    /// By the address of the first byte.
    live: BTreeMap<u64, PoolEntry>,
    /// The latest freed blocks, to tell what a stale pointer pointed to.
    freed: VecDeque<PoolEntry>,
    made: u64,
}

/// Moves the pools, so that addresses differ between runs.
pub(crate) fn initialize() {
    NONPAGED.skip(random::below(1 << 24));
    PAGED.skip(random::below(1 << 24));
}

/// Takes a block, filled with the byte for uninitialised memory.
pub(crate) fn allocate(owner: Owner, size: u64, alignment: u64, tag: u32) -> Option<u64> {
    let region = match owner {
        Owner::Driver(AllocationKind::Paged) => &PAGED,
        _ => &NONPAGED,
    };
    let block = Block::allocate(region, size, alignment)?;
    block.set(uninitialized::byte());
    let mut blocks = BLOCKS.lock();
    if let Owner::Driver(_) = owner {
        blocks.made += 1;
    }
    blocks
        .live
        .insert(block.start, PoolEntry { block, owner, tag });
    Some(block.start)
}

/// Frees a block that the lab took itself, and looks for damage around it.
pub(crate) fn free_system(routine: Routine, start: u64) {
    let entry = BLOCKS.lock().live.remove(&start).expect("the lab's block");
    release(routine, entry);
}

fn release(routine: Routine, entry: PoolEntry) {
    let block = entry.block;
    if let Some(damage) = block.damage() {
        routine.violated(
            if damage.before { "underrun" } else { "overrun" },
            format_args!(
                "the byte at {:#x} was overwritten, {} {}",
                damage.address,
                if damage.before {
                    "in front of"
                } else {
                    "behind"
                },
                entry.describe()
            ),
        );
    }
    dpc::forbid_queued_in(routine, block.start, block.start + block.size);
    dispatcher::forbid_waiters_in(routine, block.start, block.start + block.size);
    mutex_owners::forbid_in(routine, block.start, block.start + block.size);
    BLOCKS.lock().remember_freed(entry);
    block.free();
}

impl Blocks {
    fn remember_freed(&mut self, entry: PoolEntry) {
        if self.freed.len() == FREED_LIMIT {
            self.freed.pop_front();
        }
        self.freed.push_back(entry);
    }
}

impl PoolEntry {
    fn describe(&self) -> String {
        let Block { start, size, .. } = self.block;
        match self.owner {
            Owner::Driver(_) => format!(
                "pool block {start:#x} of {size} bytes, tag {}",
                tag_name(self.tag)
            ),
            Owner::System(what) => format!("{what} {start:#x} of {size} bytes"),
        }
    }
}

/// A tag as debuggers show it.
fn tag_name(tag: u32) -> String {
    tag.to_le_bytes()
        .map(|byte| {
            if byte.is_ascii_graphic() || byte == b' ' {
                char::from(byte)
            } else {
                '.'
            }
        })
        .iter()
        .collect()
}

/// What pool an address belongs to, or once belonged to.
pub(crate) fn describe(address: u64) -> Option<String> {
    let blocks = BLOCKS.lock();
    let (entry, state) = blocks
        .live
        .values()
        .find(|entry| entry.block.is_near(address))
        .map(|entry| (entry, ""))
        .or_else(|| {
            let freed = blocks.freed.iter().rev();
            let mut freed = freed.filter(|entry| entry.block.is_near(address));
            freed.next().map(|entry| (entry, "freed "))
        })?;
    let place = if entry.block.contains(address) {
        "in"
    } else if address < entry.block.start {
        "in front of"
    } else {
        "behind"
    };
    Some(format!("{place} {state}{}", entry.describe()))
}

/// The driver's blocks.
pub(crate) fn report() -> Vec<Allocation> {
    let blocks = BLOCKS.lock();
    let drivers = blocks.live.values().filter_map(|entry| {
        let Owner::Driver(kind) = entry.owner else {
            return None;
        };
        let physical = paging::translate(entry.block.start)?.physical;
        Some(Allocation {
            kind,
            tag: entry.tag,
            size: entry.block.size,
            virtual_address: entry.block.start,
            physical_address: physical,
            node: nodes::of_memory(physical),
            pages_written: entry.block.pages_written(),
        })
    });
    drivers.collect()
}

/// Forgets what was written to the driver's blocks.
pub(crate) fn forget_writes() {
    let blocks = BLOCKS.lock();
    let entries = blocks.live.values();
    let drivers = entries.filter(|entry| matches!(entry.owner, Owner::Driver(_)));
    drivers.for_each(|entry| entry.block.forget_writes());
}

/// How many blocks the driver has taken since boot.
pub(crate) fn allocations_made() -> u64 {
    BLOCKS.lock().made
}

/// `ExAllocatePool2`: `<= DISPATCH_LEVEL`, for paged pool `<= APC_LEVEL`.
pub(crate) extern "win64" fn allocate_pool_2(flags: u64, size: usize, tag: u32) -> *mut c_void {
    const ROUTINE: Routine = Routine("ExAllocatePool2");
    let kind = check_flags(ROUTINE, flags);
    ROUTINE.irql_at_most(match kind {
        AllocationKind::Paged => irql::APC_LEVEL,
        _ => irql::DISPATCH_LEVEL,
    });
    ROUTINE.require(
        size > 0,
        "size",
        format_args!("no bytes asked for, the page demands a non-zero number"),
    );
    ROUTINE.require(
        tag.to_le_bytes()
            .iter()
            .all(|byte| matches!(byte, 0 | 0x20..=0x7E))
            && tag != 0,
        "tag",
        format_args!("tag {tag:#x}, the page demands one to four characters in 0x20..0x7E"),
    );
    let alignment = if flags & flag::CACHE_ALIGNED == 0 {
        POOL_ALIGNMENT
    } else {
        CACHE_LINE
    };
    let owner = Owner::Driver(kind);
    let start = (!resources::are_exhausted()).then(|| allocate(owner, size as u64, alignment, tag));
    let Some(start) = start.flatten() else {
        ROUTINE.require(
            flags & flag::RAISE_ON_FAILURE == 0,
            "raise",
            format_args!("out of memory, and the flags ask for an exception"),
        );
        return ptr::null_mut();
    };
    let pointer = address::pointer::<c_void>(start);
    if flags & flag::UNINITIALIZED == 0 {
        // SAFETY: the block was just allocated with this size.
        unsafe { pointer.cast::<u8>().write_bytes(0, size) };
    }
    pointer
}

fn check_flags(routine: Routine, flags: u64) -> AllocationKind {
    let required = flags & ((1 << flag::OPTIONAL_START) - 1);
    let pools = flags & flag::POOLS;
    routine.require(
        required & !flag::REQUIRED == 0,
        "flags",
        format_args!("flags {flags:#x} hold bits that are no POOL_FLAGS"),
    );
    routine.require(
        pools.is_power_of_two(),
        "flags",
        format_args!(
            "flags {flags:#x} name {} pools, one is allowed",
            pools.count_ones()
        ),
    );
    routine.require(
        pools != flag::NON_PAGED_EXECUTE,
        "executable",
        format_args!("executable pool, which memory integrity forbids"),
    );
    if pools == flag::PAGED {
        AllocationKind::Paged
    } else {
        AllocationKind::NonPaged
    }
}

/// `ExFreePool`: as [`free_pool_with_tag`], with any tag.
pub(crate) extern "win64" fn free_pool(pointer: *mut c_void) {
    free(Routine("ExFreePool"), pointer, 0);
}

/// `ExFreePoolWithTag`: `<= DISPATCH_LEVEL`, for paged pool `<= APC_LEVEL`; the
/// tag is that of the allocation, or zero.
pub(crate) extern "win64" fn free_pool_with_tag(pointer: *mut c_void, tag: u32) {
    free(Routine("ExFreePoolWithTag"), pointer, tag);
}

fn free(routine: Routine, pointer: *mut c_void, tag: u32) {
    routine.irql_at_most(irql::DISPATCH_LEVEL);
    let address = pointer.addr() as u64;
    let Some(entry) = take(address) else {
        routine.violated(
            "block",
            format_args!(
                "{address:#x} is not the start of a pool block: it is {}",
                describe(address).unwrap_or_else(|| String::from("no pool"))
            ),
        );
    };
    routine.require(
        tag == 0 || tag == entry.tag,
        "tag",
        format_args!("tag {}, allocated as {}", tag_name(tag), entry.describe()),
    );
    if entry.owner == Owner::Driver(AllocationKind::Paged) {
        routine.irql_at_most(irql::APC_LEVEL);
    }
    release(routine, entry);
}

/// Takes a driver's block out of the list.
fn take(address: u64) -> Option<PoolEntry> {
    let mut blocks = BLOCKS.lock();
    let entry = blocks.live.get(&address)?;
    match entry.owner {
        Owner::Driver(_) => blocks.live.remove(&address),
        Owner::System(_) => None,
    }
}
