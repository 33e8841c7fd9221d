//! What a package has beside the program: completions for shells, manual pages.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::ValueEnum as _;
use clap_complete::Shell;

use super::command_line;

/// Writes the completions for every shell that there are some for, and a manual page for each
/// command, into a folder, which is made if it does not exist. Returns what was written.
///
/// # Errors
///
/// What kept a file from being written.
pub fn generate(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::create_dir_all(folder)?;
    let mut command = command_line::description();
    for shell in Shell::value_variants() {
        clap_complete::generate_to(*shell, &mut command, "client", folder)?;
    }
    clap_mangen::generate_to(command, folder)?;
    let files = fs::read_dir(folder)?;
    let mut paths = files
        .map(|file| Ok(file?.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_and_every_command_has_a_file_that_names_the_options() {
        let folder = tempfile::tempdir().unwrap();
        let written = generate(folder.path()).unwrap();
        let names: Vec<_> = written
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .collect();
        for name in [
            "_client",
            "_client.ps1",
            "client.bash",
            "client.elv",
            "client.fish",
            "client.1",
            "client-check.1",
            "client-watch.1",
        ] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        for path in &written {
            let text = fs::read_to_string(path).unwrap();
            assert!(text.contains("client"), "{}", path.display());
        }
    }
}
