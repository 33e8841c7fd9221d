//! The byte stream to the kernel, read and written by threads, so that nothing
//! that the guest does can block the caller.

use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use lab_wire::frame::{self, Decoder};
use lab_wire::{Command, Message};

use crate::qemu::Pipes;

/// Bytes that the kernel's serial port takes at once; fewer are delayed. Empty
/// frames fill the last portion up.
const PORTION: usize = 14;

/// What came from the guest.
#[derive(Debug)]
pub(crate) enum Received {
    /// A message.
    Message(Message),
    /// Bytes that are none.
    Garbage(frame::Error),
    /// Nothing in time.
    Nothing,
    /// The end: QEMU is gone.
    End,
}

/// The byte stream to the kernel.
#[derive(Debug)]
pub(crate) struct Connection {
    outgoing: Sender<Vec<u8>>,
    incoming: Receiver<Result<Message, frame::Error>>,
}

impl Connection {
    /// Starts the threads. They end with the pipes.
    pub(crate) fn new(pipes: Pipes) -> Self {
        let Pipes {
            mut input,
            mut output,
        } = pipes;
        let (outgoing, to_send) = mpsc::channel::<Vec<u8>>();
        thread::spawn(move || {
            for bytes in to_send {
                if input
                    .write_all(&bytes)
                    .and_then(|()| input.flush())
                    .is_err()
                {
                    break;
                }
            }
        });
        let (received, incoming) = mpsc::channel();
        thread::spawn(move || {
            let mut decoder = Decoder::new();
            let mut buffer = [0; 0x4000];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                let frames = buffer[..count].iter().filter_map(|&b| decoder.push(b));
                for frame in frames {
                    if received.send(frame.decode()).is_err() {
                        return;
                    }
                }
            }
        });
        Self { outgoing, incoming }
    }

    /// Sends a command. If QEMU is gone, receiving tells.
    pub(crate) fn send(&self, command: &Command) -> Result<(), frame::Error> {
        let mut bytes = frame::encode(command)?;
        bytes.extend([frame::DELIMITER; PORTION]);
        let _ = self.outgoing.send(bytes);
        Ok(())
    }

    /// Waits for the next message.
    pub(crate) fn receive(&self, deadline: Instant) -> Received {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.incoming.recv_timeout(left) {
            Ok(Ok(message)) => Received::Message(message),
            Ok(Err(error)) => Received::Garbage(error),
            Err(RecvTimeoutError::Timeout) => Received::Nothing,
            Err(RecvTimeoutError::Disconnected) => Received::End,
        }
    }
}
