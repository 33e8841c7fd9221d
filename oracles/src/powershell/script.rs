//! What a script defines and calls, by a grammar of PowerShell.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use tree_sitter::{Node, Parser};

/// A script, as far as its commands go.
#[derive(Default)]
pub(super) struct Script {
    pub functions: Vec<Function>,
    pub calls: Vec<Call>,
    /// Tables by the names of the variables that they are assigned to, with their keys: parameters,
    /// where a call takes the table apart (`@Name`).
    tables: BTreeMap<String, BTreeSet<String>>,
}

/// A function that the script defines.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Function {
    pub name: String,
    pub parameters: BTreeSet<String>,
    /// Counted from 1.
    pub line: usize,
}

/// A call of a command by its name.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Call {
    pub name: String,
    pub parameters: BTreeSet<String>,
    /// Counted from 1.
    pub line: usize,
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    ///
    /// If the grammar doesn't know what it is, or a call takes apart what is no table of the script.
    pub(super) fn parse(source: &str) -> Result<Self> {
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_powershell::LANGUAGE.into())?;
        let tree = parser.parse(source, None).context("nothing was parsed")?;
        let root = tree.root_node();
        ensure!(!root.has_error(), "the script is no PowerShell");
        let mut script = Self::default();
        let source = Source(source);
        each(root, "assignment_expression", &mut |node| {
            script.tables.extend(source.table(node));
        });
        each(root, "function_statement", &mut |node| {
            script.functions.extend(source.function(node));
        });
        let mut calls = Vec::new();
        each(root, "command", &mut |node| {
            calls.extend(source.call(node, &script.tables).transpose());
        });
        script.calls = calls.into_iter().collect::<Result<_>>()?;
        Ok(script)
    }

    /// The function of this name, which PowerShell looks for before any cmdlet.
    pub(super) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// Whether any call of the command gives this parameter.
    pub(super) fn gives(&self, command: &str, parameter: &str) -> bool {
        let mut calls = self.calls.iter().filter(|call| call.name == command);
        calls.any(|call| call.parameters.contains(parameter))
    }
}

/// Text that nodes are parts of.
#[derive(Clone, Copy)]
struct Source<'a>(&'a str);

impl<'a> Source<'a> {
    fn text(self, node: Node<'_>) -> &'a str {
        &self.0[node.byte_range()]
    }

    /// The texts of all nodes of a kind in a node.
    fn texts(self, node: Node<'_>, kind: &str) -> Vec<&'a str> {
        let mut found = Vec::new();
        each(node, kind, &mut |node| found.push(self.text(node)));
        found
    }

    /// The text of the first child of a kind.
    fn child(self, node: Node<'_>, kind: &str) -> Option<&'a str> {
        let mut cursor = node.walk();
        let child = node
            .children(&mut cursor)
            .find(|child| child.kind() == kind);
        child.map(|child| self.text(child))
    }

    /// An assignment of a table to a variable: its name, and the keys.
    fn table(self, node: Node<'_>) -> Option<(String, BTreeSet<String>)> {
        let left = self.child(node, "left_assignment_expression")?;
        let mut cursor = node.walk();
        let value = node.child_by_field_name("value").or_else(|| {
            let mut children = node.children(&mut cursor);
            children.find(|child| child.kind() == "pipeline")
        })?;
        if !self.text(value).starts_with("@{") {
            return None;
        }
        let keys = self.texts(value, "key_expression");
        let name = left.trim_start_matches('$').to_owned();
        Some((name, keys.into_iter().map(str::to_owned).collect()))
    }

    fn function(self, node: Node<'_>) -> Option<Function> {
        let name = self.child(node, "function_name")?.to_owned();
        let mut parameters = BTreeSet::new();
        // Of this function's own block; blocks inside have parameters of theirs.
        let mut blocks = 0;
        each(node, "param_block", &mut |block| {
            blocks += 1;
            if blocks == 1 {
                each(block, "script_parameter", &mut |parameter| {
                    let variable = self.child(parameter, "variable");
                    parameters.extend(variable.map(|name| name.trim_start_matches('$').to_owned()));
                });
            }
        });
        Some(Function {
            name,
            parameters,
            line: line(node),
        })
    }

    /// A call by name; what is called by its path, or by a variable, is no command of the system.
    fn call(
        self,
        node: Node<'_>,
        tables: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Option<Call>> {
        let Some(name) = self.child(node, "command_name") else {
            return Ok(None);
        };
        if name.starts_with('$') {
            return Ok(None);
        }
        let mut parameters = BTreeSet::new();
        let mut cursor = node.walk();
        let elements = node.children(&mut cursor);
        for elements in elements.filter(|child| child.kind() == "command_elements") {
            for element in elements.children(&mut elements.walk()) {
                let text = self.text(element);
                if element.kind() == "command_parameter" {
                    let name = text.trim_start_matches('-').trim_end_matches(':');
                    parameters.insert(name.to_owned());
                } else if let Some(table) = text.strip_prefix('@')
                    && table.starts_with(|first: char| first.is_ascii_alphabetic())
                {
                    let keys = tables.get(table).with_context(|| {
                        format!("line {}: @{table} is no table of the script", line(node))
                    })?;
                    parameters.extend(keys.iter().cloned());
                }
            }
        }
        Ok(Some(Call {
            name: name.to_owned(),
            parameters,
            line: line(node),
        }))
    }
}

fn line(node: Node<'_>) -> usize {
    node.start_position().row + 1
}

/// Calls `found` with every node of a kind, those that contain others first.
fn each<'tree>(node: Node<'tree>, kind: &str, found: &mut impl FnMut(Node<'tree>)) {
    if node.kind() == kind {
        found(node);
    }
    for child in node.children(&mut node.walk()) {
        each(child, kind, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<const COUNT: usize>(names: [&str; COUNT]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[test]
    fn commands_are_found_with_their_parameters_wherever_they_stand() {
        let source = "\
$Guest = @{ VMName = 'x'; Credential = $c }
function Wait-It {
    param([scriptblock] $Condition, [int] $Minutes = 10)
    try {
        if (Invoke-Command @Guest -ScriptBlock { param($Other) Get-Date -Format 'u' }) { return }
    }
    catch { & 'C:\\x.exe' -Flag }
}
\"$(Get-It -Name:'y') and -NoParameter\" | Wait-It -Minutes (New-It -Force)
";
        let script = Script::parse(source).unwrap();
        let [function] = &*script.functions else {
            panic!("{:?}", script.functions);
        };
        assert_eq!(function.name, "Wait-It");
        assert_eq!(function.parameters, set(["Condition", "Minutes"]));
        let calls: Vec<_> = script
            .calls
            .iter()
            .map(|call| (&*call.name, call.line, call.parameters.clone()))
            .collect();
        assert_eq!(
            calls,
            [
                (
                    "Invoke-Command",
                    5,
                    set(["VMName", "Credential", "ScriptBlock"])
                ),
                ("Get-Date", 5, set(["Format"])),
                ("Get-It", 9, set(["Name"])),
                ("Wait-It", 9, set(["Minutes"])),
                ("New-It", 9, set(["Force"])),
            ]
        );
        assert!(script.gives("Get-It", "Name") && !script.gives("Get-It", "Format"));
    }

    #[test]
    fn what_is_no_powershell_and_what_is_no_table_is_an_error() {
        assert!(Script::parse("if ($x { }\n").is_err());
        let error = Script::parse("Get-It @Nothing\n").err().unwrap();
        assert_eq!(
            error.to_string(),
            "line 1: @Nothing is no table of the script"
        );
    }
}
