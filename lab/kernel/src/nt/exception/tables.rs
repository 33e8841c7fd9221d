//! The function table and the unwind information of a loaded image, read where
//! the image lies. Everything in it is checked before it is used.
//!
//! Source: "x64 exception handling" of the MSVC documentation, sections
//! `RUNTIME_FUNCTION` and `UNWIND_INFO`.

#![expect(unsafe_code, reason = "tables are read from the image's memory")]

use alloc::vec::Vec;

use crate::base::address;
use crate::image::mapped::Layout;
use crate::image::symbol;
use crate::memory;
use crate::nt::rules::Routine;

const LOOKUP: Routine = Routine("RtlLookupFunctionEntry");
const UNWIND: Routine = Routine("RtlVirtualUnwind");

/// Bytes of a `RUNTIME_FUNCTION`.
const ENTRY_SIZE: u32 = 12;

/// Chained unwind information that goes on for longer goes round in circles.
const CHAIN_LIMIT: usize = 32;

/// A function, or a part of one, by offsets from the image's base.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Function {
    /// Its first byte.
    pub begin: u32,
    /// The byte behind its last.
    pub end: u32,
    /// Its unwind information.
    unwind: u32,
}

impl Function {
    /// Whether an offset lies in it.
    pub(crate) fn contains(self, offset: u32) -> bool {
        (self.begin..self.end).contains(&offset)
    }
}

/// What calls for a function's handler, as flags of its unwind information.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum HandlerKind {
    /// `UNW_FLAG_EHANDLER`: an exception that looks for a handler.
    Exception = 1,
    /// `UNW_FLAG_UHANDLER`: frames that are left for good.
    Unwind = 2,
}

/// `UNW_FLAG_CHAININFO`.
const CHAINED: u8 = 4;

/// What an instruction of the prologue did.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    /// Pushed a register.
    Push {
        /// The register.
        register: u8,
    },
    /// Took so many bytes of stack.
    Allocate {
        /// The bytes.
        size: u32,
    },
    /// Set the frame register.
    SetFrameRegister,
    /// Stored a register at an offset from the frame's base.
    Save {
        /// The register.
        register: u8,
        /// The offset.
        offset: u32,
    },
    /// Stored an XMM register at an offset from the frame's base.
    SaveXmm {
        /// The register.
        register: u8,
        /// The offset.
        offset: u32,
    },
}

/// An [`Operation`] that is done once the prologue has come so far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code {
    /// Offset of the end of the instruction from the function's begin.
    pub prologue_offset: u8,
    /// What it did.
    pub operation: Operation,
}

/// A register that points to a fixed place in the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameRegister {
    /// The register.
    pub number: u8,
    /// How far above the frame's base it points.
    pub offset: u64,
}

/// What a function's prologue does, and who handles its exceptions.
#[derive(Clone, Debug)]
pub(crate) struct UnwindInfo {
    flags: u8,
    /// Length of the prologue in bytes.
    pub prologue_size: u8,
    /// The frame register, if there is one.
    pub frame_register: Option<FrameRegister>,
    /// In the reverse of the order in which they are done.
    pub codes: Vec<Code>,
    /// Offset of what follows the codes: a handler, or a chained function.
    behind: u32,
}

/// The tables of one loaded image.
#[derive(Clone, Copy)]
pub(crate) struct Tables(Layout);

impl Tables {
    /// The tables of an image.
    pub(crate) const fn of(image: Layout) -> Self {
        Self(image)
    }

    /// Where the image begins.
    pub(crate) const fn base(self) -> u64 {
        self.0.base
    }

    /// The offset of an address inside the image.
    pub(crate) fn offset(self, address: u64) -> u32 {
        u32::try_from(address - self.0.base).expect("images are small")
    }

    /// Checks everything but what only handlers understand.
    pub(crate) fn check(self) {
        LOOKUP.require(
            self.0.functions_size.is_multiple_of(ENTRY_SIZE),
            "size",
            format_args!(
                "the exception directory has {} bytes, an entry {ENTRY_SIZE}",
                self.0.functions_size
            ),
        );
        let mut end = 0;
        for function in self.functions() {
            LOOKUP.require(
                end <= function.begin && function.begin < function.end,
                "order",
                format_args!(
                    "the function {:#x}..{:#x} follows one that ends at {end:#x}",
                    function.begin, function.end
                ),
            );
            LOOKUP.require(
                u64::from(function.end) <= self.0.size,
                "image",
                format_args!("the function ends at {:#x}, behind the image", function.end),
            );
            end = function.end;
            self.handler(function, HandlerKind::Exception);
        }
    }

    /// All functions.
    pub(crate) fn functions(self) -> impl Iterator<Item = Function> {
        (0..self.count()).map(move |index| self.function(index))
    }

    fn count(self) -> u32 {
        self.0.functions_size / ENTRY_SIZE
    }

    fn function(self, index: u32) -> Function {
        self.entry(LOOKUP, self.0.functions + index * ENTRY_SIZE)
    }

    fn entry(self, routine: Routine, offset: u32) -> Function {
        Function {
            begin: self.u32(routine, offset),
            end: self.u32(routine, offset.saturating_add(4)),
            unwind: self.u32(routine, offset.saturating_add(8)),
        }
    }

    /// The function that an offset lies in; none for leaf functions.
    pub(crate) fn lookup(self, offset: u32) -> Option<Function> {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            let function = self.function(middle);
            if function.contains(offset) {
                return Some(function);
            }
            if offset < function.begin {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        None
    }

    /// Address of a function's entry in the table.
    pub(crate) fn entry_address(self, function: Function) -> u64 {
        let position = self.functions().position(|entry| entry == function);
        let index = u64::try_from(position.expect("it came from the table")).expect("an index");
        self.0.base + u64::from(self.0.functions) + index * u64::from(ENTRY_SIZE)
    }

    /// The function that a part belongs to: the end of its chain.
    pub(crate) fn primary(self, part: Function) -> Function {
        let chain = self.chain(part);
        chain.last().map_or(part, |(function, _)| *function)
    }

    /// A function's unwind information, and that of the functions that it is
    /// chained to, each with its function.
    pub(crate) fn chain(self, function: Function) -> Vec<(Function, UnwindInfo)> {
        let mut chain = Vec::new();
        let mut next = Some(function);
        while let Some(function) = next {
            UNWIND.require(
                chain.len() < CHAIN_LIMIT,
                "chain",
                format_args!("{:#x} is chained to itself", function.begin),
            );
            let info = self.unwind_info(function);
            next = (info.flags & CHAINED != 0).then(|| self.entry(UNWIND, info.behind));
            chain.push((function, info));
        }
        chain
    }

    /// Offsets of a function's handler and of the data for it.
    pub(crate) fn handler(self, function: Function, kind: HandlerKind) -> Option<(u32, u32)> {
        let chain = self.chain(function);
        let (_, info) = chain.last()?;
        if info.flags & kind as u8 == 0 {
            return None;
        }
        let handler = self.u32(UNWIND, info.behind);
        UNWIND.require(
            symbol::executing(self.0.base + u64::from(handler)).is_some(),
            "handler",
            format_args!(
                "the handler of {:#x} is at {handler:#x}, where the image has no code",
                function.begin
            ),
        );
        Some((handler, info.behind + 4))
    }

    fn unwind_info(self, function: Function) -> UnwindInfo {
        let offset = function.unwind;
        UNWIND.require(
            offset.is_multiple_of(4),
            "alignment",
            format_args!("unwind information at {offset:#x}"),
        );
        let [head, prologue_size, count, frame] = self.bytes::<4>(UNWIND, offset);
        let (version, flags) = (head & 0x7, head >> 3);
        UNWIND.require(
            version == 1,
            "version",
            format_args!("unwind information at {offset:#x} has version {version}"),
        );
        let known = CHAINED | HandlerKind::Exception as u8 | HandlerKind::Unwind as u8;
        UNWIND.require(
            flags & !known == 0 && (flags == CHAINED || flags & CHAINED == 0),
            "flags",
            format_args!("unwind information at {offset:#x} has flags {flags:#x}"),
        );
        let slots: Vec<[u8; 2]> = (0..u32::from(count))
            .map(|slot| self.bytes(UNWIND, offset + 4 + 2 * slot))
            .collect();
        let mut codes = Vec::new();
        let mut rest = slots.as_slice();
        while let Some((code, others)) = split_code(rest) {
            codes.push(code);
            rest = others;
        }
        UNWIND.require(
            rest.is_empty(),
            "opcode",
            format_args!("unwind information at {offset:#x} ends with {rest:02x?}"),
        );
        UNWIND.require(
            codes.is_sorted_by_key(|code| u8::MAX - code.prologue_offset)
                && codes
                    .first()
                    .is_none_or(|code| code.prologue_offset <= prologue_size),
            "order",
            format_args!("unwind information at {offset:#x} doesn't go backwards"),
        );
        UnwindInfo {
            flags,
            prologue_size,
            frame_register: (frame & 0xF != 0).then_some(FrameRegister {
                number: frame & 0xF,
                offset: u64::from(frame >> 4) * 16,
            }),
            codes,
            behind: offset + 4 + 2 * u32::from(count).next_multiple_of(2),
        }
    }

    /// Four bytes of the image as a number.
    pub(crate) fn u32(self, routine: Routine, offset: u32) -> u32 {
        u32::from_le_bytes(self.bytes(routine, offset))
    }

    /// Bytes of the image.
    pub(crate) fn bytes<const N: usize>(self, routine: Routine, offset: u32) -> [u8; N] {
        let address = self.0.base + u64::from(offset);
        routine.require(
            u64::from(offset) + N as u64 <= self.0.size
                && memory::is_mapped(address, N as u64, false),
            "image",
            format_args!("a table leads to {offset:#x}, where the image has nothing"),
        );
        // SAFETY: the bytes were just found to be mapped; any alignment will do.
        unsafe { address::pointer::<[u8; N]>(address).read_unaligned() }
    }
}

/// Takes one code off the slots; none if it is incomplete or not known.
fn split_code(slots: &[[u8; 2]]) -> Option<(Code, &[[u8; 2]])> {
    let (&[prologue_offset, operation], rest) = slots.split_first()?;
    let number = |slot: &[u8; 2]| u32::from(u16::from_le_bytes(*slot));
    let near = || Some((number(rest.first()?), rest.get(1..)?));
    let far = || {
        let value = number(rest.first()?) | number(rest.get(1)?) << 16;
        Some((value, rest.get(2..)?))
    };
    let info = operation >> 4;
    let (operation, rest) = match (operation & 0xF, info) {
        (0, register) => (Operation::Push { register }, rest),
        (1, 0) => {
            let (value, rest) = near()?;
            (Operation::Allocate { size: value * 8 }, rest)
        }
        (1, 1) => {
            let (size, rest) = far()?;
            (Operation::Allocate { size }, rest)
        }
        (2, info) => {
            let size = u32::from(info) * 8 + 8;
            (Operation::Allocate { size }, rest)
        }
        (3, 0) => (Operation::SetFrameRegister, rest),
        (4, register) => {
            let (value, rest) = near()?;
            let offset = value * 8;
            (Operation::Save { register, offset }, rest)
        }
        (5, register) => {
            let (offset, rest) = far()?;
            (Operation::Save { register, offset }, rest)
        }
        (8, register) => {
            let (value, rest) = near()?;
            let offset = value * 16;
            (Operation::SaveXmm { register, offset }, rest)
        }
        (9, register) => {
            let (offset, rest) = far()?;
            (Operation::SaveXmm { register, offset }, rest)
        }
        _ => return None,
    };
    let code = Code {
        prologue_offset,
        operation,
    };
    Some((code, rest))
}
