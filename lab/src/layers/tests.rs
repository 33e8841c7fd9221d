use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Module, Sources, read_folder};

/// The layers of the kernel, from the lowest to the highest.
const KERNEL: [&str; 7] = [
    "base",
    "processor",
    "memory",
    "image",
    "nt",
    "agent",
    "boot",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernel/src")
}

/// The kernel's sources, with a change in one file.
fn kernel_with(file: &str, change: impl FnOnce(&mut String)) -> Sources {
    let mut texts = BTreeMap::new();
    read_folder(&root(), &mut Module::new(), &mut texts);
    let module: Module = file.split("::").map(str::to_owned).collect();
    change(texts.get_mut(&module).expect("a file of the kernel"));
    Sources::parse(&texts)
}

#[test]
fn layers_of_the_kernel_use_only_lower_ones() {
    let sources = Sources::read(&root());
    assert!(sources.0.len() > 80, "{} files", sources.0.len());
    assert_eq!(sources.upward_uses(&KERNEL), [""; 0]);
}

#[test]
fn no_files_of_the_kernel_use_each_other_in_a_circle() {
    assert_eq!(Sources::read(&root()).circles(), [""; 0]);
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
        let uses = sources.upward_uses(&KERNEL);
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
    assert_eq!(sources.upward_uses(&KERNEL), ["helpers is in no layer"]);
}
