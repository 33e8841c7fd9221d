//! The commands that a system has, as `PSScriptAnalyzer` lists them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

/// Windows 10, version 1809, with Windows PowerShell 5.1: every command with its parameters.
const PROFILE: &str = "compatibility_profiles/\
                       win-48_x64_10.0.17763.0_5.1.17763.316_x64_4.0.30319.42000_framework.json";

/// An older list of Windows PowerShell 5.1, whose system had Hyper-V; the profile's had not.
const LIST: &str = "Settings/desktop-5.1.14393.206-windows.json";

/// The module that is taken from there.
const HYPER_V: &str = "Hyper-V";

/// What can be called by name.
#[derive(Default)]
pub(super) struct Commands {
    /// Cmdlets and functions of modules, with their parameters.
    cmdlets: BTreeMap<String, BTreeSet<String>>,
    /// Parameters that all cmdlets have.
    common: BTreeSet<String>,
    aliases: BTreeSet<String>,
    /// Programs of the system.
    programs: BTreeSet<String>,
}

impl Commands {
    /// Reads the lists of an unpacked `PSScriptAnalyzer`.
    ///
    /// # Errors
    ///
    /// If they are not there, or not in the form that they have in version 1.19.0.
    pub(super) fn of_analyzer(folder: &Path) -> Result<Self> {
        let mut commands = Self::default();
        let profile = read(&folder.join(PROFILE))?;
        commands.add_profile(&profile).context(PROFILE)?;
        let list = read(&folder.join(LIST))?;
        commands.add_hyper_v(&list).context(LIST)?;
        Ok(commands)
    }

    /// Whether there is a cmdlet or a program of this name. Aliases are none: scripts spell out.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.cmdlets.contains_key(name) || self.programs.contains(name)
    }

    /// Whether a cmdlet of this name has the parameter.
    pub(super) fn has(&self, name: &str, parameter: &str) -> Option<bool> {
        let parameters = self.cmdlets.get(name)?;
        Some(parameters.contains(parameter) || self.common.contains(parameter))
    }

    /// Whether a name, in whatever case, already means something.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        let names = self.cmdlets.keys().chain(&self.aliases);
        let mut names = names.chain(&self.programs);
        names.any(|taken| taken.eq_ignore_ascii_case(name))
    }

    fn add_profile(&mut self, profile: &Value) -> Result<()> {
        let runtime = &profile["Runtime"];
        self.common.extend(names(&runtime["Common"]["Parameters"])?);
        self.programs.extend(names(&runtime["NativeCommands"])?);
        for versions in object(&runtime["Modules"])?.values() {
            for module in object(versions)?.values() {
                for kind in ["Cmdlets", "Functions"] {
                    for (name, command) in module[kind].as_object().into_iter().flatten() {
                        let parameters = command["Parameters"].as_object();
                        let parameters = parameters.into_iter().flatten().map(|(name, _)| name);
                        self.add(name, parameters.cloned());
                    }
                }
                let aliases = module["Aliases"].as_object().into_iter().flatten();
                self.aliases.extend(aliases.map(|(name, _)| name.clone()));
            }
        }
        Ok(())
    }

    fn add_hyper_v(&mut self, list: &Value) -> Result<()> {
        let modules = array(&list["Modules"])?.iter();
        let newest = modules
            .filter(|module| module["Name"] == HYPER_V)
            .max_by_key(|module| major(module))
            .context("the module is not there")?;
        for command in array(&newest["ExportedCommands"])? {
            let name = command["Name"].as_str().context("a command has a name")?;
            let syntax = command["ParameterSets"].as_str().unwrap_or_default();
            self.add(name, parameters_of_syntax(syntax));
        }
        let aliases = array(&newest["ExportedAliases"])?.iter();
        let aliases = aliases.filter_map(Value::as_str);
        self.aliases.extend(aliases.map(str::to_owned));
        Ok(())
    }

    fn add(&mut self, name: &str, parameters: impl IntoIterator<Item = String>) {
        let known = self.cmdlets.entry(name.to_owned()).or_default();
        known.extend(parameters);
    }
}

/// The parameters in a description such as `[[-Name] <string[]>] -Path <string> [-Force]`.
fn parameters_of_syntax(syntax: &str) -> impl Iterator<Item = String> {
    let words = syntax.split_whitespace();
    let words = words.map(|word| word.trim_matches(['[', ']']));
    words
        .filter_map(|word| word.strip_prefix('-'))
        .map(str::to_owned)
}

fn major(module: &Value) -> Option<u32> {
    module["Version"].as_str()?.split('.').next()?.parse().ok()
}

/// JSON, with the mark that Windows puts before UTF-8 or without.
fn read(file: &Path) -> Result<Value> {
    let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let text = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&content);
    Ok(serde_json::from_slice(text)?)
}

fn object(value: &Value) -> Result<&Map<String, Value>> {
    value.as_object().context("there is no object")
}

fn array(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("there is no array")
}

fn names(value: &Value) -> Result<impl Iterator<Item = String>> {
    Ok(object(value)?.keys().cloned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn commands() -> Commands {
        let mut commands = Commands::default();
        commands
            .add_profile(&json!({
                "Runtime": {
                    "Common": { "Parameters": { "Verbose": {} } },
                    "NativeCommands": { "bcdedit.exe": [] },
                    "Modules": { "Microsoft.PowerShell.Management": { "3.1.0.0": {
                        "Cmdlets": { "Get-Item": { "Parameters": { "Path": {} } } },
                        "Aliases": { "gi": "Get-Item" },
                    } } },
                }
            }))
            .unwrap();
        let module = |version: &str, syntax: &str| {
            json!({
                "Name": "Hyper-V",
                "Version": version,
                "ExportedCommands": [{ "Name": "Get-VM", "ParameterSets": syntax }],
                "ExportedAliases": ["gvm"],
            })
        };
        let syntax = "[[-Name] <string[]>] [<CommonParameters>] [-Id] <guid> [<CommonParameters>]";
        commands
            .add_hyper_v(&json!({
                "Modules": [module("2.0.0.0", syntax), module("1.1", "[-Old <string>]")]
            }))
            .unwrap();
        commands
    }

    #[test]
    fn both_lists_are_read_and_the_newer_module_counts() {
        let commands = commands();
        assert!(
            ["Get-Item", "Get-VM", "bcdedit.exe"].map(|name| commands.knows(name)) == [true; 3]
        );
        assert!(!commands.knows("gi"));
        for parameter in ["Name", "Id", "Verbose"] {
            assert_eq!(commands.has("Get-VM", parameter), Some(true), "{parameter}");
        }
        assert_eq!(commands.has("Get-VM", "Old"), Some(false));
        assert_eq!(commands.has("Get-Item", "Path"), Some(true));
        assert_eq!(commands.has("Get-That", "Path"), None);
    }

    #[test]
    fn a_name_is_taken_in_any_case_and_as_an_alias() {
        let commands = commands();
        for name in ["get-vm", "GI", "gvm", "BCDEDIT.exe"] {
            assert!(commands.is_taken(name), "{name}");
        }
        assert!(!commands.is_taken("Get-It"));
    }

    #[test]
    fn another_form_is_an_error() {
        for wrong in [json!({}), json!({ "Modules": [] })] {
            assert!(Commands::default().add_profile(&wrong).is_err());
            assert!(Commands::default().add_hyper_v(&wrong).is_err());
        }
    }
}
