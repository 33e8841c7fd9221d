//! Import libraries for the linker, as the Windows Driver Kit has them.
//!
//! What an image exports is taken from mingw-w64's own import libraries, which were made from the
//! images of Windows, and from definition files of ours for what came later.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use object::read::archive::ArchiveFile;

use crate::host::process::{self, QUERY_LIMIT};
use crate::host::workspace::write_if_changed;

/// What an image exports by name.
#[derive(Debug, Default, Eq, PartialEq)]
pub(crate) struct Exports {
    functions: BTreeSet<String>,
    data: BTreeSet<String>,
}

impl Exports {
    /// Reads an import library of mingw-w64. It has `__imp_NAME` for every export, and `NAME` too
    /// if that is a function.
    pub(crate) fn of_archive(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let malformed = || format!("{} is no archive", path.display());
        let archive = ArchiveFile::parse(&*bytes).with_context(malformed)?;
        let symbols = archive.symbols().with_context(malformed)?;
        let mut names = BTreeSet::new();
        for symbol in symbols.with_context(|| format!("{} has no symbols", path.display()))? {
            let symbol = symbol.with_context(malformed)?;
            names.insert(str::from_utf8(symbol.name()).with_context(malformed)?);
        }
        let mut exports = Self::default();
        for export in names.iter().filter_map(|name| name.strip_prefix("__imp_")) {
            let kind = if names.contains(export) {
                &mut exports.functions
            } else {
                &mut exports.data
            };
            kind.insert(export.to_owned());
        }
        Ok(exports)
    }

    /// Adds the exports of a module definition file.
    pub(crate) fn add_definitions(&mut self, text: &str) -> Result<()> {
        let exports = text
            .lines()
            .map(|line| line.split(';').next().unwrap_or_default().trim())
            .skip_while(|line| *line != "EXPORTS")
            .skip(1);
        for line in exports.filter(|line| !line.is_empty()) {
            let (kind, name) = match line.split_once(char::is_whitespace) {
                None => (&mut self.functions, line),
                Some((name, attribute)) if attribute.trim() == "DATA" => (&mut self.data, name),
                Some(_) => bail!("not an export: {line}"),
            };
            kind.insert(name.to_owned());
        }
        Ok(())
    }

    /// The module definition file of these exports.
    fn definitions(&self, image: &str) -> String {
        let functions = self.functions.iter().map(|name| format!("{name}\n"));
        let data = self.data.iter().map(|name| format!("{name} DATA\n"));
        let exports: String = functions.chain(data).collect();
        format!("LIBRARY {image}\nEXPORTS\n{exports}")
    }

    /// Writes the import library for `image`.
    pub(crate) fn write_library(&self, image: &str, library: &Path, linker: &Path) -> Result<()> {
        let definitions = library.with_extension("def");
        write_if_changed(&definitions, self.definitions(image))?;
        process::run(
            Command::new(linker)
                .args(["-flavor", "link", "/lib", "/nologo", "/machine:x64"])
                .arg(format!("/def:{}", definitions.display()))
                .arg(format!("/out:{}", library.display())),
            QUERY_LIMIT,
        )
        .with_context(|| format!("cannot make {}", library.display()))?;
        Ok(())
    }
}

/// Writes a library that is asked for and has nothing that the driver uses.
pub(crate) fn write_empty_library(library: &Path) -> Result<()> {
    write_if_changed(library, object::archive::MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_read_back_as_written() {
        let text = "; what is newer\nLIBRARY ntoskrnl.exe\nEXPORTS\n  ExAllocatePool2 ; 2004\n\n\
                    SeExports DATA\n";
        let mut exports = Exports::default();
        exports.add_definitions(text).unwrap();
        assert_eq!(exports.functions, ["ExAllocatePool2".to_owned()].into());
        assert_eq!(exports.data, ["SeExports".to_owned()].into());

        let mut again = Exports::default();
        again
            .add_definitions(&exports.definitions("ntoskrnl.exe"))
            .unwrap();
        assert_eq!(again, exports);
    }

    #[test]
    fn an_attribute_that_is_not_understood_is_refused() {
        let mut exports = Exports::default();
        assert!(exports.add_definitions("EXPORTS\nName NONAME\n").is_err());
    }
}
