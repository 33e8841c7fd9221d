//! Sends `svmsave.sys` requests that the client never sends, and prints what comes of each: a line
//! with its name, the error's number in Win32 (0 for none), and the bytes that came back.
//!
//! What has to come of them is known to the judge that runs this, not here.

use std::io;
use std::process::ExitCode;

use client::{Device, DeviceError};
use protocol::{CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader, Request};

/// `FILE_ANY_ACCESS`, the next method, and the next function: none of them is the driver's.
const UNKNOWN_CODES: [u32; 3] = [
    CONTROL_STATUS & !(3 << 14),
    CONTROL_STATUS | 1,
    CONTROL_SNAPSHOT + 4,
];

/// Length of a reply that has no records.
const HEADER: usize = size_of::<ReplyHeader>();

fn main() -> ExitCode {
    match client::open() {
        Ok(mut device) => {
            send_all(device.as_mut());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn send_all(device: &mut dyn Device) {
    const ROOM: usize = 4096;
    let request = Request::new();
    let mut reserved = request;
    reserved.reserved[5] = 1;
    let unknown_version = Request {
        version: protocol::VERSION + 1,
        ..request
    };
    let mut send = |name: &str, code, input: &[u8], room: usize| {
        let mut output = vec![0; room];
        let outcome = device.control(code, input, &mut output);
        let (error, returned) = match outcome {
            Ok(returned) => (0, returned),
            Err(error) => failure(error),
        };
        println!("{name}: {error} {returned}");
    };
    let (status, snapshot) = (CONTROL_STATUS, CONTROL_SNAPSHOT);
    let handshake = Request::handshake();
    let (any, this) = (bytemuck::bytes_of(&handshake), bytemuck::bytes_of(&request));
    for (index, code) in UNKNOWN_CODES.into_iter().enumerate() {
        send(&format!("unknown code {index}"), code, this, ROOM);
    }
    for (name, code, input, room) in [
        ("no input", status, &[][..], ROOM),
        ("short input", status, &this[..7], ROOM),
        ("long input", status, &[0; 9], ROOM),
        (
            "reserved bytes",
            status,
            bytemuck::bytes_of(&reserved),
            ROOM,
        ),
        (
            "unknown version",
            status,
            bytemuck::bytes_of(&unknown_version),
            ROOM,
        ),
        ("snapshot of any version", snapshot, any, ROOM),
        ("no output", status, this, 0),
        ("room for half a header", snapshot, this, HEADER / 2),
        ("room for the header", snapshot, this, HEADER),
        ("any version", status, any, ROOM),
        ("as the client does", status, this, 1 << 16),
    ] {
        send(name, code, input, room);
    }
}

/// The number of the error that the client's own words stand for, and the bytes that came back.
fn failure(error: DeviceError) -> (i32, usize) {
    const ERROR_BUFFER: i32 = 122;
    const ERROR_REVISION_MISMATCH: i32 = 1306;
    match error {
        DeviceError::BufferTooSmall { returned } => (ERROR_BUFFER, returned),
        DeviceError::RevisionMismatch => (ERROR_REVISION_MISMATCH, 0),
        DeviceError::Other(other) => {
            let number = other
                .downcast_ref::<io::Error>()
                .and_then(io::Error::raw_os_error);
            (number.unwrap_or(-1), 0)
        }
        _ => (-1, 0),
    }
}
