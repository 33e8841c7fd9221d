//! Which files some arguments stand for: themselves, those in a folder, or those of a pattern.

use std::ffi::OsString;
use std::path::{Path, PathBuf, is_separator};
use std::{fs, io};

use glob::{MatchOptions, Pattern, PatternError};

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

/// Whether a pattern means a file. In place of what is no Unicode in its name stands U+FFFD, as in the
/// output.
fn matches(pattern: &Pattern, path: &Path) -> bool {
    pattern.matches_with(&path.to_string_lossy(), OPTIONS)
}

/// Whether a file is one of those that a folder or a pattern stands for.
fn covers(argument: &Path, path: &Path) -> bool {
    if !argument.exists() {
        let pattern = Pattern::new(&argument.to_string_lossy());
        return pattern.is_ok_and(|pattern| matches(&pattern, path));
    }
    let (Ok(argument), Ok(path)) = (argument.canonicalize(), path.canonicalize()) else {
        return false;
    };
    let is_separator = |byte: &u8| is_separator((*byte).into());
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
    !argument.is_dir() && (is_there || !has_pattern(name))
}

fn has_pattern(name: &[u8]) -> bool {
    name.iter().any(|byte| b"*?[".contains(byte))
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
    Matching(Walk),
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
        match Walk::of(argument) {
            Ok(walk) => Self::Matching(walk),
            Err(error) => Self::Failure(FileError::Pattern(error)),
        }
    }
}

/// The way through a folder and those below it, or through those that a pattern leads to.
struct Walk {
    /// None if all files are meant.
    pattern: Option<Pattern>,
    /// What stands between the pattern's separators, behind the folder that all of it is in.
    parts: Vec<String>,
    /// What has not been looked at yet, the next one last, and how many folders below the first it
    /// is.
    left: Vec<(PathBuf, usize)>,
}

/// What bears a name.
enum Kind {
    /// A file, or what its reader will object to.
    File,
    Folder,
    LinkToFolder,
    Other(&'static str),
}

impl Walk {
    fn of(argument: &Path) -> Result<Self, PatternError> {
        let mut walk = Self {
            pattern: None,
            parts: Vec::new(),
            left: Vec::new(),
        };
        let mut folder = argument.to_owned();
        if !argument.is_dir() {
            let name = argument.to_string_lossy();
            walk.pattern = Some(Pattern::new(&name)?);
            let first = name.find(['*', '?', '[']).unwrap_or(name.len());
            let is_end = |one| is_separator(one) || cfg!(windows) && one == ':';
            let end = name[..first].rfind(is_end).map_or(0, |at| at + 1);
            let parts = name[end..].split(is_separator);
            walk.parts = parts.map(str::to_owned).collect();
            folder = name[..end].into();
        }
        walk.left.push((folder, 0));
        Ok(walk)
    }

    /// Whether folders at this depth and all below them are meant.
    fn is_deep(&self, depth: usize) -> bool {
        self.parts.is_empty() || self.parts.iter().take(depth).any(|part| part == "**")
    }

    /// Whether something in a folder at this depth may be meant, or lead to what is.
    fn is_open_to(&self, depth: usize, name: &str) -> bool {
        if name.starts_with('.') && !self.parts.iter().any(|part| part.starts_with('.')) {
            return false;
        }
        self.is_deep(depth + 1)
            || Pattern::new(&self.parts[depth])
                .is_ok_and(|pattern| pattern.matches_with(name, OPTIONS))
    }

    /// Goes on with what is in a folder.
    fn enter(&mut self, folder: &Path, depth: usize) -> io::Result<()> {
        let here = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        if let Some(part) = self.parts.get(depth)
            && !self.is_deep(depth + 1)
            && !has_pattern(part.as_bytes())
        {
            let path = folder.join(part);
            if path.symlink_metadata().is_ok() {
                self.left.push((path, depth + 1));
            }
            return Ok(());
        }
        let mut names: Vec<OsString> = Vec::new();
        for entry in fs::read_dir(here)? {
            let name = entry?.file_name();
            if self.is_open_to(depth, &name.to_string_lossy()) {
                names.push(name);
            }
        }
        names.sort_unstable();
        let names = names.into_iter().rev();
        self.left
            .extend(names.map(|name| (folder.join(name), depth + 1)));
        Ok(())
    }

    /// The next file, or what is none or could not be looked at; below `top`, which is named.
    fn next(&mut self, top: &Path) -> Option<Result<PathBuf, Error>> {
        while let Some((path, depth)) = self.left.pop() {
            let is_meant = match &self.pattern {
                Some(pattern) => matches(pattern, &path),
                None => true,
            };
            let is_deep = self.is_deep(depth);
            let found = if depth == 0 {
                Kind::Folder
            } else {
                kind(&path)
            };
            match found {
                Kind::File if is_meant => return Some(Ok(path)),
                Kind::Other(what) if is_meant => {
                    return Some(Err(Error::file(path, FileError::NoFile(what))));
                }
                // Such a link may lead to a folder that it is in. What lies in the folder that is
                // named comes without it.
                Kind::LinkToFolder if is_deep && (self.pattern.is_some() || covers(top, &path)) => {
                }
                Kind::LinkToFolder if is_deep => {
                    let what = FileError::NoFile("a link to a folder");
                    return Some(Err(Error::file(path, what)));
                }
                Kind::Folder | Kind::LinkToFolder if is_deep || depth < self.parts.len() => {
                    if let Err(error) = self.enter(&path, depth) {
                        return Some(Err(Error::file(path, error)));
                    }
                }
                _ => {}
            }
        }
        None
    }
}

fn kind(path: &Path) -> Kind {
    match fs::metadata(path).map(|file| file.file_type()) {
        Ok(kind) if kind.is_dir() && path.is_symlink() => Kind::LinkToFolder,
        Ok(kind) if kind.is_dir() => Kind::Folder,
        Ok(kind) if !kind.is_file() => Kind::Other(special(kind)),
        _ => Kind::File,
    }
}

/// What is neither a file nor a folder: reading it might never end.
fn special(kind: fs::FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return "a pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
    }
    let _ = kind;
    "a device"
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
                Left::Matching(walk) => match walk.next(self.argument) {
                    Some(Ok(path)) => {
                        self.any = true;
                        if !self.has_come(&path) {
                            return Some(Ok(path));
                        }
                    }
                    Some(Err(error)) => {
                        self.any = true;
                        return Some(Err(error));
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

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_hides_neither_its_file_nor_others() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;
        let folder = folder();
        let odd = Path::new(OsStr::from_bytes(b"b\xFF.json"));
        fs::write(folder.path().join(odd), "").unwrap();
        fs::create_dir(folder.path().join(OsStr::from_bytes(b"c\xFF"))).unwrap();
        let below = Path::new(OsStr::from_bytes(b"c\xFF/d.json"));
        fs::write(folder.path().join(below), "").unwrap();
        for (argument, expected) in [
            ("", 6),
            ("*.json", 4),
            ("b?.json", 1),
            ("**/*.json", 6),
            ("c*/d.json", 1),
        ] {
            let arguments = [folder.path().join(argument)];
            let found: Vec<_> = files(&arguments).map(|found| found.unwrap()).collect();
            assert_eq!(found.len(), expected, "{argument}: {found:?}");
            assert!(found.iter().all(|path| path.exists()), "{found:?}");
        }
        let odd = [folder.path().join(below.parent().unwrap())];
        assert_eq!(files(&odd).count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn no_link_leads_out_of_a_folder_and_none_round_in_it() {
        use std::os::unix::fs::symlink;
        let folder = folder();
        let later = folder.path().join("later");
        symlink("..", later.join("up")).unwrap();
        symlink(".", later.join("here")).unwrap();
        symlink("c.json", later.join("linked.json")).unwrap();
        symlink("absent", later.join("no.json")).unwrap();
        let link = "it is a link to a folder: to have it read, name it";
        assert_eq!(
            names(&later, ""),
            ["c.json", "linked.json", "no.json", link]
        );
        let below = ["later/c.json", "later/linked.json", "later/no.json"];
        let all = [&["[x].json", "a.json", "b.json"], &below[..]].concat();
        assert_eq!(names(folder.path(), ""), all);
        assert_eq!(names(folder.path(), "**/*"), all);
        assert_eq!(names(&later, "up/a.json"), ["up/a.json"]);
        assert_eq!(names(&later, "u*/a.json"), ["up/a.json"]);
        let round = ["here/here/c.json", "up/later/c.json"];
        assert_eq!(names(&later, "*/*/c.json"), round);
        assert_eq!(names(folder.path(), "l*/../a.json"), ["later/../a.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn what_may_have_no_end_is_read_only_if_it_is_named() {
        let folder = folder();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
        let told = ["it is a pipe: to have it read, name it"];
        assert_eq!(names(folder.path(), "p*"), told);
        let all = names(folder.path(), "");
        assert_eq!(all.len(), 6, "{all:?}");
        assert!(all.contains(&told[0].to_owned()), "{all:?}");
        assert!(all[5].contains("it is a socket"), "{all:?}");
        assert_eq!(names(folder.path(), "pipe"), ["pipe"]);
    }
}
