//! The folder for the record and for copies of packages, below Program Files: administrators alone
//! write there, so that no other user decides what an elevated removal takes back.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::NAME;
use super::failure::Failure;
use super::package::FILES;
use super::record::{Record, Slot};

/// The folder, which need not exist.
pub(super) struct Home(PathBuf);

impl Home {
    /// The folder below that of the system's programs.
    pub(super) fn below(programs: &Path) -> Self {
        Self(programs.join(NAME))
    }

    /// Whether there is a record or a copy. A folder with other things alone is a user's, who may have
    /// unpacked a package there.
    pub(super) fn is_used(&self) -> bool {
        let copies = Slot::ALL.map(|slot| self.slot(slot));
        let [new, record] = self.records();
        copies
            .iter()
            .chain([&new, &record])
            .any(|path| path.exists())
    }

    /// The folder of a copy, which need not exist.
    pub(super) fn slot(&self, slot: Slot) -> PathBuf {
        self.0.join(slot.name())
    }

    /// A record that is being written, and the one that counts.
    fn records(&self) -> [PathBuf; 2] {
        ["installed.new", "installed.json"].map(|name| self.0.join(name))
    }

    /// What was noted; nothing if nothing was.
    pub(super) fn record(&self) -> Result<Record, Failure> {
        let [_, path] = self.records();
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|reason| Failure::Record { path, reason })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::default()),
            Err(error) => Err(Failure::file(path, error)),
        }
    }

    /// Writes the record whole: beside the one before, then in its place.
    pub(super) fn write(&self, record: &Record) -> Result<(), Failure> {
        let [new, path] = self.records();
        let json = serde_json::to_vec(record).map_err(|reason| Failure::Record {
            path: path.clone(),
            reason,
        })?;
        fs::create_dir_all(&self.0)
            .and_then(|()| write_through(&new, &json))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|error| Failure::file(path, error))
    }

    /// Copies the files of a package.
    pub(super) fn keep(&self, from: &Path, slot: Slot) -> Result<(), Failure> {
        // All of it is read first: the package may be in this very folder.
        let mut files = Vec::new();
        for file in FILES {
            let original = from.join(file);
            // Not `copy`, which takes over attributes and streams of a file that was downloaded.
            let bytes = fs::read(&original).map_err(|error| Failure::file(original, error))?;
            files.push((file, bytes));
        }
        self.discard(slot)?;
        let folder = self.slot(slot);
        fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
        for (file, bytes) in files {
            let copy = folder.join(file);
            write_through(&copy, &bytes).map_err(|error| Failure::file(copy, error))?;
        }
        Ok(())
    }

    /// Deletes a copy.
    pub(super) fn discard(&self, slot: Slot) -> Result<(), Failure> {
        delete(&self.slot(slot))
    }

    /// Deletes the copies, then the record, and the folder if nothing else is in it.
    pub(super) fn delete(&self) -> Result<(), Failure> {
        for slot in Slot::ALL {
            self.discard(slot)?;
        }
        for path in self.records() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::file(path, error));
                }
                _ => {}
            }
        }
        // What is left in it is a user's.
        let _ = fs::remove_dir(&self.0);
        Ok(())
    }
}

/// Writes a file as far as the disk: a crash of the system, which a driver's start may come to, leaves
/// nothing half written.
fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn delete(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(folder, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a whole package, each of whose files has this text.
    fn package(folder: &Path, text: &str) {
        fs::create_dir_all(folder).unwrap();
        for file in FILES {
            fs::write(folder.join(file), text).unwrap();
        }
    }

    fn record() -> Record {
        Record {
            test_signing: true,
            ..Record::default()
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_goes_with_the_folder() {
        let programs = tempfile::tempdir().unwrap();
        let home = Home::below(programs.path());
        assert!(!home.is_used());
        home.delete().unwrap();
        home.write(&Record::default()).unwrap();
        home.write(&record()).unwrap();
        assert_eq!(home.record().unwrap(), record());
        assert!(home.is_used());
        home.delete().unwrap();
        assert!(!home.is_used());
        assert_eq!(home.record().unwrap(), Record::default());
        assert_eq!(fs::read_dir(programs.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_package_that_a_user_unpacked_into_the_folder_stays() {
        let programs = tempfile::tempdir().unwrap();
        let home = Home::below(programs.path());
        let unpacked = programs.path().join(NAME);
        package(&unpacked, "new");
        assert!(!home.is_used());
        home.write(&record()).unwrap();
        home.keep(&unpacked, Slot::A).unwrap();
        assert!(home.is_used());
        home.delete().unwrap();
        assert!(!home.is_used());
        assert_eq!(fs::read_dir(&unpacked).unwrap().count(), FILES.len());
    }

    #[test]
    fn a_copy_may_be_kept_from_its_own_folder_and_stays_if_another_lacks_files() {
        let programs = tempfile::tempdir().unwrap();
        let home = Home::below(programs.path());
        let kept = home.slot(Slot::B);
        package(&kept, "kept");
        home.keep(&kept, Slot::B).unwrap();
        home.keep(&programs.path().join("nowhere"), Slot::B)
            .unwrap_err();
        for file in FILES {
            assert_eq!(fs::read_to_string(kept.join(file)).unwrap(), "kept");
        }
    }
}
