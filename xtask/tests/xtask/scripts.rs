//! What only Windows and GitHub run, the PowerShell scripts and the workflow: whether they are what
//! they should be in form. Whether the scripts call what there is, a judge says
//! (`oracles/src/powershell.rs`).

use std::fs;
use std::path::Path;

use tree_sitter::{Parser, Tree};
use yaml_rust2::YamlLoader;

const SCRIPTS: [&str; 1] = ["tools/hyperv/New-SvmSaveVm.ps1"];

fn source(script: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join(script)).unwrap()
}

fn parsed(source: &str) -> Tree {
    let mut parser = Parser::new();
    let language = tree_sitter_powershell::LANGUAGE.into();
    parser.set_language(&language).unwrap();
    parser.parse(source, None).unwrap()
}

#[test]
fn every_script_is_powershell() {
    for script in SCRIPTS {
        let source = source(script);
        assert!(!parsed(&source).root_node().has_error(), "{script}");
        assert!(
            source.is_ascii(),
            "{script}: Windows PowerShell 5.1 reads another encoding"
        );
        assert!(
            source.contains("Set-StrictMode -Version Latest"),
            "{script}"
        );
    }
}

#[test]
fn help_tells_of_every_parameter() {
    for script in SCRIPTS {
        let source = source(script);
        let (help, code) = source.split_once("#>").unwrap();
        let (_, parameters) = code.split_once("param(").unwrap();
        let (parameters, _) = parameters.split_once("\n)").unwrap();
        let declared = parameters.lines().filter_map(|line| {
            let (_, name) = line.rsplit_once('$')?;
            name.split([' ', ',']).next()
        });
        let declared: Vec<&str> = declared.collect();
        let told = help
            .lines()
            .filter_map(|line| line.strip_prefix(".PARAMETER "));
        let mut told: Vec<&str> = told.collect();
        assert!(declared.len() >= 8, "{script}: {declared:?}");
        told.sort_by_key(|name| declared.iter().position(|one| one == name));
        assert_eq!(told, declared, "{script}");
    }
}

#[test]
fn what_is_none_is_found() {
    assert!(parsed("if ($x { }\n").root_node().has_error());
}

/// What a script takes for the package is what is installed.
#[test]
fn the_scripts_know_each_file_by_its_name() {
    for file in ["svmsave.inf", "svmsave.sys", "svmsave.cat", "client.exe"] {
        for script in SCRIPTS {
            assert!(
                source(script).contains(&format!("'{file}'")),
                "{script}: {file}"
            );
        }
    }
}

/// A tag of an action that is moved can't change what runs here.
#[test]
fn every_action_is_pinned_by_the_hash_of_a_commit() {
    let workflow = source(".github/workflows/ci.yml");
    let documents = YamlLoader::load_from_str(&workflow).unwrap();
    let jobs = documents[0]["jobs"].as_hash().unwrap();
    let mut actions = 0;
    for (name, job) in jobs {
        for step in job["steps"].as_vec().unwrap() {
            assert_ne!(
                step["uses"].is_badvalue(),
                step["run"].is_badvalue(),
                "{name:?}"
            );
            let Some(action) = step["uses"].as_str() else {
                continue;
            };
            let (_, version) = action.split_once('@').unwrap();
            assert!(
                version.len() == 40 && version.bytes().all(|digit| digit.is_ascii_hexdigit()),
                "{action}"
            );
            actions += 1;
        }
    }
    assert_eq!(actions, workflow.matches("uses:").count());
}
