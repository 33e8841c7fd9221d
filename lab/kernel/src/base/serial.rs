//! The serial port, COM1: bytes from the host, and messages to it.

#![expect(unsafe_code, reason = "the serial port is a piece of hardware")]

use alloc::vec::Vec;

use lab_wire::Message;
use lab_wire::frame;
use uart_16550::backend::PioBackend;
use uart_16550::spec::registers::{FifoTriggerLevel, IER};
use uart_16550::{BaudRate, Config, Uart16550};

use super::lock::Lock;

const COM1: u16 = 0x3F8;

static UART: Lock<Uart16550<PioBackend>> = Lock::new(com1());

const fn com1() -> Uart16550<PioBackend> {
    // SAFETY: QEMU's first serial port is there, and nothing else uses it.
    match unsafe { Uart16550::new_port(COM1) } {
        Ok(uart) => uart,
        Err(_) => panic!("COM1 has a valid address"),
    }
}

/// Sets the port up.
pub(crate) fn initialize() {
    UART.lock()
        .init(Config {
            // QEMU hands bytes over in portions of the trigger level; fewer come
            // only after a pause of four characters' length. So the level is
            // high, the host fills its last portion up, and characters are short.
            fifo_trigger_level: Some(FifoTriggerLevel::Fourteen),
            baud_rate: BaudRate::Baud115200,
            ..Config::default()
        })
        .expect("QEMU was started with a serial port");
}

/// Lets the port interrupt when bytes arrive.
pub(crate) fn enable_receiving() {
    UART.lock().enable_interrupts(IER::DATA_READY);
}

/// Takes bytes that have arrived; returns how many there were.
pub(crate) fn receive(bytes: &mut [u8]) -> usize {
    UART.lock().receive_bytes(bytes)
}

/// Sends a message.
pub(crate) fn send(message: &Message) {
    let bytes = encode(message);
    UART.lock().send_bytes_exact(&bytes);
}

/// Sends the last message, past any lock and over any half-sent frame.
pub(crate) fn send_last(message: &Message) {
    let bytes = encode(message);
    let mut uart = com1();
    // A fresh driver doesn't know that the FIFO is on, and sends byte by byte.
    uart.send_bytes_exact(&[frame::DELIMITER]);
    uart.send_bytes_exact(&bytes);
}

fn encode(message: &Message) -> Vec<u8> {
    frame::encode(message).expect("messages are plain data")
}
