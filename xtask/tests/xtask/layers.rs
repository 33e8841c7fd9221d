//! Which files may use which: in the lab's kernel and in the client, layers use only lower ones, and
//! nowhere do files use each other in a circle.

mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use self::sources::{Layer, Module, Sources, read_folder};

/// The layers of the lab's kernel, from the lowest to the highest.
static KERNEL: [&str; 7] = [
    "base",
    "processor",
    "memory",
    "image",
    "nt",
    "agent",
    "boot",
];

/// The layers of the client, each with those that it may use.
const CLIENT: [Layer<'_>; 8] = [
    ("model", &[]),
    ("checks", &["model"]),
    ("render", &["model", "checks"]),
    ("input", &["model", "render"]),
    ("driver_io", &["model"]),
    ("setup", &["model", "driver_io"]),
    (
        "selftest",
        &["model", "checks", "input", "driver_io", "setup"],
    ),
    (
        "cli",
        &[
            "model",
            "checks",
            "render",
            "input",
            "driver_io",
            "setup",
            "selftest",
        ],
    ),
];

/// The sources of each crate, and the files in it that use each other in a circle:
/// docs/architecture.md has the reasons.
const CRATES: [(&str, &[&str]); 21] = [
    ("amd-svm/src", &["fields", "msr", "vmcb"]),
    ("bench/peer/guest/src", &[]),
    ("bench/peer/host/src", &[]),
    ("bench/src", &[]),
    (
        "client/src",
        &[
            "checks::machine",
            "checks::modules",
            "cli::run",
            "cli::commands",
        ],
    ),
    ("driver/src", &[]),
    ("driver/sync/src", &[]),
    ("fuzz/dumps/src", &[]),
    ("fuzz/src", &[]),
    ("lab/fuzz/src", &[]),
    ("lab/kernel/src", &[]),
    ("lab/src", &[]),
    ("lab/wire/src", &[]),
    (
        "oracles/emulators/kernel/src",
        &["arch", "descriptors", "trap"],
    ),
    ("oracles/src", &[]),
    ("oracles/wine/supplement/src", &[]),
    ("protocol/src", &[]),
    ("wdk-linux/src", &[]),
    ("xtask/distribution/src", &[]),
    ("xtask/harness/src", &[]),
    ("xtask/src", &[]),
];

fn root(folder: &str) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    repository.join(folder)
}

/// The kernel's layers, each with those below it.
fn kernel_layers() -> Vec<Layer<'static>> {
    let layers = KERNEL.iter().enumerate();
    layers.map(|(at, layer)| (*layer, &KERNEL[..at])).collect()
}

/// The kernel's sources, with a change in one file.
fn kernel_with(file: &str, change: impl FnOnce(&mut String)) -> Sources {
    let mut texts = BTreeMap::new();
    read_folder(&root("lab/kernel/src"), &mut Module::new(), &mut texts);
    let module: Module = file.split("::").map(str::to_owned).collect();
    change(texts.get_mut(&module).expect("a file of the kernel"));
    Sources::parse(&texts)
}

#[test]
fn layers_of_the_kernel_use_only_lower_ones() {
    let sources = Sources::read(&root("lab/kernel/src"));
    assert!(sources.0.len() > 80, "{} files", sources.0.len());
    assert_eq!(sources.upward_uses(&kernel_layers()), [""; 0]);
}

#[test]
fn layers_of_the_client_use_only_lower_ones() {
    let sources = Sources::read(&root("client/src"));
    assert!(sources.0.len() > 50, "{} files", sources.0.len());
    assert_eq!(sources.upward_uses(&CLIENT), [""; 0]);
}

#[test]
fn a_use_that_is_turned_around_in_the_client_is_reported() {
    let text = "use crate::{\n    checks::{self, Diff},\n    model::{Error, cli},\n};";
    let texts = BTreeMap::from([(vec![String::from("model")], String::from(text))]);
    let sources = Sources::parse(&texts);
    assert_eq!(
        sources.upward_uses(&CLIENT),
        [
            "model, line 1: uses checks",
            "model, line 1: uses checks::Diff",
        ]
    );
}

#[test]
fn no_files_use_each_other_in_a_circle_but_those_that_are_named() {
    for (folder, named) in CRATES {
        let sources = Sources::read(&root(folder));
        assert!(sources.0.len() > 1, "{folder}");
        let circles = sources.circles_of_parts();
        // Each file of a circle has a way of its own, which begins with the file.
        let unnamed = circles.iter().filter(|way| {
            let first = way.split(" -> ").next().unwrap_or(way);
            !named.iter().any(|one| first.starts_with(one))
        });
        assert_eq!(unnamed.collect::<Vec<_>>(), [""; 0], "{folder}");
    }
}

#[test]
fn no_files_of_the_kernel_use_each_other_in_a_circle() {
    assert_eq!(Sources::read(&root("lab/kernel/src")).circles(), [""; 0]);
}

#[test]
fn a_use_that_is_turned_around_is_reported() {
    for (file, text, reported) in [
        ("base::lock", "use crate::nt::irql;", "nt::irql"),
        (
            "processor::idle",
            "use crate::{base, memory::frames as f};",
            "memory::frames",
        ),
        (
            "memory::region",
            "fn f() { crate::nt::pool::report(); }",
            "nt::pool::report",
        ),
        (
            "image::pe",
            "fn f() { assert!(super::super::agent::f()); }",
            "agent::f",
        ),
        (
            "nt::irql",
            "mod inner { use super::super::super::boot; }",
            "boot",
        ),
    ] {
        let sources = kernel_with(file, |source| source.push_str(text));
        let uses = sources.upward_uses(&kernel_layers());
        assert_eq!(uses.len(), 1, "{uses:?}");
        assert!(uses[0].starts_with(file), "{uses:?}");
        assert!(uses[0].ends_with(&format!("uses {reported}")), "{uses:?}");
    }
}

#[test]
fn files_that_use_each_other_are_reported_with_the_way() {
    let sources = kernel_with("base::lock", |source| {
        source.push_str("use super::serial::send;");
    });
    assert_eq!(
        sources.circles(),
        [
            "base::lock -> base::serial -> base::lock",
            "base::serial -> base::lock -> base::serial",
        ]
    );
    let sources = kernel_with("image", |source| {
        source.push_str("fn f() { symbol::name(0); }");
    });
    assert_eq!(sources.circles(), [""; 0], "a parent may use its children");
    let sources = kernel_with("nt::io::name", |source| {
        source.push_str("use super::{device, major};");
    });
    assert!(sources.circles().contains(&String::from(
        "nt::io::device -> nt::io::name -> nt::io::device"
    )));
}

#[test]
fn a_file_outside_of_the_layers_is_reported() {
    let texts = BTreeMap::from([(vec![String::from("helpers")], String::new())]);
    let sources = Sources::parse(&texts);
    assert_eq!(
        sources.upward_uses(&kernel_layers()),
        ["helpers is in no layer"]
    );
}
