//! How a control code's buffers reach the driver: buffered, direct or neither.

#![expect(unsafe_code, reason = "buffers are raw memory that drivers see")]

use alloc::vec::Vec;
use core::ffi::c_void;
use core::ptr;

use crate::base::address::{self, PAGE_SIZE};
use crate::memory::{paging, uninitialized};
use crate::nt::pool::{self, Owner};
use crate::nt::rules::{Object, Routine};
use crate::nt::structures::{MDL, field};
use crate::nt::{contiguous, irql};

/// Where a caller's buffers would lie in its user address space, where nothing is
/// mapped: a driver that goes there faults.
const USER_INPUT: u64 = 0x0000_0001_0000_0000;
const USER_OUTPUT: u64 = 0x0000_0002_0000_0000;

/// `MDL.MdlFlags`.
const MDL_MAPPED_TO_SYSTEM_VA: i16 = 0x1;
const MDL_PAGES_LOCKED: i16 = 0x2;

/// A control code's transfer type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Method {
    /// Both buffers share one in system memory.
    Buffered,
    /// The input is buffered, the output's pages are locked; the driver reads
    /// them or writes them.
    Direct,
    /// The driver gets the caller's own addresses.
    Neither,
}

impl Method {
    /// The method that a control code asks for.
    pub(crate) const fn of(control_code: u32) -> Self {
        match control_code & 0x3 {
            0 => Self::Buffered,
            3 => Self::Neither,
            _ => Self::Direct,
        }
    }
}

/// The buffers of one request.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// Address of the system buffer, zero for none.
    pub system: u64,
    /// Address of the memory descriptor list, zero for none.
    pub list: u64,
    /// The caller's output address.
    pub user: u64,
    /// The caller's input address, for [`Method::Neither`].
    pub type_3_input: u64,
    /// Bytes of the system buffer, and how many of them are input.
    system_length: usize,
    input_length: usize,
    /// Pages that the descriptor list describes.
    locked: u64,
    locked_length: u32,
}

impl Buffers {
    /// Lays the buffers out. Bytes that the caller didn't give hold the pattern
    /// for uninitialised memory, so that a driver which returns them is seen.
    pub(crate) fn new(method: Method, input: &[u8], output_length: u32) -> Option<Self> {
        let mut buffers = Self::default();
        if output_length > 0 {
            buffers.user = USER_OUTPUT;
        }
        let system_length = match method {
            Method::Buffered => input.len().max(output_length as usize),
            Method::Direct => input.len(),
            Method::Neither => {
                buffers.type_3_input = if input.is_empty() { 0 } else { USER_INPUT };
                return Some(buffers);
            }
        };
        if system_length > 0 {
            let owner = Owner::System("system buffer");
            buffers.system = pool::allocate(owner, system_length as u64, 16, 0)?;
            buffers.system_length = system_length;
            buffers.input_length = input.len();
            write(buffers.system, input);
        }
        if method == Method::Direct && output_length > 0 && !buffers.lock_output(output_length) {
            buffers.free();
            return None;
        }
        Some(buffers)
    }

    /// Describes pages for the output.
    fn lock_output(&mut self, length: u32) -> bool {
        let owner = Owner::System("locked buffer");
        let Some(locked) = pool::allocate(owner, length.into(), 16, 0) else {
            return false;
        };
        self.locked = locked;
        self.locked_length = length;
        let offset = locked % PAGE_SIZE;
        let pages = address::pages(offset + u64::from(length));
        let size = size_of::<MDL>() as u64 + pages * size_of::<u64>() as u64;
        let owner = Owner::System("memory descriptor list");
        let Some(list) = pool::allocate(owner, size, 16, 0) else {
            return false;
        };
        self.list = list;
        let header = MDL {
            Next: ptr::null_mut(),
            Size: i16::try_from(size).unwrap_or(i16::MAX),
            MdlFlags: MDL_PAGES_LOCKED,
            Process: ptr::null_mut(),
            MappedSystemVa: ptr::null_mut(),
            StartVa: address::pointer(USER_OUTPUT),
            ByteCount: length,
            ByteOffset: u32::try_from(offset).expect("less than a page"),
        };
        let pointer = address::pointer::<MDL>(list);
        // SAFETY: the block was just allocated, and is large enough.
        unsafe { pointer.write(header) };
        let frames = frames_behind(list);
        for page in 0..pages {
            let mapping = paging::translate(address::page_of(locked) + page * PAGE_SIZE);
            let frame = mapping.expect("just allocated").physical / PAGE_SIZE;
            let entry = frames.wrapping_add(address::to_usize(page));
            // SAFETY: the block has room for one entry for each page.
            unsafe { entry.write(frame) };
        }
        true
    }

    /// The first bytes of what the driver put out.
    pub(crate) fn output(&self, length: usize) -> Vec<u8> {
        let source = if self.locked == 0 {
            self.system
        } else {
            self.locked
        };
        if source == 0 {
            return Vec::new();
        }
        let source = address::pointer::<u8>(source);
        // SAFETY: the caller has checked the length against the buffer's.
        unsafe { core::slice::from_raw_parts(source, length) }.to_vec()
    }

    /// Whether the system buffer still holds the pattern for uninitialised memory
    /// behind the input and the first `length` bytes.
    pub(crate) fn rest_untouched(&self, length: usize) -> bool {
        let start = length.max(self.input_length);
        let rest = self.system_length.saturating_sub(start);
        if rest == 0 {
            return true;
        }
        let rest_start = address::pointer::<u8>(self.system).wrapping_add(start);
        // SAFETY: these are the last bytes of the buffer, which is the lab's own.
        let rest = unsafe { core::slice::from_raw_parts(rest_start, rest) };
        let pattern = uninitialized::byte();
        rest.iter().all(|&byte| byte == pattern)
    }

    /// Takes the buffers away.
    pub(crate) fn free(&mut self) {
        const ROUTINE: Routine = Routine("IofCompleteRequest");
        if self.list != 0 {
            let list = address::pointer::<MDL>(self.list);
            let list = Object::own(list);
            if list.get(field!(MDL, MdlFlags)) & MDL_MAPPED_TO_SYSTEM_VA != 0 {
                let mapped = list.get(field!(MDL, MappedSystemVa)).addr() as u64;
                let pages = address::pages(self.locked % PAGE_SIZE + u64::from(self.locked_length));
                contiguous::unmap_frames(address::page_of(mapped), pages);
            }
        }
        for block in [&mut self.system, &mut self.list, &mut self.locked] {
            if *block != 0 {
                pool::free_system(ROUTINE, core::mem::take(block));
            }
        }
    }
}

/// The frame numbers that follow a memory descriptor list.
fn frames_behind(list: u64) -> *mut u64 {
    address::pointer(list + size_of::<MDL>() as u64)
}

fn write(address: u64, bytes: &[u8]) {
    let target = address::pointer::<u8>(address);
    // SAFETY: the caller has allocated this many bytes at least.
    unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

/// `MmMapLockedPagesSpecifyCache`: `<= DISPATCH_LEVEL` for kernel mode.
pub(crate) extern "win64" fn map_locked_pages(
    list: *mut MDL,
    mode: i8,
    _cache: i32,
    _address: *mut c_void,
    _bug_check_on_failure: u32,
    _priority: u32,
) -> *mut c_void {
    const ROUTINE: Routine = Routine("MmMapLockedPagesSpecifyCache");
    ROUTINE.irql_at_most(irql::DISPATCH_LEVEL);
    ROUTINE.require(
        mode == 0,
        "mode",
        format_args!("the lab has no user mode to map into"),
    );
    let list = ROUTINE.object("MemoryDescriptorList", list);
    let flags = list.get(field!(MDL, MdlFlags));
    ROUTINE.require(
        flags & (MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA) == MDL_PAGES_LOCKED,
        "locked",
        format_args!("the list's flags are {flags:#x}: it must be locked, and not mapped yet"),
    );
    let offset = u64::from(list.get(field!(MDL, ByteOffset)));
    let pages = address::pages(offset + u64::from(list.get(field!(MDL, ByteCount))));
    let frames = frames_behind(list.address());
    let physical: Vec<u64> = (0..address::to_usize(pages))
        .map(|page| {
            let entry = frames.wrapping_add(page);
            // SAFETY: a list has an entry for each of its pages.
            unsafe { entry.read() * PAGE_SIZE }
        })
        .collect();
    let mapped = address::pointer::<c_void>(contiguous::map_frames(&physical) + offset);
    list.set(field!(MDL, MappedSystemVa), mapped);
    list.set(field!(MDL, MdlFlags), flags | MDL_MAPPED_TO_SYSTEM_VA);
    mapped
}
