//! Sends `svmsave.sys` requests that the client never sends, and prints what comes of each: a line
//! with its name, the error's number in Win32 (0 for none), and the bytes that came back.
//!
//! What has to come of them is known to the judge that runs this, not here.

use std::io;
use std::process::ExitCode;

use client::{Device, DeviceError};
use protocol::{CONTROL_SNAPSHOT, CONTROL_STATUS, ReplyHeader, Request};
use zerocopy::IntoBytes;

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
    for (index, code) in UNKNOWN_CODES.into_iter().enumerate() {
        send(
            &format!("unknown code {index}"),
            code,
            request.as_bytes(),
            4096,
        );
    }
    send("no input", CONTROL_STATUS, &[], 4096);
    send(
        "short input",
        CONTROL_STATUS,
        &request.as_bytes()[..7],
        4096,
    );
    send("long input", CONTROL_STATUS, &[0; 9], 4096);
    send("reserved bytes", CONTROL_STATUS, reserved.as_bytes(), 4096);
    send(
        "unknown version",
        CONTROL_STATUS,
        unknown_version.as_bytes(),
        4096,
    );
    send(
        "snapshot of any version",
        CONTROL_SNAPSHOT,
        Request::handshake().as_bytes(),
        4096,
    );
    send("no output", CONTROL_STATUS, request.as_bytes(), 0);
    send(
        "room for half a header",
        CONTROL_SNAPSHOT,
        request.as_bytes(),
        HEADER / 2,
    );
    send(
        "room for the header",
        CONTROL_SNAPSHOT,
        request.as_bytes(),
        HEADER,
    );
    send(
        "any version",
        CONTROL_STATUS,
        Request::handshake().as_bytes(),
        4096,
    );
    send(
        "as the client does",
        CONTROL_STATUS,
        request.as_bytes(),
        1 << 16,
    );
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
