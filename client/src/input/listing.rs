//! Which files some arguments stand for: themselves, those in a folder, or those of a pattern.

use std::io;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Paths, Pattern};

use super::STANDARD_INPUT;
use crate::model::{Error, FileError};

/// How names are compared with a pattern: as shells do it.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: !cfg!(windows),
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The files that the arguments stand for, each once, in their order, those of a folder or pattern by
/// name. A folder is looked at while its files are asked for: there may be any number of them, and
/// none is kept in mind.
pub(crate) fn files(arguments: &[PathBuf]) -> impl Iterator<Item = Result<PathBuf, Error>> {
    let mut many: Vec<&Path> = Vec::new();
    (0..arguments.len()).flat_map(move |at| {
        let argument = arguments[at].as_path();
        let found = Found::of(argument, &arguments[..at], many.clone());
        if may_be_many(argument) {
            many.push(argument);
        }
        found
    })
}

/// Whether a file is one of those that a folder or a pattern stands for.
fn covers(argument: &Path, path: &Path) -> bool {
    if !argument.exists() {
        let pattern = argument.to_str().map(Pattern::new);
        return matches!(pattern, Some(Ok(pattern)) if pattern.matches_path_with(path, OPTIONS));
    }
    let (Ok(argument), Ok(path)) = (argument.canonicalize(), path.canonicalize()) else {
        return false;
    };
    let is_separator = |byte: &u8| std::path::is_separator((*byte).into());
    let [argument, path] = [&argument, &path].map(|path| path.as_os_str().as_encoded_bytes());
    // The root ends with a separator.
    let argument = match argument {
        [folder @ .., last] if is_separator(last) => folder,
        other => other,
    };
    let Some(below) = path.strip_prefix(argument) else {
        return false;
    };
    // What is hidden in a folder is meant if it is named.
    let mut parts = below.split(is_separator);
    below.first().is_none_or(is_separator) && !parts.any(|part| part.starts_with(b"."))
}

/// Whether an argument may stand for more than one file.
pub(crate) fn may_be_many(argument: &Path) -> bool {
    !is_literal(argument)
}

/// A file that is there, or that is not there and has a name without a pattern's characters. Names
/// with such characters exist: what is there is meant.
fn is_literal(argument: &Path) -> bool {
    let is_there = argument.as_os_str() == STANDARD_INPUT || argument.exists();
    let name = argument.as_os_str().as_encoded_bytes();
    !argument.is_dir() && (is_there || !name.iter().any(|byte| b"*?[".contains(byte)))
}

/// The files of one argument.
struct Found<'a> {
    argument: &'a Path,
    /// The arguments before it, whose files have come.
    before: &'a [PathBuf],
    /// Those of them that may stand for more than one file.
    many: Vec<&'a Path>,
    left: Left,
    /// Whether there was one.
    any: bool,
}

/// What has not been looked at yet.
enum Left {
    /// The argument itself.
    Itself,
    /// What a pattern or a folder has.
    Matching(Box<Paths>),
    /// A failure that ends it.
    Failure(FileError),
    Nothing,
}

impl<'a> Found<'a> {
    fn of(argument: &'a Path, before: &'a [PathBuf], many: Vec<&'a Path>) -> Self {
        Self {
            argument,
            before,
            many,
            left: Left::of(argument),
            any: false,
        }
    }

    /// Whether a file has come.
    fn has_come(&self, path: &Path) -> bool {
        let mut before = self.before.iter();
        before.any(|argument| argument.as_os_str() == path.as_os_str())
            || self.many.iter().any(|argument| covers(argument, path))
    }

    fn error(&self, reason: FileError) -> Error {
        Error::file(self.argument, reason)
    }
}

impl Left {
    fn of(argument: &Path) -> Self {
        if is_literal(argument) {
            return Self::Itself;
        }
        let Some(name) = argument.to_str() else {
            return Self::Failure(FileError::NameIsNoText);
        };
        let pattern = if argument.is_dir() {
            let folder = Pattern::escape(name.trim_end_matches(std::path::is_separator));
            // The root has no name of its own.
            format!("{folder}/**/*")
        } else {
            name.to_owned()
        };
        match glob::glob_with(&pattern, OPTIONS) {
            Ok(paths) => Self::Matching(Box::new(paths)),
            Err(error) => Self::Failure(FileError::Pattern(error)),
        }
    }
}

impl Iterator for Found<'_> {
    type Item = Result<PathBuf, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match &mut self.left {
                Left::Nothing => return None,
                Left::Itself => {
                    self.left = Left::Nothing;
                    if !self.has_come(self.argument) {
                        return Some(Ok(self.argument.to_owned()));
                    }
                }
                Left::Matching(paths) => match paths.next() {
                    Some(Ok(path)) if path.is_dir() => {}
                    Some(Ok(path)) => {
                        self.any = true;
                        if !self.has_come(&path) {
                            return Some(Ok(path));
                        }
                    }
                    Some(Err(error)) => {
                        self.any = true;
                        let path = error.path().to_owned();
                        return Some(Err(Error::file(path, io::Error::from(error))));
                    }
                    None if self.any => self.left = Left::Nothing,
                    None => {
                        let reason = if self.argument.is_dir() {
                            FileError::EmptyFolder
                        } else {
                            FileError::NoMatch
                        };
                        self.left = Left::Failure(reason);
                    }
                },
                Left::Failure(_) => {
                    let Left::Failure(reason) = std::mem::replace(&mut self.left, Left::Nothing)
                    else {
                        return None;
                    };
                    return Some(Err(self.error(reason)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A folder with files in it and below it, one of them with a pattern's characters in its name.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("later/empty")).unwrap();
        for name in ["b.json", "a.json", "later/c.json", "[x].json", ".hidden"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        folder
    }

    /// What an argument below the folder stands for, by the files' names below it.
    fn names(folder: &Path, argument: &str) -> Vec<String> {
        let arguments = [folder.join(argument)];
        files(&arguments)
            .map(|found| match found {
                Ok(path) => {
                    let path = path.strip_prefix(folder).unwrap();
                    path.to_str().unwrap().replace('\\', "/")
                }
                Err(Error::File { reason, .. }) => reason.to_string(),
                Err(error) => error.to_string(),
            })
            .collect()
    }

    #[test]
    fn a_folder_is_all_files_below_it() {
        let folder = folder();
        let all = ["[x].json", "a.json", "b.json", "later/c.json"];
        assert_eq!(names(folder.path(), ""), all);
        assert_eq!(names(folder.path(), "later/"), ["later/c.json"]);
        assert_eq!(
            names(folder.path(), "later/empty"),
            ["the folder has no file in it"]
        );
    }

    #[test]
    fn a_file_comes_once_whatever_names_it() {
        let folder = folder();
        let names = |arguments: &[&str]| -> Vec<String> {
            let path = |name: &&str| folder.path().join(name);
            let arguments: Vec<PathBuf> = arguments.iter().map(path).collect();
            let found = files(&arguments).map(|found| found.unwrap());
            let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
            found.map(name).collect()
        };
        let all = ["[x].json", "a.json", "b.json", "c.json"];
        assert_eq!(names(&["", "a.json", "later/../b.json", "later"]), all);
        assert_eq!(names(&["b.json", "?.json", "b.json"]), ["b.json", "a.json"]);
        assert_eq!(
            names(&["later", "", ".hidden"]),
            ["c.json", "[x].json", "a.json", "b.json", ".hidden"]
        );
        let absent = [folder.path().join("absent"), folder.path().join("absent")];
        assert_eq!(files(&absent).count(), 1);
    }

    #[test]
    fn a_pattern_is_what_matches_and_a_name_is_itself() {
        let folder = folder();
        assert_eq!(names(folder.path(), "?.json"), ["a.json", "b.json"]);
        assert_eq!(names(folder.path(), "**/c.*"), ["later/c.json"]);
        assert_eq!(names(folder.path(), "[x].json"), ["[x].json"]);
        assert_eq!(
            names(folder.path(), "*.vmcb"),
            ["no file has a name of this pattern"]
        );
        assert_eq!(names(folder.path(), "absent.json"), ["absent.json"]);
        let [broken] = &names(folder.path(), "***")[..] else {
            panic!("one failure");
        };
        assert!(broken.contains("pattern"), "{broken}");
    }
}
