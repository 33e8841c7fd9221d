//! Pages in hexadecimal, as xxd, hexdump, od and the kernel's `print_hex_dump` have them, or as plain digits.

use std::fmt::Write as _;

/// A form, by the command that prints it.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Its name.
    pub name: &'static str,
    /// The text for a page, or for some bytes.
    pub print: fn(&[u8]) -> String,
}

/// As it is printed by xxd.
pub const XXD: &[Form] = &[
    Form {
        name: "xxd",
        print: |page| dump(page, 2, false, |at, row| format!("{at:08x}: {row}\n")),
    },
    Form {
        name: "xxd -g1",
        print: |page| dump(page, 1, false, |at, row| format!("{at:08x}: {row}\n")),
    },
    Form {
        name: "xxd -d",
        print: |page| dump(page, 2, false, |at, row| format!("{at:08}: {row}\n")),
    },
    Form {
        name: "xxd -c 40",
        print: |page| {
            let row = |at, row: &str| format!("{at:08x}: {row}\n");
            lettered(page, 40, 2, false, row)
        },
    },
    Form {
        name: "xxd in capitals, CRLF",
        print: |page| {
            dump(page, 2, false, |at, row| {
                let (digits, letters) = row.rsplit_once("  ").unwrap_or_default();
                format!("{at:08X}: {}  {letters}\r\n", digits.to_uppercase())
            })
        },
    },
];

/// As it is printed by hexdump and by od.
pub const HEXDUMP: &[Form] = &[
    Form {
        name: "hexdump -C",
        print: canonical,
    },
    Form {
        name: "hexdump",
        print: |page| bare(page, 2, true, |at, digits| format!("{at:07x} {digits}\n")),
    },
    Form {
        name: "od -A x -t x1",
        print: |page| bare(page, 1, false, |at, digits| format!("{at:06x} {digits}\n")),
    },
    Form {
        name: "od -t x1",
        print: |page| bare(page, 1, false, |at, digits| format!("{at:07o} {digits}\n")),
    },
    Form {
        name: "od -A d -t x4",
        print: |page| bare(page, 4, true, |at, digits| format!("{at:07} {digits}\n")),
    },
    Form {
        name: "od -A x -t x1 -w64",
        print: |page| {
            let row = |at, digits: &str| format!("{at:06x} {digits}\n");
            numbered(page, 64, 1, false, row)
        },
    },
    Form {
        name: "od -A x -t x2z",
        print: |page| dump(page, 2, true, signed),
    },
    Form {
        name: "od -A x -t x4z",
        print: |page| dump(page, 4, true, signed),
    },
    Form {
        name: "od -A x -t x8z",
        print: |page| dump(page, 8, true, signed),
    },
    Form {
        name: "hexdump -x",
        print: |page| {
            bare(page, 2, true, |at, digits| {
                format!("{at:07x}    {}\n", digits.replace(' ', "    "))
            })
        },
    },
    Form {
        name: "hexdump -e, offsets as wide as groups",
        print: |page| bare(page, 4, true, |at, digits| format!("{at:08x} {digits}\n")),
    },
    Form {
        name: "dq of WinDbg",
        print: |page| {
            bare(page, 8, true, |at, digits| {
                let halves = |number: &str| {
                    let (high, low) = number.split_at_checked(8).unwrap_or_default();
                    format!("{high}`{low}")
                };
                let numbers: Vec<_> = digits.split(' ').map(halves).collect();
                format!("ffff9a80`{at:08x}  {}\n", numbers.join(" "))
            })
        },
    },
];

/// As it is printed by a kernel.
pub const PRINT_HEX_DUMP: &[Form] = &[
    Form {
        name: "print_hex_dump 1",
        print: |page| {
            dump(page, 1, false, |at, row| {
                format!("[  912.10{at:04}] kvm_amd: vmcb: {at:08x}: {row}\n")
            })
        },
    },
    Form {
        name: "print_hex_dump 4",
        print: |page| {
            dump(page, 4, true, |at, row| {
                format!("<3>[  912.104411] VMCB: {at:08x}: {row}\n")
            })
        },
    },
    Form {
        name: "print_hex_dump 8",
        print: |page| {
            bare(page, 8, true, |at, digits| {
                format!("Nov 27 08:00:00 host kernel: {at:08x}: {digits}\n")
            })
        },
    },
    Form {
        name: "print_hex_dump by hashed address",
        print: |page| {
            dump(page, 1, false, |at, row| {
                let hash = u32::try_from(at).unwrap_or_default();
                let hash = hash.wrapping_mul(0x9E37_79B1) ^ 0x5DBE_4409;
                format!("[  912.104411] vmcb: 00000000{hash:08x}: {row}\n")
            })
        },
    },
    Form {
        name: "print_hex_dump by address",
        print: |page| {
            bare(page, 1, false, |at, digits| {
                let address = 0xFFFF_8881_0000_3000_u64 + at as u64;
                format!("[    1.5] {address:016x}: {digits}\n")
            })
        },
    },
];

/// Without offsets.
pub const PLAIN: &[Form] = &[
    Form {
        name: "xxd -p",
        print: |page| {
            let rows = page.chunks(30).map(digits);
            rows.collect::<Vec<_>>().join("\n")
        },
    },
    Form {
        name: "one line",
        print: digits,
    },
    Form {
        name: "one line of bytes",
        print: |page| grouped(page, 1, false),
    },
    Form {
        name: "xxd -i",
        print: |page| {
            let row = |bytes: &[u8]| {
                let bytes = bytes.iter().map(|byte| format!("{byte:#04x}"));
                format!("  {}", bytes.collect::<Vec<_>>().join(", "))
            };
            let rows: Vec<_> = page.chunks(12).map(row).collect();
            let length = page.len();
            let rows = rows.join(",\n");
            format!("unsigned char vmcb[] = {{\n{rows}\n}};\nunsigned int vmcb_len = {length};\n")
        },
    },
];

/// All of them.
pub fn forms() -> impl Iterator<Item = &'static Form> {
    [XXD, HEXDUMP, PRINT_HEX_DUMP, PLAIN].into_iter().flatten()
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// Bytes in groups: a number each, or as they lie in memory.
fn grouped(bytes: &[u8], group: usize, is_number: bool) -> String {
    let groups = bytes.chunks(group).map(|group| {
        let mut group = group.to_vec();
        if is_number {
            group.reverse();
        }
        digits(&group)
    });
    groups.collect::<Vec<_>>().join(" ")
}

/// Rows with offsets.
fn bare(page: &[u8], group: usize, is_number: bool, row: fn(usize, &str) -> String) -> String {
    numbered(page, 16, group, is_number, row)
}

/// The same in rows of a length.
fn numbered(
    page: &[u8],
    length: usize,
    group: usize,
    is_number: bool,
    row: fn(usize, &str) -> String,
) -> String {
    let rows = page.chunks(length).enumerate();
    rows.map(|(at, bytes)| row(length * at, &grouped(bytes, group, is_number)))
        .collect()
}

/// The same with letters behind two blanks.
fn dump(page: &[u8], group: usize, is_number: bool, row: fn(usize, &str) -> String) -> String {
    lettered(page, 16, group, is_number, row)
}

/// A row as od has it, with a sign at either end of its letters.
fn signed(at: usize, row: &str) -> String {
    let (digits, letters) = row.split_once("  ").unwrap_or_default();
    format!("{at:06x} {digits}  >{letters}<\n")
}

/// The same in rows of a length.
fn lettered(
    page: &[u8],
    length: usize,
    group: usize,
    is_number: bool,
    row: fn(usize, &str) -> String,
) -> String {
    let rows = page.chunks(length).enumerate();
    rows.map(|(at, bytes)| {
        let letter = |byte: &u8| match byte {
            0x20..0x7F => char::from(*byte),
            _ => '.',
        };
        let letters: String = bytes.iter().map(letter).collect();
        let groups = grouped(bytes, group, is_number);
        row(length * at, &format!("{groups}  {letters}"))
    })
    .collect()
}

/// As `hexdump -C` has it: an asterisk stands for rows that are equal to the one before.
fn canonical(page: &[u8]) -> String {
    let mut text = String::new();
    let mut before: Option<&[u8]> = None;
    let mut is_repeated = false;
    for (at, bytes) in page.chunks(16).enumerate() {
        let is_same = before == Some(bytes);
        if is_same && !is_repeated {
            text += "*\n";
        }
        is_repeated = is_same;
        if is_same {
            continue;
        }
        before = Some(bytes);
        let (low, high) = bytes.split_at(bytes.len().min(8));
        let [low, high] = [low, high].map(|half| grouped(half, 1, false));
        writeln!(text, "{:08x}  {low}  {high}  |................|", 16 * at)
            .expect("a string takes all");
    }
    writeln!(text, "{:08x}", page.len()).expect("a string takes all");
    text
}
