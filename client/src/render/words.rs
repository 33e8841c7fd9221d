//! Segment attributes in the words of the architecture's descriptor formats.

mod exit;
mod page;

use amd_svm::segment::SegmentAttributes;

pub(crate) use page::field;

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
            0x2 => "LDT",
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
        assert_eq!(of(0x082), "LDT");
        assert_eq!(of(0x000), "not present");
        assert_eq!(of(0x29B), "code rx l");
        assert_eq!(of(0x40F3), "data rw dpl3 reserved 0x4");
        assert_eq!(of(0x4000), "not present reserved 0x4");
    }

    #[test]
    fn the_longest_words_leave_room_for_a_segment_in_80_columns() {
        let longest = (0..=0xFFF).map(|bits| of(bits).len()).max();
        assert_eq!(longest, Some("code rx conf dpl3 avl l db g".len()));
    }
}
