//! Pages as they lie in memory, in JSON and in every form of hexadecimal: the same bytes.

use amd_svm::vmcb::{VMCB_SIZE, fields};
use client::{Format, Layout, Snapshot};
use proptest::collection::vec;
use proptest::prelude::*;
use svm_dumps::hexadecimal;

use crate::fake::Driver;
use crate::files::schema;
use crate::run;

/// A page with any numbers in its fields, as far as they say that it is one.
pub(super) fn page() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), VMCB_SIZE).prop_map(|bytes| {
        let bytes: &[u8; VMCB_SIZE] = bytes.as_slice().try_into().unwrap();
        svm_dumps::page(bytes).to_vec()
    })
}

/// A page of a guest.
pub(super) fn guest() -> Vec<u8> {
    let cases = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/cases/linux-guest-2vcpu.vmcb"
    );
    let mut page = std::fs::read(cases).unwrap();
    page.truncate(VMCB_SIZE);
    page
}

/// The page in every form of hexadecimal, with the name of the form.
fn forms(page: &[u8]) -> Vec<(&'static str, String)> {
    hexadecimal::forms()
        .map(|form| (form.name, (form.print)(page)))
        .collect()
}

proptest! {
    // Each case is read from every form.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_page_survives_the_way_through_json_and_every_hex_dump(page in page()) {
        let snapshot = Snapshot::parse(&page).unwrap();
        prop_assert_eq!(&snapshot.to_pages().unwrap(), &page);
        let json = snapshot.to_json().unwrap();
        let document = serde_json::from_str(&json).unwrap();
        prop_assert!(schema().is_valid(&document));
        prop_assert_eq!(&Snapshot::parse(json.as_bytes()).unwrap(), &snapshot);
        for (form, text) in forms(&page) {
            let read = Snapshot::parse(text.as_bytes())
                .unwrap_or_else(|error| panic!("{form}: {error}\n{}", &text[..400]));
            prop_assert_eq!(&read.to_pages().unwrap(), &page, "{}", form);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_byte_is_lost_whatever_the_page_is_taken_for(bytes in vec(any::<u8>(), VMCB_SIZE)) {
        for (format, layout) in [(Format::Vmcb, Layout::Vmcb), (Format::Vmsa, Layout::Vmsa)] {
            let snapshot = Snapshot::parse_as(&bytes, Some(format)).unwrap();
            let capture = snapshot.processors[0].result.as_ref().unwrap();
            let pages = capture.pages.as_ref().unwrap();
            prop_assert_eq!(pages.iter().next().unwrap().layout(), layout);
            let json = snapshot.to_json().unwrap();
            let read = Snapshot::parse(json.as_bytes()).unwrap();
            prop_assert_eq!(&read.to_pages().unwrap(), &bytes);
        }
    }

    #[test]
    fn a_dump_that_was_cut_off_tells_what_it_has(
        page in page(), form in 0..hexadecimal::forms().count(), ends in (0_usize..17_000, 0_usize..17_000),
    ) {
        let (name, text) = &forms(&page)[form];
        let start = ends.0.min(ends.1).min(text.len());
        let end = ends.0.max(ends.1).min(text.len());
        let Ok(snapshot) = Snapshot::parse(&text.as_bytes()[start..end]) else {
            return Ok(());
        };
        let json = snapshot.to_json().unwrap();
        prop_assert_eq!(&Snapshot::parse(json.as_bytes()).unwrap(), &snapshot);
        prop_assert_eq!(snapshot.processors.len(), 1);
        assert_known(&snapshot, &[&page], name);
    }

    #[test]
    fn mixed_hex_dumps_are_refused_or_read_right(
        one in page(), other in page(), form in 0..hexadecimal::forms().count(), turns in vec(any::<bool>(), 2..100),
        lost in 0_usize..300,
    ) {
        let both = [forms(&one)[form].clone(), forms(&other)[form].clone()];
        let mut rest = both.each_ref().map(|(_, text)| text.lines().collect::<Vec<_>>().into_iter());
        let mut lines = Vec::new();
        for turn in turns.iter().cycle().take(2 * 600) {
            lines.extend(rest[usize::from(*turn)].next());
        }
        lines.truncate(lines.len().saturating_sub(lost));
        if let Ok(snapshot) = Snapshot::parse(lines.join("\n").as_bytes()) {
            assert_known(&snapshot, &[&one, &other], both[0].0);
        }
    }
}

/// Each processor is that of one of the pages, as far as it was read.
fn assert_known(snapshot: &Snapshot, pages: &[&Vec<u8>], form: &str) {
    for processor in &snapshot.processors {
        let capture = processor.result.as_ref().unwrap();
        let read = capture.pages.as_ref().unwrap().vmcb.as_ref().unwrap();
        let is_of = |page: &&&Vec<u8>| {
            let known = (0..VMCB_SIZE).filter_map(|at| Some((at, read.bytes(at..at + 1)?)));
            known.clone().count() > 0 && known.into_iter().all(|(at, byte)| byte == &page[at..=at])
        };
        assert!(pages.iter().any(|page| is_of(&page)), "{form}: {read:?}");
    }
}

#[test]
fn a_hex_dump_is_read_right_whatever_the_letters_beside_it_spell() {
    let mut page = [0; VMCB_SIZE];
    for (at, byte) in [
        (0, 0xFC),
        (0x41, 0xF0),
        (0x58, 1),
        (0x440, 0x10),
        (0x4D1, 0x10),
    ] {
        page[at] = byte;
    }
    let mut spelling = page;
    let letters = b"(XEN) VCPU 0    (XEN) cpl = 0   (XEN) efer = 0x1";
    spelling[0xA70..0xA70 + letters.len()].copy_from_slice(letters);
    for page in [page, spelling] {
        for (form, text) in forms(&page) {
            let read = Snapshot::parse(text.as_bytes()).unwrap();
            assert_eq!(read.to_pages().unwrap(), page, "{form}");
        }
    }
}

#[test]
fn a_page_with_hardly_anything_in_it_is_read_from_every_form() {
    for place in [0, 0x58, 0x7FF, 0xFFF] {
        let mut page = vec![0; VMCB_SIZE];
        page[place] = 1;
        for (form, text) in forms(&page) {
            let read = Snapshot::parse_as(text.as_bytes(), Some(Format::Hex));
            let read = read.unwrap_or_else(|error| panic!("{form}, {place:#x}: {error}"));
            assert_eq!(read.to_pages().unwrap(), page, "{form}, {place:#x}");
        }
    }
}

#[test]
fn a_page_is_decoded_from_every_form_as_from_itself() {
    let page = guest();
    let folder = crate::files::Folder::new();
    let decode = |form: &str, bytes: &[u8], json: bool| {
        let path = folder.path(&form.replace(' ', "-"));
        std::fs::write(&path, bytes).unwrap();
        let arguments = if json {
            vec!["decode", "--json", &path]
        } else {
            vec!["decode", &path]
        };
        let ran = run(&arguments, &mut Driver::with_processors(1));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{form}");
        ran.stdout
    };
    // The first line says what it was taken for.
    let shown = |form, bytes: &[u8]| {
        let text = decode(form, bytes, false);
        text.split_once("\n\n")
            .map(|(_, rest)| rest.to_owned())
            .unwrap()
    };
    let expected = shown("itself", &page);
    for (form, text) in forms(&page) {
        assert_eq!(shown(form, text.as_bytes()), expected, "{form}");
    }
    let fields = |form, bytes: &[u8]| {
        let document: serde_json::Value = serde_json::from_str(&decode(form, bytes, true)).unwrap();
        let fields = &document["processors"][0]["pages"]["vmcb"]["fields"];
        fields.as_object().unwrap().clone()
    };
    let expected = fields("itself", &page);
    for (form, text) in super::dumps::printed(&page) {
        let read = fields(form, text.as_bytes());
        assert!(read.len() > 40, "{form}: {}", read.len());
        for (name, value) in read {
            assert_eq!(Some(&value), expected.get(&name), "{form}: {name}");
        }
    }
}

#[test]
fn every_field_of_a_page_is_shown() {
    for field in fields::VMCB {
        let mut page = [0; VMCB_SIZE];
        field.bytes_mut(&mut page)[0] = 1;
        let folder = crate::files::Folder::new();
        let path = folder.path("a.vmcb");
        std::fs::write(&path, page).unwrap();
        let ran = run(&["decode", &path], &mut Driver::with_processors(1));
        assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""), "{field}");
        let shown = ran.stdout.contains(&format!("    {field} "));
        let is_stored = amd_svm::fields::VmsaveField::named(field.name()).is_some();
        assert_eq!(shown, !is_stored, "{field}\n{}", ran.stdout);
    }
}
