//! Dumps that are damaged, or whose rows do not say all: what is read is the page's, or the text is
//! refused, and nothing is dropped without a word.

use std::fmt::Write as _;

use amd_svm::vmcb::{VMCB_SIZE, fields};
use client::{Format, Page, Snapshot};
use proptest::prelude::*;
use svm_dumps::hexadecimal::{self, HEXDUMP, PLAIN, PRINT_HEX_DUMP, XXD};
use svm_dumps::{kvm, qemu, xen};

use super::forms::{guest, page};
use crate::fake::Driver;
use crate::files::Folder;
use crate::{Ran, run};

fn printed(name: &str, page: &[u8]) -> String {
    let form = hexadecimal::forms().find(|form| form.name == name).unwrap();
    (form.print)(page)
}

fn complaint(text: &str) -> String {
    match Snapshot::parse(text.as_bytes()) {
        Err(error) => error.to_string(),
        Ok(snapshot) => panic!("{} processors\n{text}", snapshot.processors.len()),
    }
}

fn pages(text: &str) -> Vec<u8> {
    let read = Snapshot::parse(text.as_bytes());
    let snapshot = read.unwrap_or_else(|error| panic!("{error}\n{text}"));
    snapshot.to_pages().unwrap()
}

fn vmcb(snapshot: &Snapshot) -> &Page {
    let capture = snapshot.processors[0].result.as_ref().unwrap();
    capture.pages.as_ref().unwrap().vmcb.as_ref().unwrap()
}

fn decode(text: &str, arguments: &[&str]) -> Ran {
    let folder = Folder::new();
    let path = folder.path("dump");
    std::fs::write(&path, text).unwrap();
    let all = [&["decode", &path], arguments].concat();
    run(&all, &mut Driver::with_processors(1))
}

/// The text with another line in place of one, by its number from 1.
fn with_line(text: &str, number: usize, change: impl Fn(&str) -> String) -> String {
    let lines = text.lines().zip(1..);
    let lines = lines.map(|(line, at)| {
        if at == number {
            change(line)
        } else {
            line.to_owned()
        }
    });
    lines.map(|line| line + "\n").collect()
}

/// The number of the line that begins with an offset.
fn line_of(text: &str, offset: &str) -> usize {
    let at = text.lines().position(|line| line.starts_with(offset));
    at.unwrap() + 1
}

#[test]
fn a_row_that_is_damaged_is_refused_with_its_line() {
    let text = printed("hexdump -C", &guest());
    let line = line_of(&text, "00000410");
    // The row before an asterisk, the one behind it, and one among others.
    for (what, offset) in [
        ("before", "00000430"),
        ("behind", "00000450"),
        ("among", "00000420"),
    ] {
        let line = line_of(&text, offset);
        for damage in [
            &(|row: &str| row.replacen('0', "O", 1)) as &dyn Fn(&str) -> String,
            &|row| row[1..].to_owned(),
            &|row| format!("0{}", row.replacen("0000", "00O0", 1)),
            &|row| row.replacen("  ", " ?", 1),
            &|row| row[..30].to_owned(),
        ] {
            let damaged = with_line(&text, line, damage);
            // An offset without its first zero is the same.
            let read = Snapshot::parse(damaged.as_bytes());
            if read.is_ok_and(|read| read.to_pages().is_ok_and(|read| read == guest())) {
                continue;
            }
            let told = complaint(&damaged);
            let near = (line - 1..=line + 1).any(|line| told.contains(&format!("line {line} ")));
            assert!(near, "{what}: {told}");
        }
    }
    let foreign = with_line(&text, line - 1, |line| format!("--More--\n{line}"));
    assert!(complaint(&foreign).contains("stands where rows are missing or repeated"));
    // A row that the asterisk would stand for.
    let lost = with_line(&text, line_of(&text, "00000050"), |_| String::new());
    let lost = with_line(&lost, line_of(&lost, "00000060"), str::to_owned);
    assert!(Snapshot::parse(lost.as_bytes()).is_err());
    let od = printed("od -A x -t x1", &guest());
    let told = complaint(&with_line(&od, 70, |row| row.replacen(' ', "", 2)));
    assert!(
        told.contains("line 70 is not printed as the rows beside it"),
        "{told}"
    );
    let khd = printed("print_hex_dump by address", &guest());
    let told = complaint(&with_line(&khd, 70, |row| row.replacen("8881", "881", 1)));
    assert!(
        told.contains("line 70 is not printed as the rows beside it"),
        "{told}"
    );
}

#[test]
fn what_is_left_of_a_first_row_is_not_repeated() {
    let text = printed("hexdump -C", &guest());
    for cut in 1..60 {
        let Ok(snapshot) = Snapshot::parse(&text.as_bytes()[cut..]) else {
            continue;
        };
        assert_eq!(snapshot.processors.len(), 1);
        assert_eq!(vmcb(&snapshot).field("cr_reads"), None, "{cut}");
        assert!(vmcb(&snapshot).field("lstar").is_some(), "{cut}");
    }
}

#[test]
fn rows_whose_offsets_say_nothing_are_taken_in_turn_if_they_make_pages() {
    let text = printed("print_hex_dump by hashed address", &guest());
    assert_eq!(pages(&text), guest());
    let shown = decode(&text, &[]);
    assert!(
        shown
            .stdout
            .contains("they were taken one behind the other"),
        "{}",
        shown.stdout
    );
    let shown = decode(&text, &["--json"]);
    assert!(
        shown
            .stderr
            .contains("they were taken one behind the other"),
        "{}",
        shown.stderr
    );
    let told = complaint(&with_line(&text, 9, |_| String::new()));
    assert!(told.contains("do not follow one another"), "{told}");
    assert!(told.contains("4080 bytes"), "{told}");
    // A page that is not where a page begins, as a debugger finds it on a stack.
    let gdb: Vec<String> = (0_u64..)
        .zip(guest().chunks(8))
        .map(|(at, bytes)| {
            let number = u64::from_le_bytes(bytes.try_into().unwrap());
            format!(
                "0x{:x} <vmcb+{}>:\t{number:#018x}\n",
                0x7FFF_F010 + 8 * at,
                8 * at
            )
        })
        .collect();
    assert_eq!(pages(&gdb.concat()), guest());
}

#[test]
fn the_order_of_bytes_is_told_by_segments_where_there_are_no_letters() {
    let text = printed("xxd", &guest());
    let rows = text.lines().map(|line| line.split_once("  ").unwrap().0);
    let cut = rows.collect::<Vec<_>>().join("\n");
    for text in [
        cut.clone(),
        cut.replace(' ', "\t"),
        cut.replace(' ', "\u{a0}"),
        text.replace(' ', "\t"),
        text.replace(' ', "\u{a0}"),
    ] {
        assert_eq!(pages(&text), guest());
        let shown = decode(&text, &[]);
        assert!(!shown.stdout.contains("nothing says"), "{}", shown.stdout);
    }
    // Nothing but an exit code.
    let mut page = [0; VMCB_SIZE];
    page[0x70] = 0x72;
    let text = printed("xxd", &page).replace('r', ".");
    let rows = text.lines().map(|line| line.split_once("  ").unwrap().0);
    let cut = rows.collect::<Vec<_>>().join("\n");
    let shown = decode(&cut, &[]);
    let words: Vec<_> = shown.stdout.split_whitespace().collect();
    assert!(
        words.join(" ").contains("nothing says in which order"),
        "{}",
        shown.stdout
    );
}

#[test]
fn letters_tell_the_order_of_bytes_if_nearly_all_of_them_do() {
    for groups in ["x2z", "x4z", "x8z"] {
        let text = printed(&format!("od -A x -t {groups}"), &guest());
        for text in [text.clone(), text.replace('>', "> ").replace('<', " <")] {
            assert_eq!(pages(&text), guest(), "{groups}\n{text}");
            let shown = decode(&text, &[]);
            assert!(!shown.stdout.contains("nothing says"), "{}", shown.stdout);
        }
    }
}

#[test]
fn plain_digits_of_any_number_of_pages_are_read() {
    for count in 1..=9 {
        let many = guest().repeat(count);
        for form in PLAIN {
            assert_eq!(pages(&(form.print)(&many)), many, "{} {count}", form.name);
        }
    }
}

#[test]
fn what_looks_like_a_hex_dump_and_is_none_is_told() {
    let registers = qemu::printed(&guest(), 0);
    let none = Snapshot::parse_as(registers.as_bytes(), Some(Format::Hex)).unwrap_err();
    assert!(none.to_string().contains("nothing in it is what"), "{none}");
    let mut disassembly = String::from("svm.o:     file format elf64-x86-64\n\n");
    let mut at = 0xFFFF_FFFF_8104_1040_u64;
    for length in [3, 2, 2, 2, 2, 1, 3, 3, 4, 5, 7, 1]
        .into_iter()
        .cycle()
        .take(200)
    {
        let bytes = ["48"].repeat(length).join(" ");
        // Writing into a string cannot fail.
        let _ = writeln!(disassembly, "{at:x}:\t{bytes:<21}\tmov    %rsp,%rbp");
        at += length as u64;
    }
    assert!(complaint(&disassembly).contains("nothing in it is a dump"));
    let binary: Vec<String> = (0..)
        .zip(guest().chunks(6))
        .map(|(at, bytes): (usize, _)| {
            let bytes: Vec<_> = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
            format!("{:08x}: {}  ......\n", 6 * at, bytes.join(" "))
        })
        .collect();
    let told = complaint(&binary.concat());
    assert!(told.contains("take plain `xxd`"), "{told}");
}

#[test]
fn a_file_with_two_kinds_of_dump_says_so() {
    let vmcb = kvm::logged(&kvm::printed(&guest()), 0);
    let registers = qemu::printed(&guest(), 0);
    let hex = printed("hexdump -C", &guest());
    for text in [vmcb.clone() + &registers, registers.clone() + &vmcb] {
        let ran = decode(&text, &[]);
        assert!(ran.stdout.starts_with("KVM's dump_vmcb"), "{}", ran.stdout);
        assert!(
            ran.stdout.contains("--format qemu reads that"),
            "{}",
            ran.stdout
        );
        let ran = decode(&text, &["--format", "qemu"]);
        assert!(
            ran.stdout.starts_with("QEMU's info registers"),
            "{}",
            ran.stdout
        );
    }
    let ran = decode(&(vmcb + &hex), &["--json"]);
    assert!(
        ran.stderr.contains("--format hex reads that"),
        "{}",
        ran.stderr
    );
}

/// The text as a mail has it whose lines were wrapped.
fn wrapped(text: &str, width: usize, end: &str) -> String {
    let mut lines = String::new();
    for mut line in text.lines() {
        while let Some(at) = line.get(..width).and_then(|begin| begin.rfind(' ')) {
            lines += line[..at].trim_end();
            lines += end;
            line = &line[at + 1..];
        }
        lines += line;
        lines += end;
    }
    lines
}

#[test]
fn a_number_in_the_next_line_is_read_and_the_rest_of_one_is_refused() {
    let mut page = guest();
    qemu::shown(&mut page);
    let [kvm, xen, qemu] = [
        kvm::logged(&kvm::printed(&page), 0),
        xen::printed(&page),
        qemu::printed(&page, 0),
    ];
    let (qemu, _) = qemu.split_once("XMM00").unwrap();
    for text in [&kvm, &xen, qemu] {
        let whole = Snapshot::parse(text.as_bytes()).unwrap();
        for width in [72, 76, 80] {
            for end in ["\n", "\r\n"] {
                let text = wrapped(text, width, end);
                let read = Snapshot::parse(text.as_bytes());
                assert_eq!(read.unwrap(), whole, "{width}\n{text}");
            }
        }
    }
    let qemu = qemu.to_owned();
    for (text, from, to, word) in [
        (&kvm, " l: ", "\nl: ", "es"),
        (&kvm, " b: ", "\nb: ", "es"),
        (
            &kvm,
            "asid:               ",
            "asid:               1\n",
            "asid",
        ),
        (&xen, " ffffffff ", "\nffffffff ", "cs"),
        (&qemu, " ffffffff ", "\nffffffff ", "CS"),
    ] {
        let line = text.lines().position(|line| line.contains(from)).unwrap() + 1;
        let told = complaint(&text.replacen(from, to, 1));
        let wanted = format!("line {line}: the number behind `{word}`");
        assert!(told.contains(&wanted), "{wanted}: {told}");
    }
}

#[test]
fn vmrun_is_not_judged_where_there_is_no_vmcb_to_judge() {
    let ran = decode(&qemu::printed(&guest(), 0), &["--vmrun"]);
    assert_eq!(ran.exit, 7);
    assert!(
        ran.stdout
            .contains("there is no VMCB that VMRUN could refuse"),
        "{}",
        ran.stdout
    );
    let snapshot = Snapshot::parse(qemu::printed(&guest(), 0).as_bytes()).unwrap();
    assert!(vmcb(&snapshot).number(0x558..0x55C).is_some());
    assert_eq!(vmcb(&snapshot).field("cr0"), None);
    // An encrypted guest, whose save area is elsewhere.
    let mut page = guest();
    page[0x90] = 7;
    page[0x10] |= 1;
    page[0x58..0x5C].copy_from_slice(&1_u32.to_le_bytes());
    let folder = Folder::new();
    let path = folder.path("a.vmcb");
    std::fs::write(&path, &page).unwrap();
    let ran = run(
        &["decode", "--vmrun", &path],
        &mut Driver::with_processors(1),
    );
    assert_eq!(ran.exit, 7, "{}", ran.stdout);
    let words: Vec<_> = ran.stdout.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("an SEV-ES guest's save area is encrypted"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("VMRUN accepts it"));
}

#[test]
fn registers_of_a_processor_of_32_bits_are_read() {
    let text = "\
EAX=4d96461c EBX=37e06ad2 ECX=98ace2cf EDX=7815d13a
EIP=4438703e EFL=00000046 [-------] CPL=1 II=0 A20=1 SMM=0 HLT=0
CS =0010 00000000 cfb300bf 00cf9b00 DPL=0 CS32 [-RA]
TR =0040 00001000 00000067 00008b00 DPL=0 TSS32-busy
CR0=80000011 CR2=00001000 CR3=00002000 CR4=00000010
DR0=00000000 DR1=00000000 DR2=00000000 DR3=00000000 
DR6=ffff0ff0 DR7=00000400
EFER=0000000000000000
";
    let snapshot = Snapshot::parse(text.as_bytes()).unwrap();
    assert_eq!(vmcb(&snapshot).field("dr7"), Some(0x400));
    assert_eq!(vmcb(&snapshot).field("cr0"), Some(0x8000_0011));
}

#[test]
fn an_exit_code_of_zero_is_an_exit() {
    let mut page = guest();
    page[0x70..0x78].fill(0);
    let text = kvm::logged(&kvm::printed(&page), 0);
    let ran = decode(&text, &[]);
    assert!(
        ran.stdout
            .contains("exit_code                 0x0000000000000000  CR0_READ"),
        "{}",
        ran.stdout
    );
    let document: serde_json::Value =
        serde_json::from_str(&decode(&text, &["--json"]).stdout).unwrap();
    assert_eq!(
        document["processors"][0]["decoded"]["vmcb"]["exit_code"],
        "CR0_READ"
    );
}

/// Numbers of four digits and more in a text, by where they begin and end.
fn numbers(text: &str) -> Vec<std::ops::Range<usize>> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    let mut found = Vec::new();
    let mut start = 0;
    for piece in text
        .as_bytes()
        .split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
    {
        let end = start + piece.len();
        let digits = piece.strip_prefix(b"0x").unwrap_or(piece);
        if digits.len() >= 4 && digits.iter().all(is_digit) {
            found.push(end - digits.len()..end);
        }
        start = end + 1;
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_damaged_hex_dump_tells_nothing_else(
        page in page(), form in 0_usize..100, at in 0_usize..17_000, kind in 0..7,
    ) {
        let forms: Vec<_> = [XXD, HEXDUMP, PRINT_HEX_DUMP].into_iter().flatten().collect();
        let form = forms[form % forms.len()];
        let mut text = (form.print)(&page);
        let at = at % text.len();
        match kind {
            0 => drop(text.remove(at)),
            1 => text.insert(at, ' '),
            2 => text.insert(at, 'O'),
            3 => text.replace_range(at..=at, "?"),
            4 => text.insert(at, '\n'),
            5 => text = text.replace(' ', "\u{a0}"),
            _ => text = with_line(&text, 1 + at % 256, |row| format!("(gdb) \n{row}")),
        }
        if let Ok(snapshot) = Snapshot::parse(text.as_bytes()) {
            prop_assert_eq!(snapshot.processors.len(), 1, "{}", form.name);
            let read = vmcb(&snapshot);
            for field in fields::VMCB {
                let bytes = read.bytes(field.range());
                let is_same = bytes.is_none_or(|bytes| bytes == &page[field.range()]);
                prop_assert!(is_same, "{}: {field}", form.name);
            }
        }
    }

    #[test]
    fn a_damaged_digit_is_refused_and_drops_no_field(
        mut page in page(), tool in 0..3, number in 0_usize..1000, digit in 0_usize..16,
        other in prop::sample::select(vec!['O', 'l', 'S', '?', ' ', 'g', '.']),
    ) {
        kvm::shown(&mut page);
        qemu::shown(&mut page);
        let text = match tool {
            0 => kvm::logged(&kvm::printed(&page), 1),
            1 => xen::printed(&page),
            _ => qemu::printed(&page, 0),
        };
        let whole = Snapshot::parse(text.as_bytes()).unwrap();
        let numbers = numbers(&text);
        let range = numbers[number % numbers.len()].clone();
        let at = range.start + digit % range.len();
        // A number may be shorter.
        prop_assume!(other != ' ' || at > range.start && at + 1 < range.end);
        let mut damaged = text;
        damaged.replace_range(at..=at, other.encode_utf8(&mut [0; 4]));
        if let Ok(snapshot) = Snapshot::parse(damaged.as_bytes()) {
            prop_assert_eq!(snapshot, whole, "{}", damaged);
        }
    }
}
