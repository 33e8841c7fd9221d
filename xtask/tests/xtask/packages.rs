//! The table of packages in docs/architecture.md, and what their manifests say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use toml_edit::{DocumentMut, Item, TableLike};

/// What stands in place of folders where a package imports none.
const NOTHING: &str = "nothing of this repository";

fn read(place: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(place)).unwrap_or_else(|error| panic!("{place}: {error}"))
}

fn manifest(folder: &str) -> DocumentMut {
    let place = Path::new(folder).join("Cargo.toml");
    read(place.to_str().unwrap()).parse().unwrap()
}

/// The folders of a workspace's packages by the names by which others depend on them.
fn folders(workspace: &DocumentMut) -> BTreeMap<&str, &str> {
    let dependencies = workspace["workspace"]["dependencies"].as_table().unwrap();
    let paths = dependencies.iter();
    paths
        .filter_map(|(name, item)| Some((name, item.get("path")?.as_str()?)))
        .collect()
}

/// What a package is built with, for any system.
fn dependencies(manifest: &DocumentMut) -> BTreeSet<&str> {
    let mut tables: Vec<&Item> = manifest.get("dependencies").into_iter().collect();
    let systems = manifest.get("target").and_then(Item::as_table_like);
    for (_, system) in systems.into_iter().flat_map(TableLike::iter) {
        tables.extend(system.get("dependencies"));
    }
    let names = tables.into_iter().filter_map(Item::as_table_like);
    names
        .flat_map(TableLike::iter)
        .map(|(name, _)| name)
        .collect()
}

/// The rows of the table: a folder, and those that it may import.
fn rows(page: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let (_, section) = page.split_once("\n## Who may import whom\n").unwrap();
    let (section, _) = section.split_once("\nCargo refuses").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [folder, _, imports] = cells[..] else {
            panic!("a row of {} cells: {row}", cells.len());
        };
        let imports = match imports {
            NOTHING => BTreeSet::new(),
            imports => imports
                .split(", ")
                .map(|name| name.trim_matches('`'))
                .collect(),
        };
        (folder.trim_matches('`'), imports)
    })
    .collect()
}

#[test]
fn the_architecture_page_names_every_package_and_what_it_imports() {
    let workspace = manifest("");
    let folders = folders(&workspace);
    let members = workspace["workspace"]["members"].as_array().unwrap();
    let members = members.iter().filter_map(|member| member.as_str());
    let page = read("docs/architecture.md");
    let rows = rows(&page);
    // Some packages are no members: they are built elsewhere.
    let packages: BTreeSet<&str> = members.chain(rows.keys().copied()).collect();
    assert!(packages.len() > 20, "{packages:?}");
    for package in packages {
        let manifest = manifest(package);
        let names = dependencies(&manifest);
        let own = names.iter().filter_map(|name| folders.get(name).copied());
        let imports: BTreeSet<&str> = own.collect();
        assert_eq!(rows.get(package), Some(&imports), "{package}");
    }
}

#[test]
fn a_row_that_says_something_else_is_noticed() {
    let page = "\n## Who may import whom\n\n| folder | question | may import |\n|---|---|---|\n\
                | `a` | what? | nothing of this repository |\n| `b/c` | who, and what? | `a`, `d` |\n\
                \nCargo refuses circles\n| `e` | no? | `a` |\n";
    let expected = BTreeMap::from([("a", BTreeSet::new()), ("b/c", BTreeSet::from(["a", "d"]))]);
    assert_eq!(rows(page), expected);
    let manifest = "[dependencies]\na.workspace = true\n[target.'cfg(windows)'.dependencies]\nb = \"1\"\n\
                    [dev-dependencies]\nc = \"1\"\n";
    let manifest = manifest.parse().unwrap();
    assert_eq!(dependencies(&manifest), BTreeSet::from(["a", "b"]));
}

/// The features that each package is built with as a part of a program; several sets if it is built
/// for macros and for the program itself.
fn features_of_parts(program: &str) -> BTreeMap<String, BTreeSet<String>> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", program])
        .args(["--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}\t{f}", "--no-dedupe"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&tree.stderr);
    assert!(tree.status.success(), "{said}");
    let mut parts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8(tree.stdout).unwrap().lines() {
        let (package, features) = line.split_once('\t').unwrap();
        let sets = parts.entry(package.to_owned()).or_default();
        sets.insert(features.to_owned());
    }
    parts
}

#[test]
fn what_xtask_is_made_of_is_not_compiled_again_for_the_demo() {
    let xtask = features_of_parts("xtask");
    let mut harness = features_of_parts("harness");
    harness.retain(|package, _| xtask.contains_key(package));
    assert!(harness.len() > 30, "{harness:?}");
    for (package, features) in &harness {
        assert_eq!(features, &xtask[package], "{package}: see xtask's manifest");
    }
}
