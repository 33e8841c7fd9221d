//! The folder for the record and for copies of packages, below Program Files: administrators alone
//! write there, so that no other user decides what an elevated removal takes back.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::driver_io::windows::registry;
use crate::setup::NAME;
use crate::setup::failure::Failure;
use crate::setup::package::FILES;
use crate::setup::record::{Record, Slot};

/// The folder, which need not exist.
pub(super) struct Home(PathBuf);

impl Home {
    /// Asks the registry, and not the environment, which a user may set.
    pub(super) fn find() -> Result<Self, Failure> {
        let key = r"SOFTWARE\Microsoft\Windows\CurrentVersion";
        let programs = registry::text(key, "ProgramFilesDir").map_err(|code| Failure::System {
            function: "RegGetValueW",
            code,
        })?;
        Ok(Self(super::path(&programs).join(NAME)))
    }

    pub(super) fn exists(&self) -> bool {
        self.0.exists()
    }

    /// The folder of a copy, which need not exist.
    pub(super) fn slot(&self, slot: Slot) -> PathBuf {
        self.0.join(slot.name())
    }

    fn record_file(&self) -> PathBuf {
        self.0.join("installed.json")
    }

    /// What was noted; nothing if nothing was.
    pub(super) fn record(&self) -> Result<Record, Failure> {
        let path = self.record_file();
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
        let path = self.record_file();
        let new = path.with_extension("new");
        let json = serde_json::to_vec(record).map_err(|reason| Failure::Record {
            path: path.clone(),
            reason,
        })?;
        fs::create_dir_all(&self.0)
            .and_then(|()| fs::write(&new, json))
            .and_then(|()| fs::rename(&new, &path))
            .map_err(|error| Failure::file(path, error))
    }

    /// Copies the files of a package.
    pub(super) fn keep(&self, from: &Path, slot: Slot) -> Result<(), Failure> {
        self.discard(slot)?;
        let folder = self.slot(slot);
        fs::create_dir_all(&folder).map_err(|error| Failure::file(&folder, error))?;
        for file in FILES {
            let (original, copy) = (from.join(file), folder.join(file));
            // Not `copy`, which takes over attributes and streams of a file that was downloaded.
            let bytes = fs::read(&original).map_err(|error| Failure::file(original, error))?;
            fs::write(&copy, bytes).map_err(|error| Failure::file(copy, error))?;
        }
        Ok(())
    }

    /// Deletes a copy.
    pub(super) fn discard(&self, slot: Slot) -> Result<(), Failure> {
        delete(&self.slot(slot))
    }

    /// Deletes everything.
    pub(super) fn delete(&self) -> Result<(), Failure> {
        delete(&self.0)
    }
}

fn delete(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::file(folder, error)),
        _ => Ok(()),
    }
}
