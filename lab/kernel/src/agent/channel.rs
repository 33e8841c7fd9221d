//! The host's commands, in the order in which they arrive.

use alloc::collections::VecDeque;

use lab_wire::frame::{self, Decoder, Frame};
use lab_wire::{Command, StopReason};

use crate::base::lock::Lock;
use crate::base::{crash, serial};
use crate::nt::crash_report;
use crate::processor::{self, idle};

static INCOMING: Lock<Incoming> = Lock::new(Incoming {
    decoder: Decoder::new(),
    commands: VecDeque::new(),
});

struct Incoming {
    decoder: Decoder,
    commands: VecDeque<Frame>,
}

/// Takes the bytes that have arrived: the serial port's interrupt.
pub(crate) fn receive() {
    let mut bytes = [0; 64];
    loop {
        let count = serial::receive(&mut bytes);
        if count == 0 {
            return;
        }
        for &byte in &bytes[..count] {
            let complete = INCOMING.lock().decoder.push(byte);
            if let Some(frame) = complete {
                accept(frame);
            }
        }
    }
}

/// Queues a command, but answers at once when the host asks what every processor is doing:
/// no thread may be able to.
fn accept(frame: Frame) {
    if let Ok(Command::Diagnose) = frame.clone().decode() {
        crash::stop(|| StopReason::Hang {
            activity: crash_report::activity(processor::current()),
        });
    }
    INCOMING.lock().commands.push_back(frame);
}

/// Waits for the next command.
pub(crate) fn next_command() -> Result<Command, frame::Error> {
    idle::wait_until(|| INCOMING.lock().commands.pop_front()).decode()
}
