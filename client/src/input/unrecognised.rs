//! What a file is that is none of what can be read: in one line.

use super::{encoding, hex};
use crate::model::FileError;

/// First bytes of files that are not to be read here.
const BEGINNINGS: [(&[u8], &str); 27] = [
    (b"\x7FELF", "an ELF executable, library or core dump"),
    (b"MZ", "a Windows executable"),
    (b"\xCE\xFA\xED\xFE", "a Mach-O executable"),
    (b"\xCF\xFA\xED\xFE", "a Mach-O executable"),
    (b"\xCA\xFE\xBA\xBE", "a Mach-O executable or a Java class"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xFD7zXZ\0", "an xz archive"),
    (b"\x28\xB5\x2F\xFD", "a zstd archive"),
    (b"\x04\x22\x4D\x18", "an lz4 archive"),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"MSCF", "a cabinet"),
    (b"!<arch>\n", "an ar archive"),
    (b"PAGEDU64", "a crash dump of Windows"),
    (b"PAGEDUMP", "a crash dump of Windows"),
    (b"MDMP", "a minidump of Windows"),
    (b"KDUMP   ", "a crash dump of Linux"),
    (b"QFI\xFB", "a disk image of QEMU"),
    (b"ElfFile\0", "an event log of Windows"),
    (b"regf", "a registry hive of Windows"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"GIF8", "a GIF image"),
];

/// Text by itself.
const NOTHING: &str = "text: nothing in it is a dump of KVM, Xen or QEMU, or a hex dump of pages";

/// Where tar has its name.
const TAR: std::ops::Range<usize> = 257..262;

/// First words of texts that are not to be read here.
const TEXTS: [(&str, &str); 8] = [
    (
        "<!doctype html",
        "an HTML page, as `report` writes it: take the JSON that it was made from",
    ),
    ("<html", "an HTML page"),
    ("<?xml", "an XML document"),
    ("<", "markup, and no JSON"),
    ("#!", "a script"),
    (
        "index,group,number,",
        "comma-separated values, as `show --csv` prints them: take JSON or pages",
    ),
    (
        "svmsave ",
        "text that `show` printed for people: take `--json`",
    ),
    (
        "vmcb pages:",
        "text that `show` printed for people: take `--json`",
    ),
];

/// Names what bytes are by how they begin, if they are none that is read here.
pub(super) fn by_beginning(bytes: &[u8]) -> Option<FileError> {
    let mut known = BEGINNINGS.iter();
    let known = known.find(|(begin, _)| bytes.starts_with(begin));
    let tar = (bytes.get(TAR) == Some(b"ustar")).then_some("a tar archive");
    let name = known.map(|(_, name)| *name).or(tar)?;
    Some(FileError::Unrecognised(name))
}

/// Names what bytes are that are no text and no pages, or says why they are no pages.
pub(super) fn of_bytes(bytes: &[u8], error: FileError) -> FileError {
    const NULS: &str = "text with NULs in it: cut them out";
    if encoding::is_cut_utf_16(bytes) {
        return FileError::Unrecognised("UTF-16 text that is cut within a letter");
    }
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return FileError::Unrecognised("UTF-16 text with NULs in it, or something else");
    }
    if encoding::begins_as_text(bytes) {
        return FileError::Unrecognised(NULS);
    }
    error
}

/// Names what a text is that is no dump.
pub(super) fn of_text(text: &str) -> FileError {
    let text = text.trim_start();
    let begins: String = text
        .chars()
        .take(32)
        .collect::<String>()
        .to_ascii_lowercase();
    if let Some((_, name)) = TEXTS.iter().find(|(begin, _)| begins.starts_with(begin)) {
        return FileError::Unrecognised(name);
    }
    if text.contains("*** Guest State ***") || text.contains("VMCS Control") {
        return FileError::Unrecognised(
            "text with what KVM prints of a guest on Intel processors, which have no VMCB",
        );
    }
    if is_base64(text) {
        return FileError::Unrecognised("base64: take what `base64 -d` makes of it");
    }
    let mut lines = text.lines();
    if lines.any(|line| line.split_whitespace().nth(hex::MOST_WORDS).is_some()) {
        return FileError::Unrecognised(
            "text with a line of more than 65536 words: a hex dump is read in shorter lines, as `xxd` prints it",
        );
    }
    if text.starts_with('[') {
        let list = serde_json::from_str::<serde::de::IgnoredAny>(text);
        return FileError::Unrecognised(if list.is_ok() {
            "JSON, but a list: a snapshot is an object"
        } else {
            NOTHING
        });
    }
    FileError::Unrecognised(
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
            "JSON, but no object: a snapshot is one"
        } else {
            NOTHING
        },
    )
}

/// Whether a text is of the letters of base64 alone, and more than a word.
fn is_base64(text: &str) -> bool {
    const FEWEST: usize = 64;
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || b"+/=\r\n".contains(&letter);
    let is_digit = |letter: u8| letter.is_ascii_hexdigit() || letter.is_ascii_whitespace();
    let mut letters = text.trim_end().bytes();
    text.len() >= FEWEST && letters.clone().all(is_letter) && !letters.all(is_digit)
}
