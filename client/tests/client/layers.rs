//! Which layer of the client may name which: data, opinion, looks, the device, words typed.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers, each with those that it may name.
const LAYERS: [(&str, &[&str]); 6] = [
    ("model", &[]),
    ("checks", &["model"]),
    ("render", &["model", "checks"]),
    ("driver_io", &["model"]),
    ("setup", &["model", "driver_io"]),
    ("cli", &["model", "checks", "render", "driver_io", "setup"]),
];

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The layers that a source names: in paths that begin at the crate, one by one or in braces.
fn named(source: &str) -> Vec<&str> {
    let layers = LAYERS.map(|(layer, _)| layer);
    let mut named = Vec::new();
    for (at, _) in source.match_indices("crate::") {
        let rest = &source[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => named.extend(layers.iter().find(|layer| rest.starts_with(**layer))),
            Some(list) => {
                // What stands at the first level of the braces.
                let mut depth = 0;
                let mut word = true;
                for (at, character) in list.char_indices() {
                    match character {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => word = true,
                        _ if word && depth == 0 && character.is_alphabetic() => {
                            let name = &list[at..];
                            named.extend(layers.iter().find(|layer| name.starts_with(**layer)));
                            word = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    named
}

#[test]
fn each_layer_names_those_beneath_it_alone() {
    for (layer, beneath) in LAYERS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(layer);
        let mut files = Vec::new();
        sources(&folder, &mut files);
        assert!(files.len() > 2, "{layer}");
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            for name in named(&source) {
                assert!(
                    name == layer || beneath.contains(&name),
                    "{} names {name}",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn a_path_that_goes_up_is_seen() {
    assert_eq!(named("use crate::render::json;"), ["render"]);
    assert_eq!(
        named("use crate::{\n    checks::{self, Diff},\n    model::{Error, cli},\n};"),
        ["checks", "model"]
    );
    assert_eq!(named("let x = crate::cli::run;"), ["cli"]);
}
