//! Values in words: segment attributes, by the architecture's descriptor formats, and the bits of
//! registers.

mod exit;
mod page;

use amd_svm::segment::SegmentAttributes;

pub(crate) use page::{field, has_exit};

use crate::model::Field;

/// The flags of RFLAGS that a mask may name.
///
/// Source: APM volume 2, section 3.1.6 (RFLAGS Register).
const FLAGS: [(u32, &str); 16] = [
    (0, "CF"),
    (2, "PF"),
    (4, "AF"),
    (6, "ZF"),
    (7, "SF"),
    (8, "TF"),
    (9, "IF"),
    (10, "DF"),
    (11, "OF"),
    (14, "NT"),
    (16, "RF"),
    (17, "VM"),
    (18, "AC"),
    (19, "VIF"),
    (20, "VIP"),
    (21, "ID"),
];

/// The bits of EFER.
///
/// Source: APM volume 2, section 3.1.7 (Extended Feature Enable Register).
const EFER: [(u32, &str); 8] = [
    (0, "SCE"),
    (8, "LME"),
    (10, "LMA"),
    (11, "NXE"),
    (12, "SVME"),
    (13, "LMSLE"),
    (14, "FFXSR"),
    (15, "TCE"),
];

/// What a value says, in a few words; none of what is an address or a number by itself.
pub(crate) fn value(field: Field, value: u64) -> Option<String> {
    if let Some(bits) = field.attributes(value) {
        return Some(attributes(bits));
    }
    match field {
        Field::Star => {
            let selector = |from: u32| value >> from & 0xFFFF;
            Some(format!(
                "SYSCALL {:#06x}, SYSRET {:#06x}",
                selector(32),
                selector(48)
            ))
        }
        Field::Sfmask => Some(format!("clears {}", names(value, &FLAGS))),
        Field::EferFound | Field::EferLeft | Field::Efer => Some(names(value, &EFER)),
        _ => None,
    }
}

/// The names of the bits that are set; the number of one that has none.
fn names(value: u64, known: &[(u32, &str)]) -> String {
    let set = (0..u64::BITS).filter(|bit| value >> bit & 1 == 1);
    let names: Vec<String> = set
        .map(|bit| {
            let name = known.iter().find(|(known, _)| *known == bit);
            name.map_or_else(|| format!("bit {bit}"), |(_, name)| (*name).to_owned())
        })
        .collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" ")
    }
}

/// The attributes in a few words, such as `TSS busy` or `data rw dpl3 db g`.
///
/// Source: APM volume 2, sections 4.7.2, 4.7.3 and 4.8.3.
pub(crate) fn attributes(attributes: SegmentAttributes) -> String {
    if !attributes.present() {
        return with_reserved("not present".to_owned(), attributes);
    }
    let mut words = vec![kind(attributes).to_owned()];
    if attributes.privilege_level() != 0 {
        words.push(format!("dpl{}", attributes.privilege_level()));
    }
    let flags = [
        (attributes.available(), "avl"),
        (attributes.long(), "l"),
        (attributes.default_big(), "db"),
        (attributes.granularity(), "g"),
    ];
    let set = flags.into_iter().filter(|(set, _)| *set);
    words.extend(set.map(|(_, flag)| flag.to_owned()));
    with_reserved(words.join(" "), attributes)
}

/// The words, and the bits that no processor stores.
fn with_reserved(words: String, attributes: SegmentAttributes) -> String {
    match attributes.reserved() {
        0 => words,
        bits => format!("{words} reserved {bits:#x}"),
    }
}

/// The attributes in full, for a reader who does not know the short words.
///
/// Source: as for [`attributes`].
pub(crate) fn explain(attributes: SegmentAttributes) -> String {
    if !attributes.present() {
        return "not present: nothing else about this segment has a meaning".to_owned();
    }
    let class = if attributes.code_or_data() {
        "code or data segment"
    } else {
        "system segment"
    };
    let mut parts = vec![
        format!(
            "{class}, type {:#x}: {}",
            attributes.segment_type(),
            kind(attributes)
        ),
        "present".to_owned(),
        format!("privilege level {}", attributes.privilege_level()),
    ];
    let flags = [
        (attributes.available(), "available bit set"),
        (attributes.long(), "64-bit code"),
        (attributes.default_big(), "32-bit default size"),
        (attributes.granularity(), "limit counted in pages"),
    ];
    let set = flags.into_iter().filter(|(set, _)| *set);
    parts.extend(set.map(|(_, flag)| flag.to_owned()));
    if attributes.reserved() != 0 {
        parts.push(format!(
            "reserved bits 12-15 are {:#x}, as where VMX keeps its flags",
            attributes.reserved()
        ));
    }
    parts.join("; ")
}

/// What kind of segment, leaving out the accessed bit.
fn kind(attributes: SegmentAttributes) -> &'static str {
    let segment_type = attributes.segment_type();
    if attributes.code_or_data() {
        match segment_type >> 1 {
            0 => "data r",
            1 => "data rw",
            2 => "data r down",
            3 => "data rw down",
            4 => "code x",
            5 => "code rx",
            6 => "code x conf",
            _ => "code rx conf",
        }
    } else {
        match segment_type {
            0x1 => "TSS16",
            0x2 => "LDT",
            0x3 => "TSS16 busy",
            0x9 => "TSS",
            0xB => "TSS busy",
            0xC => "call gate",
            0xE => "int gate",
            0xF => "trap gate",
            _ => "reserved",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bits: u16) -> String {
        attributes(bits.into())
    }

    #[test]
    fn the_segments_of_windows_are_called_what_they_are() {
        assert_eq!(of(0x4F3), "data rw dpl3 db");
        assert_eq!(of(0xCF3), "data rw dpl3 db g");
        assert_eq!(of(0x08B), "TSS busy");
        assert_eq!(of(0x089), "TSS");
        // Outside of long mode; processors come out of RESET with one.
        assert_eq!(of(0x083), "TSS16 busy");
        assert_eq!(of(0x081), "TSS16");
        assert_eq!(of(0x082), "LDT");
        assert_eq!(of(0x000), "not present");
        assert_eq!(of(0x29B), "code rx l");
        assert_eq!(of(0x40F3), "data rw dpl3 reserved 0x4");
        assert_eq!(of(0x4000), "not present reserved 0x4");
    }

    #[test]
    fn registers_are_told_by_their_bits() {
        let told = |field, number| value(field, number);
        assert_eq!(
            told(Field::Star, 0x0023_0010_0000_0000).as_deref(),
            Some("SYSCALL 0x0010, SYSRET 0x0023")
        );
        assert_eq!(
            told(Field::Sfmask, 0x4700).as_deref(),
            Some("clears TF IF DF NT")
        );
        assert_eq!(told(Field::Sfmask, 0).as_deref(), Some("clears none"));
        assert_eq!(
            told(Field::EferFound, 0xD01).as_deref(),
            Some("SCE LME LMA NXE")
        );
        assert_eq!(told(Field::Efer, 1 << 63).as_deref(), Some("bit 63"));
        assert_eq!(told(Field::TrAttrib, 0x8B).as_deref(), Some("TSS busy"));
        assert_eq!(told(Field::Lstar, 0xD01), None);
    }

    #[test]
    fn the_longest_words_leave_room_for_a_segment_in_80_columns() {
        let longest = (0..=0xFFF).map(|bits| of(bits).len()).max();
        assert_eq!(longest, Some("code rx conf dpl3 avl l db g".len()));
    }
}
