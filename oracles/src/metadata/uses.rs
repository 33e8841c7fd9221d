//! What the driver's sources take from wdk-sys: names, members of enumerations, fields.
//!
//! Fields of C are told from those of Rust by their names: the compiler's lints see to it that
//! no field of ours begins with a capital letter.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use syn::visit::{self, Visit};
use syn::{Expr, ExprField, ExprStruct, File, Macro, Member, Path, UseTree};

/// The crate whose names are collected.
const CRATE: &str = "wdk_sys";

/// What one file uses.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Types, constants, routines, and members of enumerations as `ENUMERATION::MEMBER`.
    pub names: BTreeSet<String>,
    /// Fields, each with those that are taken from it in the same expression: `Tail.Overlay`.
    pub fields: BTreeSet<String>,
    /// Fields of a structure that is written down: `LUID.LowPart`.
    pub members: BTreeSet<String>,
    hidden: bool,
}

impl Uses {
    /// Reads a source file.
    pub(super) fn of(source: &str) -> Result<Self> {
        let file: File = syn::parse_file(source)?;
        let mut uses = Self::default();
        uses.visit_file(&file);
        ensure!(
            !uses.hidden,
            "{CRATE} is named inside a macro, where it is not seen"
        );
        // An enumeration is a module: its members are what is used.
        let enumerations: Vec<String> = uses
            .names
            .iter()
            .filter_map(|name| Some(name.split_once("::")?.0.to_owned()))
            .collect();
        uses.names.retain(|name| !enumerations.contains(name));
        Ok(uses)
    }

    fn import(&mut self, tree: &UseTree, inside: bool) {
        match tree {
            UseTree::Path(path) => self.import(&path.tree, inside || path.ident == CRATE),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, inside);
                }
            }
            UseTree::Name(name) if inside => {
                self.names.insert(name.ident.to_string());
            }
            // Whatever else is imported would escape.
            UseTree::Rename(_) | UseTree::Glob(_) if inside => self.hidden = true,
            _ => {}
        }
    }
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, false);
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        match &segments[..] {
            [krate, rest @ ..] if krate == CRATE => {
                self.names.extend(rest.last().cloned());
            }
            // As bindgen names enumerations.
            [enumeration, member] if enumeration.starts_with('_') => {
                self.names.insert(format!("{enumeration}::{member}"));
            }
            _ => {}
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_field(&mut self, field: &'ast ExprField) {
        let mut chain = Vec::new();
        let mut place = Some(field);
        let mut base = &*field.base;
        while let Some(name) = place.and_then(|field| name_in_c(&field.member)) {
            chain.push(name);
            base = place.map_or(base, |field| &field.base);
            place = match base {
                Expr::Field(inner) => Some(inner),
                _ => None,
            };
        }
        if !chain.is_empty() {
            chain.reverse();
            self.fields.insert(chain.join("."));
        }
        self.visit_expr(base);
    }

    fn visit_expr_struct(&mut self, expression: &'ast ExprStruct) {
        if let Some(structure) = expression.path.segments.last() {
            for member in expression
                .fields
                .iter()
                .filter_map(|field| name_in_c(&field.member))
            {
                self.members.insert(format!("{}.{member}", structure.ident));
            }
        }
        visit::visit_expr_struct(self, expression);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.hidden |= invocation.tokens.to_string().contains(CRATE);
        visit::visit_macro(self, invocation);
    }
}

fn name_in_c(member: &Member) -> Option<String> {
    let Member::Named(name) = member else {
        return None;
    };
    let name = name.to_string();
    (name.starts_with(char::is_uppercase) || name.starts_with("__bindgen")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &BTreeSet<String>) -> Vec<&str> {
        names.iter().map(String::as_str).collect()
    }

    #[test]
    fn names_and_fields_are_found_wherever_they_are() {
        let uses = Uses::of(
            "use wdk_sys::{IRP, _MODE, ntddk::{ZwClose, KeSetEvent}};
             use core::ptr;
             fn f(irp: *mut IRP) -> wdk_sys::NTSTATUS {
                 let luid = LUID { LowPart: 1, HighPart: _MODE::KernelMode };
                 let length = unsafe { (*irp).Tail.Overlay.list(g(luid.Other)) };
                 unsafe { &(*overlay).__bindgen_anon_2.name };
             }",
        )
        .unwrap();
        assert_eq!(
            sorted(&uses.names),
            [
                "IRP",
                "KeSetEvent",
                "NTSTATUS",
                "ZwClose",
                "_MODE::KernelMode"
            ]
        );
        assert_eq!(
            sorted(&uses.fields),
            ["Other", "Tail.Overlay", "__bindgen_anon_2"]
        );
        assert_eq!(sorted(&uses.members), ["LUID.HighPart", "LUID.LowPart"]);
    }

    #[test]
    fn what_would_escape_is_refused() {
        for source in [
            "use wdk_sys::*;",
            "use wdk_sys::IRP as Packet;",
            "fn f() { assert!(wdk_sys::NT_SUCCESS(0)); }",
        ] {
            assert!(Uses::of(source).is_err(), "{source}");
        }
    }
}
