//! Folders below the target folder that are filled once, however many programs ask for them.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};

/// In a folder, what it was made from: written when all of it is there.
const MADE_FROM: &str = "made-from.txt";

/// Has `make` fill `folder` unless it was made from the same description before, with every
/// other process kept out meanwhile.
///
/// The folder is made in its place, since the programs in it name it; what says that it is whole
/// comes last.
pub(crate) fn once(folder: &Path, wanted: &str, make: impl FnOnce() -> Result<()>) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // Beside the folder, which is emptied. The system takes the lock back when the file is closed,
    // however this process ends.
    let lock = folder.with_extension("lock");
    let lock = File::create(&lock).with_context(|| format!("cannot create {}", lock.display()))?;
    lock.lock().context("cannot lock the folder")?;
    let mark = folder.join(MADE_FROM);
    if fs::read_to_string(&mark).is_ok_and(|present| present == wanted) {
        return Ok(());
    }
    make()?;
    fs::write(&mark, wanted).with_context(|| format!("cannot write {}", mark.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use anyhow::bail;

    use super::*;

    #[test]
    fn those_who_ask_at_once_get_one_that_is_whole_and_made_once() {
        const ASKING: usize = 8;
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("environment");
        let (made, start) = (AtomicU32::new(0), Barrier::new(ASKING));
        thread::scope(|scope| {
            for _ in 0..ASKING {
                scope.spawn(|| {
                    start.wait();
                    once(&folder, "a==1", || {
                        made.fetch_add(1, Ordering::SeqCst);
                        // A program that came too early would find half of it.
                        fs::write(folder.join("first"), "")?;
                        thread::yield_now();
                        fs::write(folder.join("second"), "")?;
                        Ok(())
                    })
                    .unwrap();
                    assert!(folder.join("second").exists());
                });
            }
        });
        assert_eq!(made.into_inner(), 1);
    }

    #[test]
    fn one_that_could_not_be_made_or_has_other_requirements_is_made_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("environment");
        let mut made = Vec::new();
        assert!(once(&folder, "a==1", || bail!("no network")).is_err());
        for wanted in ["a==1", "a==1", "a==2"] {
            once(&folder, wanted, || {
                made.push(wanted);
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(made, ["a==1", "a==2"]);
    }
}
