//! What the targets of dumps share: pages are printed as a tool has them and damaged, and what is read must
//! be theirs.

use amd_svm::vmcb::VMCB_SIZE;
use client::{Format, Page, Snapshot};
use svm_dumps::hexadecimal::Form;

use crate::damage;
use crate::memory::assert_bounded;
use crate::program::run_client_on;

/// A tool, and how it prints pages.
pub(crate) struct Tool<'a> {
    /// What it is read as.
    pub format: Format,
    /// The text for a page, by the processor's index and a number that chooses among several ways.
    pub print: &'a dyn Fn(&[u8], usize, usize) -> String,
    /// Takes from a page what is not printed.
    pub shown: fn(&mut [u8]),
    /// The most processors that one text has.
    pub most_processors: usize,
    /// Whether a text tells its numbers apart from others, so that none is read wrong where lines are broken
    /// or gone.
    pub has_words: bool,
}

/// Runs a target of pages in hexadecimal on one input. Each row of some forms says where it belongs.
pub(crate) fn hexadecimal(input: &[u8], forms: &[Form], are_placed: bool) {
    run(
        input,
        &Tool {
            format: Format::Hex,
            print: &|page, _, way| (forms[way % forms.len()].print)(page),
            shown: |_| {},
            most_processors: 1,
            has_words: are_placed,
        },
    );
}

/// Runs a target on one input.
pub(crate) fn run(input: &[u8], tool: &Tool) {
    let Some((&[way, count], rest)) = input.split_first_chunk() else {
        return;
    };
    let count = 1 + usize::from(count) % tool.most_processors;
    // What changes the text stands before the pages, so that it is there in short inputs.
    let (_, mut stream) = damage::damaged(String::new(), rest);
    let mut pages = Vec::new();
    let mut text = String::new();
    for index in 0..count {
        let (mut page, behind) = damage::page(stream);
        (tool.shown)(&mut page);
        text += &(tool.print)(&page, index, way.into());
        pages.push(page);
        stream = behind;
    }
    let (damaged, _) = damage::damaged(text, rest);
    let bytes = damaged.text.as_bytes();
    let read = assert_bounded(bytes, |bytes| Snapshot::parse_as(bytes, Some(tool.format)));
    let recognised = assert_bounded(bytes, Snapshot::parse);
    let Ok(snapshot) = read else {
        assert!(!damaged.is_whole, "{:?}:\n{}", read, damaged.text);
        return;
    };
    if damaged.is_whole {
        assert_eq!(recognised.as_ref().ok(), Some(&snapshot));
        assert_eq!(snapshot.processors.len(), count);
    }
    let mixes = damaged.has_lost_lines && count > 1;
    let is_true = damaged.is_true && (tool.has_words || damaged.is_whole);
    if is_true && !mixes {
        for read in vmcbs(&snapshot) {
            let known = (0..VMCB_SIZE).filter_map(|at| Some((at, read.bytes(at..at + 1)?)));
            let is_of = |page: &[u8]| known.clone().all(|(at, byte)| page[at..=at] == *byte);
            assert!(
                pages.iter().any(|page| is_of(page)),
                "{read:?}:\n{}",
                damaged.text
            );
        }
    }
    let json = snapshot.to_json().expect("numbers and strings");
    assert_eq!(
        Snapshot::parse(json.as_bytes()).expect("what was written"),
        snapshot
    );
    run_client_on(
        bytes,
        &[&["decode", "--vmrun", "--format", tool.format.name()]],
    );
}

fn vmcbs(snapshot: &Snapshot) -> impl Iterator<Item = &Page> {
    let captures = snapshot.processors.iter().flat_map(|one| &one.result);
    captures
        .filter_map(|capture| capture.pages.as_ref())
        .filter_map(|pages| pages.vmcb.as_ref())
}
