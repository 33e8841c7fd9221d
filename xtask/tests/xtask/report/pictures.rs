//! Pictures of the page below `target/`, to be looked at, and the one in the README.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use client::Snapshot;

use super::TIME;
use super::browser::{DARK, LIGHT, browse, write_page};
use super::machines;

/// Takes a picture of the page in a window of this size.
fn shoot(snapshot: &Snapshot, size: [u32; 2], scheme: &str, picture: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let page = write_page(snapshot, folder.path(), "");
    let shot = format!("--screenshot={}", picture.display());
    let seen = browse(folder.path(), &page, size, &[scheme, TIME, &shot]);
    assert_eq!(seen.console, Vec::<String>::new());
}

/// The colour of the upper left corner, and how many pixels have another one.
fn look(picture: &Path, other: [u8; 3]) -> ([u8; 3], usize) {
    let file = BufReader::new(File::open(picture).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let of_pixel = info.color_type.samples();
    let mut colours = pixels[..info.buffer_size()]
        .chunks_exact(of_pixel)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    (
        colours.clone().next().unwrap(),
        colours.by_ref().filter(|colour| *colour == other).count(),
    )
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
    for (name, machine, is_found) in machines {
        for (colours, scheme, corner, red) in [
            ("light", LIGHT, [0xFB, 0xFA, 0xF8], [0xC6, 0x28, 0x28]),
            ("dark", DARK, [0x14, 0x17, 0x1D], [0xFF, 0x6B, 0x60]),
        ] {
            for size in [[1440, 1400], [400, 2600]] {
                let picture = folder().join(format!("{name}-{colours}-{}.png", size[0]));
                shoot(&machine, size, scheme, &picture);
                let (seen_corner, reds) = look(&picture, red);
                let what = picture.display();
                assert_eq!(seen_corner, corner, "{what}");
                // The legend of the table has a little of it.
                assert_eq!(reds > 2000, is_found, "{what}: {reds} red pixels");
            }
        }
    }
}

/// The picture in the README is of this page; it is taken anew where `SVMSAVE_PICTURE` is set.
#[test]
fn the_picture_in_the_readme_shows_the_page_of_its_transcript() {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.png");
    if std::env::var_os("SVMSAVE_PICTURE").is_some() {
        shoot(&machines::tampered(), [1200, 1000], LIGHT, &picture);
    }
    let (corner, reds) = look(&picture, [0xC6, 0x28, 0x28]);
    assert_eq!(corner, [0xFB, 0xFA, 0xF8]);
    assert!(reds > 2000, "{reds} red pixels");
    let size = fs::metadata(&picture).unwrap().len();
    assert!(size < 200_000, "{size} bytes");
}
