//! Which files of a crate use which.
//!
//! What a file uses are the paths in its tokens, in `use` items as in code and macros: those that
//! begin with `crate`, `self`, `super` or the name of a child module.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::slice;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A module's path from the crate's root.
pub(super) type Module = Vec<String>;

/// A path that a file uses.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Use {
    /// From the crate's root: a module, and maybe what is in it.
    path: Vec<String>,
    /// Where the path begins.
    line: usize,
}

/// A layer, and those that it may use.
pub(super) type Layer<'a> = (&'a str, &'a [&'a str]);

/// The files of a crate: their modules, and what they use.
pub(super) struct Sources(pub BTreeMap<Module, BTreeSet<Use>>);

impl Sources {
    /// Reads the files below a folder of sources.
    pub(super) fn read(root: &Path) -> Self {
        let mut texts = BTreeMap::new();
        read_folder(root, &mut Module::new(), &mut texts);
        Self::parse(&texts)
    }

    /// Finds what files use, by the texts of their modules.
    pub(super) fn parse(texts: &BTreeMap<Module, String>) -> Self {
        let uses = |(module, text): (&Module, &String)| {
            let tokens: TokenStream = text.parse().expect("tokens of Rust");
            let mut uses = BTreeSet::new();
            collect(tokens, module, &mut uses);
            (module.clone(), uses)
        };
        Self(texts.iter().map(uses).collect())
    }

    /// The module whose file a path leads to, and so not the one that only declares it.
    fn file_of(&self, path: &[String]) -> Option<&Module> {
        let lengths = (1..=path.len()).rev();
        let mut files = lengths.filter_map(|length| self.0.get_key_value(&path[..length]));
        files.next().map(|(module, _)| module)
    }

    /// Every use of a layer that is neither the file's own nor one that this layer may use.
    pub(super) fn upward_uses(&self, layers: &[Layer]) -> Vec<String> {
        let mut found = Vec::new();
        for (module, uses) in &self.0 {
            let Some(own) = module.first() else {
                continue;
            };
            let Some((_, below)) = layers.iter().find(|(layer, _)| layer == own) else {
                found.push(format!("{} is in no layer", module.join("::")));
                continue;
            };
            for one in uses {
                let used = one.path.first();
                if used.is_none_or(|used| used != own && !below.contains(&used.as_str())) {
                    let (from, to) = (module.join("::"), one.path.join("::"));
                    found.push(format!("{from}, line {}: uses {to}", one.line));
                }
            }
        }
        found
    }

    /// Files that use each other in a circle: for each of them its way back to itself.
    pub(super) fn circles(&self) -> Vec<String> {
        self.circles_if(|_, _| true)
    }

    /// The same, but for what a file uses of the module that it is a part of.
    pub(super) fn circles_of_parts(&self) -> Vec<String> {
        self.circles_if(|module, used| !module.starts_with(used))
    }

    fn circles_if(&self, counts: impl Fn(&Module, &Module) -> bool) -> Vec<String> {
        let used_by = |module: &Module| -> BTreeSet<&Module> {
            let files = self.0[module].iter();
            let files = files.filter_map(|one| self.file_of(&one.path));
            let others = files.filter(|file| *file != module);
            others.filter(|file| counts(module, file)).collect()
        };
        let graph: BTreeMap<&Module, BTreeSet<&Module>> =
            self.0.keys().map(|file| (file, used_by(file))).collect();
        let ways = self.0.keys().filter_map(|file| way_back(&graph, file));
        let ways = ways.map(|way| way.iter().map(|file| file.join("::")).collect::<Vec<_>>());
        ways.map(|way| way.join(" -> ")).collect()
    }
}

/// The shortest way from a file over others back to itself.
fn way_back<'a>(
    graph: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
    start: &'a Module,
) -> Option<Vec<&'a Module>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for &next in &graph[way[way.len() - 1]] {
                let way = [way.as_slice(), &[next]].concat();
                if next == start {
                    return Some(way);
                }
                if seen.insert(next) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

/// Reads `name.rs` files and the folders beside them; `main.rs` and `lib.rs` are the root.
pub(super) fn read_folder(
    folder: &Path,
    module: &mut Module,
    texts: &mut BTreeMap<Module, String>,
) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            module.push(name);
            read_folder(&path, module, texts);
            module.pop();
        } else if path.extension().is_some_and(|end| end == "rs") {
            let mut module = module.clone();
            if !(module.is_empty() && matches!(name.as_str(), "main" | "lib")) {
                module.push(name);
            }
            texts.insert(module, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Collects what the tokens of a module use, with the modules inside of it.
fn collect(tokens: TokenStream, module: &[String], uses: &mut BTreeSet<Use>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let children = declared_modules(&tokens);
    walk(&tokens, module, &children, uses);
}

/// The names behind `mod`.
fn declared_modules(tokens: &[TokenTree]) -> BTreeSet<String> {
    let pairs = tokens.windows(2).filter(|pair| is_ident(&pair[0], "mod"));
    pairs.map(|pair| pair[1].to_string()).collect()
}

fn walk(
    tokens: &[TokenTree],
    module: &[String],
    children: &BTreeSet<String>,
    uses: &mut BTreeSet<Use>,
) {
    let mut at = 0;
    while at < tokens.len() {
        if let Some(inline) = inline_module(&tokens[at..]) {
            let (name, body) = inline;
            let inside = [module, &[name]].concat();
            collect(body, &inside, uses);
            at += 3;
        } else if let Some((start, length)) = path_start(&tokens[at..], module, children) {
            let line = tokens[at].span().start().line;
            at += length;
            at += follow(&tokens[at..], start, line, uses);
        } else if is_path_separator(&tokens[at..]) {
            // What follows belongs to a path that begins elsewhere.
            at += 3;
        } else {
            if let TokenTree::Group(group) = &tokens[at] {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                walk(&inside, module, children, uses);
            }
            at += 1;
        }
    }
}

/// A module in braces: its name and its tokens.
fn inline_module(tokens: &[TokenTree]) -> Option<(String, TokenStream)> {
    match tokens {
        [keyword, TokenTree::Ident(name), TokenTree::Group(body), ..]
            if is_ident(keyword, "mod") && body.delimiter() == Delimiter::Brace =>
        {
            Some((name.to_string(), body.stream()))
        }
        _ => None,
    }
}

/// Where a path begins that leads through the crate, from its root, and how many tokens say so;
/// none if the tokens begin with no such path.
fn path_start(
    tokens: &[TokenTree],
    module: &[String],
    children: &BTreeSet<String>,
) -> Option<(Module, usize)> {
    const SEPARATED: usize = 3;
    let TokenTree::Ident(first) = tokens.first()? else {
        return None;
    };
    if !is_path_separator(&tokens[1..]) {
        return None;
    }
    let first = first.to_string();
    match first.as_str() {
        "crate" => Some((Module::new(), SEPARATED)),
        "self" => Some((module.to_vec(), SEPARATED)),
        "super" => {
            let mut above = module.to_vec();
            let mut length = 0;
            while tokens.get(length).is_some_and(|one| is_ident(one, "super")) {
                above.pop();
                length += SEPARATED;
            }
            Some((above, length))
        }
        child if children.contains(child) => {
            Some(([module, slice::from_ref(&first)].concat(), SEPARATED))
        }
        _ => None,
    }
}

/// Adds the paths that go on from `start`: one, or those of a list in braces. Returns how many
/// tokens they have.
fn follow(tokens: &[TokenTree], start: Module, line: usize, uses: &mut BTreeSet<Use>) -> usize {
    match tokens.first() {
        Some(TokenTree::Ident(name)) => {
            let mut path = start;
            if name != "self" {
                path.push(name.to_string());
            }
            if is_path_separator(&tokens[1..]) {
                return 3 + follow(&tokens[3..], path, line, uses);
            }
            uses.insert(Use { path, line });
            1
        }
        Some(TokenTree::Group(list)) if list.delimiter() == Delimiter::Brace => {
            let tokens: Vec<TokenTree> = list.stream().into_iter().collect();
            let paths = tokens.split(|token| is_punct(token, ','));
            // A comma may be the last one.
            for one in paths.filter(|path| !path.is_empty()) {
                follow(one, start.clone(), line, uses);
            }
            1
        }
        // A wildcard, or generic arguments.
        _ => {
            uses.insert(Use { path: start, line });
            0
        }
    }
}

fn is_ident(token: &TokenTree, text: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == text)
}

fn is_punct(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

/// Whether the tokens begin with `::`.
fn is_path_separator(tokens: &[TokenTree]) -> bool {
    matches!(tokens, [first, second, ..] if is_punct(first, ':') && is_punct(second, ':'))
}
