//! Everything else: one line that says what was recognised and what was not.

use client::Snapshot;

use crate::fake::Driver;
use crate::files::Folder;
use crate::{output, run};

fn healthy() -> String {
    output(
        &["show", "--json", "--full"],
        &mut Driver::with_processors(2),
    )
}

fn complaint(bytes: &[u8]) -> String {
    Snapshot::parse(bytes).expect_err("it was read").to_string()
}

/// What a kernel prints of itself.
const OOPS: &[u8] = b"\
[  912.104410] RSP: 0018:ffffa0d2c0a3fd80 EFLAGS: 00010046
[  912.104410] RAX: 0000000000000000 RBX: ffff9a3b4c6e0000 RCX: 00000000c0000102
[  912.104410] RDX: 0000000000000000 RSI: ffff9a3b4c6e0000 RDI: 00000000c0000102
[  912.104410] CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033
[  912.104410] CR2: ffffa0d2c0a3fff8 CR3: 000000010c5b2000 CR4: 0000000000750ee0
";

/// What a debugger of Windows prints by `r`.
const DEBUGGER: &[u8] = b"\
rax=0000000000000000 rbx=ffffbc0e2f5b3080 rcx=0000000000000001
rdx=0000000000000000 rsi=0000000000000000 rdi=fffff8011241a640
rip=fffff8011241a640 rsp=ffffbc0e2f5b3000 rbp=0000000000000000
cs=0010  ss=0018  ds=002b  es=002b  fs=0053  gs=002b             efl=00040246
cr0=0000000080050033 cr2=0000000000000000 cr3=00000000001ad002 cr4=0000000000350ef8
";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_no_snapshot_is_named() {
    let mut executable = b"\x7FELF\x02\x01\x01".to_vec();
    executable.extend((0..8185_u32).map(|at| (at.wrapping_mul(0x9E37_79B1) >> 24) as u8));
    executable[20..24].fill(0);
    assert_eq!(executable.len(), 8192);
    let mut random = executable.clone();
    random[..4].fill(9);
    // A page that is mostly zero would pass for a VMCB.
    let mut small_executable = executable[..16].to_vec();
    small_executable.resize(4096, 0);
    let mut archive = b"\x1F\x8B\x08".to_vec();
    archive.resize(4096, 0);
    let holes = [
        b"[  912.104411] usb 1-1: new device\n".repeat(3),
        vec![0; 9],
        b"x".to_vec(),
    ]
    .concat();
    let padded = [healthy().as_bytes(), &[0; 3000]].concat();
    for (bytes, wanted) in [
        (executable.as_slice(), "it is an ELF executable"),
        (b"MZ\x90\0\x03\0\0\0", "it is a Windows executable"),
        (b"PK\x03\x04\x14\0\0\0", "it is a ZIP archive"),
        (b"\x1F\x8B\x08\0\0\0", "it is a gzip archive"),
        (b"", "it is empty"),
        (b" \r\n", "it is empty"),
        (b"\xFF\xFE", "it is empty"),
        (b"[]", "it is JSON, but a list"),
        (b"null", "it is JSON, but no object"),
        (b"{}", "it is an object without members"),
        (
            br#"{"a": 1}"#,
            "it has no `schema` and no `processors`, but `a`",
        ),
        (
            br#"{"schema": 2, "findings": []}"#,
            "it is what `check --json` prints",
        ),
        (br#"{"processors": []}"#, "it has no `schema`"),
        (&padded, "JSON with 3000 NULs or Ctrl-Zs behind its end"),
        (
            &random,
            "page 0 is neither a VMCB nor a save area of SEV-ES: ",
        ),
        (
            &[0; 4095],
            "4095 bytes that are neither text nor whole pages",
        ),
        (&small_executable, "it is an ELF executable"),
        (&archive, "it is a gzip archive"),
        (
            b"\x7B\0\x22\0s\0c\0h\0e\0m\0a\0x",
            "it is UTF-16 text that is cut within a letter",
        ),
        (&holes, "it is text with NULs in it, and no snapshot: cut them out"),
        (OOPS, "it is text, and no snapshot"),
        (DEBUGGER, "it is text, and no snapshot"),
        (
            b"kvm_intel: VMCS 000000005a5a5a5a\nkvm_intel: *** Guest State ***\nCR0: actual=0x80050033\n",
            "a guest on Intel processors, which have no VMCB",
        ),
        (
            b"{\"MESSAGE\": \"kvm_amd: cr_read: 0011\", \"_TRANSPORT\": \"kernel\"}\n{\"MESSAGE\": \"x\"}\n",
            "it is what `journalctl -o json` prints: take `journalctl -o short`",
        ),
        (
            b"{\"_TRANSPORT\": \"kernel\"}",
            "it is what `journalctl -o json` prints: take `journalctl -o short`",
        ),
        (b"{\"a\": 1}\n\n{\"a\": 2}", "it is several documents, a line each"),
        (
            &b"EQAQAP8A/gBCAAYAJ4BMvE8kAAAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n".repeat(3),
            "it is base64, and no snapshot: take what `base64 -d` makes of it",
        ),
        (&b"0".repeat(8191), "nothing in it is a dump"),
        (
            &b"00 ".repeat(17 * 4096),
            "a line of more than 65536 words, and no snapshot: a hex dump is read in shorter lines",
        ),
        (
            b"<!DOCTYPE html><title>x",
            "it is an HTML page, as `report` writes it",
        ),
        (
            b"index,group,number,lstar\n",
            "it is comma-separated values",
        ),
        (
            b"Dear reader,\nhello.\n",
            "it is text, and no snapshot: nothing in it is a dump",
        ),
        (
            b"[  912.104411] usb 1-1: new device\n",
            "it is text, and no snapshot: nothing in it is a dump",
        ),
    ] {
        let line = complaint(bytes);
        assert!(line.contains(wanted), "{wanted}: {line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[test]
fn a_page_of_which_reserved_bytes_or_attributes_are_set_is_no_vmcb() {
    let mut page = [0; 4096];
    page[0x1A0..0x1A0 + 64].fill(1);
    assert!(Snapshot::parse(&page).is_ok());
    page[0x800] = 1;
    assert!(complaint(&page).contains("65 of its reserved bytes are not zero, the first at 0x1a0"));
    assert!(Snapshot::parse_as(&page, Some(client::Format::Vmcb)).is_ok());
    let mut page = [0; 4096];
    page[0x4CB] = 4;
    assert!(complaint(&page).contains("its privilege level is 4"));
    let mut page = [0; 4096];
    for at in [0x402, 0x412] {
        page[at..at + 2].fill(0xFF);
    }
    assert!(complaint(&page).contains("the attributes of ES, CS are those of no segment"));
}

#[test]
fn structures_are_objects_and_no_message_has_a_name_of_the_program() {
    let mut healthy: serde_json::Value = serde_json::from_str(&healthy()).unwrap();
    healthy["machine"] = serde_json::json!({"host": "WS-0412", "processor": {"family": 25}});
    healthy["client"] = serde_json::json!({"version": "0.1.0"});
    for pointer in [
        "",
        "/processors/0",
        "/processors/0/vmsave",
        "/processors/0/vmsave/tr",
        "/processors/0/witness",
        "/processors/0/cycles",
        "/machine",
        "/machine/processor",
        "/client",
    ] {
        let mut document = healthy.clone();
        let place = document.pointer_mut(pointer).unwrap();
        let values: Vec<_> = place.as_object().unwrap().values().cloned().collect();
        *place = values.into();
        let line = complaint(document.to_string().as_bytes());
        for name in ["Members", "struct", "u32", "u64"] {
            assert!(!line.contains(name), "{pointer}: {line}");
        }
    }
    for (pointer, value) in [
        ("/processors/0/index", serde_json::json!("0")),
        ("/processors/0/group", serde_json::json!(-1)),
        ("/processors/0/vmsave/lstar", serde_json::json!(7)),
        ("/schema", serde_json::json!([])),
    ] {
        let mut document = healthy.clone();
        *document.pointer_mut(pointer).unwrap() = value;
        let line = complaint(document.to_string().as_bytes());
        let names = ["u8", "u16", "u32", "u64", "struct"];
        assert!(!names.iter().any(|name| line.contains(name)), "{line}");
    }
}

#[test]
fn text_is_read_in_every_encoding() {
    let json = healthy();
    let expected = Snapshot::parse(json.as_bytes()).unwrap();
    let units: Vec<u16> = json.encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let crlf = json.replace('\n', "\r\n");
    for bytes in [
        [b"\xEF\xBB\xBF", json.as_bytes()].concat(),
        [b"\xFF\xFE", little.as_slice()].concat(),
        [b"\xFE\xFF", big.as_slice()].concat(),
        [json.as_bytes(), b"\0"].concat(),
        [json.as_bytes(), b"\x1A"].concat(),
        [little.as_slice(), b"\0\0"].concat(),
        little,
        big,
        crlf.into_bytes(),
    ] {
        assert_eq!(Snapshot::parse(&bytes).unwrap(), expected);
    }
}

#[test]
fn a_name_that_is_no_field_gets_the_nearest() {
    let mut driver = Driver::with_processors(1);
    let ran = run(&["show", "--field", "lstr"], &mut driver);
    assert_eq!(ran.exit, 2);
    assert!(
        ran.stderr.contains("the nearest is `lstar`"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.len() < 200, "{}", ran.stderr);
    for name in ["IA32_LSTAR", "0xc0000082", "MSR_LSTAR", "LSTAR"] {
        let ran = run(&["show", "--field", name], &mut driver);
        assert_eq!(ran.stdout, "0xfffff8031a42b6c0\n", "{name}");
    }
    let csv = output(&["show", "--csv", "--columns", "fmask,0x174"], &mut driver);
    assert!(
        csv.starts_with("index,group,number,sfmask,sysenter_cs,error\n"),
        "{csv}"
    );
    let folder = Folder::new();
    let path = folder.path("a.vmcb");
    std::fs::write(&path, [0; 4096]).unwrap();
    let csv = output(
        &["decode", "--csv", "--columns", "exit_code,asid", &path],
        &mut driver,
    );
    assert!(
        csv.ends_with("0,0,0,0x0000000000000000,0x00000000,\n"),
        "{csv}"
    );
}
