//! Leaving one frame: `RtlVirtualUnwind`.
//!
//! A frame whose epilogue was interrupted is not distinguished from one whose body
//! was: only a fault of the epilogue's own stack accesses could show the difference.

#![expect(unsafe_code, reason = "frames are read from a driver's stack")]

use super::context::Context;
use super::tables::{Code, Function, HandlerKind, Operation, Tables};
use crate::base::address;
use crate::image::symbol;
use crate::memory;
use crate::nt::rules::Routine;

const ROUTINE: Routine = Routine("RtlVirtualUnwind");

/// A handler and where its data lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handler {
    /// Its address.
    pub address: u64,
    /// Address of the data.
    pub data: u64,
}

/// A frame that was left.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// The image whose function's frame it is.
    pub tables: Tables,
    /// The function; none for leaf functions, which have no frame.
    pub function: Option<Function>,
    /// Where control was.
    pub control: u64,
    /// The frame's base.
    pub establisher: u64,
    /// The handler, if control was in the function's body and it has one.
    pub handler: Option<Handler>,
}

/// Turns the registers of a function into those of its caller, behind the call.
/// Returns none when that function is not a driver's.
pub(super) fn leave_frame(context: &mut Context, kind: HandlerKind) -> Option<Frame> {
    let control = context.0.Rip;
    let tables = Tables::of(symbol::executing(control)?);
    let offset = tables.offset(control);
    let stack = context.0.Rsp;
    let mut frame = Frame {
        tables,
        function: tables.lookup(offset),
        control,
        establisher: stack,
        handler: None,
    };
    if let Some(function) = frame.function {
        undo_prologue(&mut frame, function, context, kind);
    }
    context.0.Rip = pop(context);
    ROUTINE.require(
        context.0.Rsp > stack,
        "stack",
        format_args!(
            "leaving {} leads from {stack:#x} down to {:#x}",
            symbol::name(control),
            context.0.Rsp
        ),
    );
    Some(frame)
}

fn undo_prologue(frame: &mut Frame, function: Function, context: &mut Context, kind: HandlerKind) {
    let chain = frame.tables.chain(function);
    let offset = frame.tables.offset(frame.control) - function.begin;
    // What a part is chained to has been done before the part began.
    let done = |position| if position == 0 { offset } else { u32::MAX };
    let is_done = |code: &&Code, position| u32::from(code.prologue_offset) <= done(position);
    for (position, (_, info)) in chain.iter().enumerate() {
        if position == 0 {
            let sets = |code: &Code| matches!(code.operation, Operation::SetFrameRegister);
            let mut executed = info.codes.iter().filter(|code| is_done(code, 0));
            let is_set =
                offset >= u32::from(info.prologue_size) || chain.len() > 1 || executed.any(sets);
            if let Some(register) = info.frame_register.filter(|_| is_set) {
                frame.establisher = *context.register(register.number) - register.offset;
            }
        }
        for code in info.codes.iter().filter(|code| is_done(code, position)) {
            undo(code.operation, frame.establisher, context);
        }
    }
    let in_body = chain
        .iter()
        .enumerate()
        .next_back()
        .is_some_and(|(position, (_, info))| done(position) >= u32::from(info.prologue_size));
    if in_body {
        let handler = frame.tables.handler(function, kind);
        frame.handler = handler.map(|(handler, data)| Handler {
            address: frame.tables.base() + u64::from(handler),
            data: frame.tables.base() + u64::from(data),
        });
    }
}

fn undo(operation: Operation, base: u64, context: &mut Context) {
    match operation {
        Operation::Push { register } => {
            let value = pop(context);
            *context.register(register) = value;
        }
        Operation::Allocate { size } => context.0.Rsp += u64::from(size),
        Operation::SetFrameRegister => context.0.Rsp = base,
        Operation::Save { register, offset } => {
            *context.register(register) = word(base + u64::from(offset));
        }
        Operation::SaveXmm { register, offset } => {
            let address = base + u64::from(offset);
            context.set_xmm(register, [word(address), word(address + 8)]);
        }
    }
}

fn pop(context: &mut Context) -> u64 {
    let value = word(context.0.Rsp);
    context.0.Rsp += 8;
    value
}

/// A word of the stack.
fn word(address: u64) -> u64 {
    ROUTINE.require(
        address.is_multiple_of(8) && memory::is_mapped(address, 8, true),
        "stack",
        format_args!("a frame leads to {address:#x}, which is no stack"),
    );
    // SAFETY: the word was just found to be mapped and is aligned.
    unsafe { address::pointer::<u64>(address).read_volatile() }
}
