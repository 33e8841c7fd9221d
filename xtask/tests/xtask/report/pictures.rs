//! Pictures of the page below `target/`, to be looked at, and the one in the README.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use client::Snapshot;

use super::TIME;
use super::browser::{DARK, LIGHT, browse, write_page};
use super::frames::{Frame, show};
use super::machines;

/// The README's picture.
const README: [u32; 2] = [1200, 1000];

/// The window that has all pages, in windows and on telephones.
const ALL: [u32; 2] = [3 * 1440 + 6 * 400, 2 * 1400];

/// Takes a picture of the page in a window of this size.
fn shoot(snapshot: &Snapshot, size: [u32; 2], scheme: &str, picture: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let page = write_page(&snapshot.to_html().unwrap(), folder.path(), "");
    let shot = format!("--screenshot={}", picture.display());
    let seen = browse(folder.path(), &page, size, &[scheme, TIME, &shot]);
    assert_eq!(seen.console, Vec::<String>::new());
}

/// A picture's pixels, row by row.
struct Picture {
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    fn open(picture: &Path) -> Self {
        let file = BufReader::new(File::open(picture).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut bytes).unwrap();
        let pixels = bytes[..info.buffer_size()]
            .chunks_exact(info.color_type.samples())
            .map(|pixel| [pixel[0], pixel[1], pixel[2]])
            .collect();
        let width = info.width.try_into().unwrap();
        Self { width, pixels }
    }

    /// The colour of a part's upper left corner, and how many of its pixels have this other one.
    fn look(&self, place: [u32; 2], size: [u32; 2], other: [u8; 3]) -> ([u8; 3], usize) {
        let [left, top, width, height] =
            [place[0], place[1], size[0], size[1]].map(|number| usize::try_from(number).unwrap());
        let rows = self.pixels[top * self.width..][..height * self.width].chunks_exact(self.width);
        let rows: Vec<&[[u8; 3]]> = rows.map(|row| &row[left..][..width]).collect();
        let of_row = |row: &&[[u8; 3]]| row.iter().filter(|colour| **colour == other).count();
        (rows[0][0], rows.iter().map(of_row).sum())
    }
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn what_is_found_is_red_and_what_is_not_is_not_in_light_and_in_dark() {
    let machines = [
        ("healthy", machines::of(64), false),
        ("tampered", machines::tampered(), true),
        ("hooked-alike", machines::all_hooked(machines::of(64)), true),
        ("hidden", machines::hidden(machines::of(64)), false),
        ("255", machines::with_outliers(machines::of(255)), true),
        ("4096", machines::with_outliers(machines::of(4096)), true),
    ];
    let pages = machines.map(|(name, machine, is_found)| {
        let page = machine.to_html().unwrap();
        (name, page, is_found)
    });
    // In windows, three and three; then on telephones, one beside the other.
    let frames: Vec<Frame<'_>> = (0..)
        .zip(&pages)
        .flat_map(|(at, (name, page, _))| {
            [
                ([1440, 1400], [at % 3 * 1440, at / 3 * 1400]),
                ([400, 2600], [3 * 1440 + at * 400, 0]),
            ]
            .map(|(size, place)| Frame {
                name: format!("{name}, {} wide", size[0]),
                page,
                place,
                size,
                scripts: vec!["return innerWidth"],
            })
        })
        .collect();
    for (scheme, argument, corner, red) in [
        ("light", LIGHT, [0xFB, 0xFA, 0xF8], [0xC6, 0x28, 0x28]),
        ("dark", DARK, [0x14, 0x17, 0x1D], [0xFF, 0x6B, 0x60]),
    ] {
        let file = folder().join(format!("{scheme}.png"));
        let shot = format!("--screenshot={}", file.display());
        let all_shown = show(&frames, ALL, &[argument, &shot]);
        let picture = Picture::open(&file);
        for (at, (frame, shown)) in frames.iter().zip(all_shown).enumerate() {
            let what = format!("{}, of {}", frame.name, file.display());
            assert_eq!(shown.noted(0), frame.size[0].to_string(), "{what}");
            let (seen_corner, reds) = picture.look(frame.place, frame.size, red);
            assert_eq!(seen_corner, corner, "{what}");
            let (_, _, is_found) = pages[at / 2];
            // The legend of the table has a little of it.
            assert_eq!(reds > 2000, is_found, "{what}: {reds} red pixels");
        }
    }
}

/// The picture in the README is of this page; it is taken anew where `SVMSAVE_PICTURE` is set.
#[test]
fn the_picture_in_the_readme_shows_the_page_of_its_transcript() {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.png");
    if std::env::var_os("SVMSAVE_PICTURE").is_some() {
        shoot(&machines::tampered(), README, LIGHT, &picture);
    }
    let seen = Picture::open(&picture);
    let (corner, reds) = seen.look([0, 0], README, [0xC6, 0x28, 0x28]);
    assert_eq!(corner, [0xFB, 0xFA, 0xF8]);
    assert!(reds > 2000, "{reds} red pixels");
    let size = fs::metadata(&picture).unwrap().len();
    assert!(size < 200_000, "{size} bytes");
}
