//! What a file is that is none of what can be read: one line that helps whoever took the wrong one.

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

/// Names what bytes are that are no text and no pages, or says why they are no pages.
pub(super) fn of_bytes(bytes: &[u8], error: FileError) -> FileError {
    let known = BEGINNINGS
        .iter()
        .find(|(begin, _)| bytes.starts_with(begin));
    if let Some((_, name)) = known {
        return FileError::Unrecognised(name);
    }
    if bytes.get(TAR) == Some(b"ustar") {
        return FileError::Unrecognised("a tar archive");
    }
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return FileError::Unrecognised("UTF-16 text with NULs in it, or cut within a letter");
    }
    error
}

/// Names what a text is that is no dump.
pub(super) fn of_text(text: &str) -> FileError {
    let known = BEGINNINGS
        .iter()
        .find(|(begin, _)| text.as_bytes().starts_with(begin));
    if let Some((_, name)) = known {
        return FileError::Unrecognised(name);
    }
    let text = text.trim_start();
    let begins: String = text.chars().take(32).collect::<String>().to_lowercase();
    if let Some((_, name)) = TEXTS.iter().find(|(begin, _)| begins.starts_with(begin)) {
        return FileError::Unrecognised(name);
    }
    if text.starts_with('[') {
        let list = serde_json::from_str::<serde::de::IgnoredAny>(text);
        return FileError::Unrecognised(if list.is_ok() {
            "JSON, but a list, where a snapshot is an object"
        } else {
            "text, with nothing in it that KVM, Xen, QEMU or a hex dump prints"
        });
    }
    FileError::Unrecognised(
        if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
            "JSON, but no object"
        } else {
            "text, with nothing in it that KVM, Xen, QEMU or a hex dump prints"
        },
    )
}
