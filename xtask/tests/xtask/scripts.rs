//! What only Windows and GitHub run, the PowerShell scripts and the workflow: whether they are what
//! they should be in form, and whether they call what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tree_sitter::{Node, Parser, Tree};
use yaml_rust2::YamlLoader;

const SCRIPTS: [&str; 1] = ["tools/hyperv/New-SvmSaveVm.ps1"];

/// The cmdlets that the scripts call: those of Windows PowerShell 5.1, and of Hyper-V's module.
const CMDLETS: &[&str] = &[
    "Copy-Item",
    "ForEach-Object",
    "Get-CimInstance",
    "Get-Command",
    "Get-Date",
    "Get-ItemProperty",
    "Get-Service",
    "Get-VHD",
    "Get-VM",
    "Get-VMHost",
    "Invoke-Command",
    "Join-Path",
    "New-Item",
    "New-Object",
    "New-PSSession",
    "New-VHD",
    "New-VM",
    "Remove-Item",
    "Remove-PSSession",
    "Remove-VM",
    "Resolve-Path",
    "Select-Object",
    "Set-Content",
    "Set-StrictMode",
    "Set-VM",
    "Set-VMFirmware",
    "Set-VMMemory",
    "Set-VMProcessor",
    "Set-VMSecurity",
    "Start-Sleep",
    "Start-VM",
    "Stop-VM",
    "Test-Path",
    "Where-Object",
    "Write-Host",
    "Write-Verbose",
    "Write-Warning",
    "bcdedit.exe",
    "shutdown.exe",
];

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

/// The texts of all nodes of a kind, with those that they are in before those in them.
fn texts<'a>(node: Node<'_>, kind: &str, source: &'a str) -> Vec<&'a str> {
    let mut found = Vec::new();
    if node.kind() == kind {
        found.push(&source[node.byte_range()]);
    }
    for child in node.children(&mut node.walk()) {
        found.extend(texts(child, kind, source));
    }
    found
}

/// What is called but neither defined nor a cmdlet, and what is defined but never called.
fn unknown_commands(source: &str) -> BTreeSet<&str> {
    let tree = parsed(source);
    let called = texts(tree.root_node(), "command_name", source);
    let called: BTreeSet<&str> = called
        .into_iter()
        .filter(|name| !name.starts_with('$'))
        .collect();
    let defined = texts(tree.root_node(), "function_name", source);
    let defined: BTreeSet<&str> = defined.into_iter().collect();
    let known: BTreeSet<&str> = CMDLETS.iter().copied().chain(defined.clone()).collect();
    let unknown = called.difference(&known);
    unknown
        .chain(defined.difference(&called))
        .copied()
        .collect()
}

#[test]
fn every_script_is_powershell_and_calls_what_there_is() {
    for script in SCRIPTS {
        let source = source(script);
        assert!(!parsed(&source).root_node().has_error(), "{script}");
        assert_eq!(unknown_commands(&source), BTreeSet::new(), "{script}");
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
fn what_is_none_is_found() {
    assert!(parsed("if ($x { }\n").root_node().has_error());
    let source = "function Get-It { }\nGet-That | Where-Object { $_ }\n";
    assert_eq!(unknown_commands(source), ["Get-It", "Get-That"].into());
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
