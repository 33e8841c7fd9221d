//! JSON, dumps and hex dumps in every encoding that editors and Windows PowerShell write, whole and cut off:
//! what is read is what the text says in UTF-8.

use client::{Format, Snapshot};
use svm_dumps::{hexadecimal, kvm, qemu, xen};

use crate::damage;
use crate::memory::assert_bounded;
use crate::program::run_client_on;

/// A text in an encoding.
const ENCODINGS: [fn(&str) -> Vec<u8>; 6] = [
    |text| text.as_bytes().to_vec(),
    |text| [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
    |text| utf_16(text, u16::to_le_bytes),
    |text| utf_16(text, u16::to_be_bytes),
    |text| [b"\xFF\xFE".to_vec(), utf_16(text, u16::to_le_bytes)].concat(),
    |text| [b"\xFE\xFF".to_vec(), utf_16(text, u16::to_be_bytes)].concat(),
];

/// What stands behind the end of some texts.
const ENDS: [&str; 4] = ["", "\0", "\u{1A}", "\r\n"];

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// The text of a page, in one of the forms.
fn printed(page: &[u8], form: u8) -> String {
    let forms: Vec<_> = hexadecimal::forms().collect();
    match usize::from(form) % (forms.len() + 4) {
        0 => kvm::logged(&kvm::printed(page), 0),
        1 => xen::printed(page),
        2 => qemu::printed(page, 0),
        3 => {
            let snapshot = Snapshot::parse_as(page, Some(Format::Vmcb)).expect("any page");
            snapshot.to_json().expect("numbers and strings")
        }
        form => (forms[form - 4].print)(page),
    }
}

/// Runs the target on one input.
pub(super) fn run(input: &[u8]) {
    let Some((&[form, encoding, end, low, high], rest)) = input.split_first_chunk() else {
        return;
    };
    let (mut page, _) = damage::page(rest);
    kvm::shown(&mut page);
    qemu::shown(&mut page);
    let mut text = printed(&page, form);
    if end & 4 != 0 {
        text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    let Ok(expected) = Snapshot::parse(text.as_bytes()) else {
        panic!("what was printed:\n{text}");
    };
    text += ENDS[usize::from(end) % ENDS.len()];
    let encode = ENCODINGS[usize::from(encoding) % ENCODINGS.len()];
    let mut bytes = encode(&text);
    let read = assert_bounded(&bytes, Snapshot::parse).expect("the same in another encoding");
    assert_eq!(read, expected);

    // Cut off within a letter, perhaps.
    bytes.truncate(usize::from(u16::from_le_bytes([low, high])) % (bytes.len() + 1));
    if let Ok(snapshot) = assert_bounded(&bytes, Snapshot::parse) {
        assert_eq!(snapshot.processors.len(), 1);
        let json = snapshot.to_json().expect("numbers and strings");
        let again = Snapshot::parse(json.as_bytes()).expect("what was written");
        assert_eq!(again, snapshot);
    }
    run_client_on(&bytes, &[&["decode"]]);
}
