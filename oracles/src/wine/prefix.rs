//! A Wine prefix: a Windows of its own, with its registry, its files and its running services.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use wait_timeout::ChildExt as _;
use wdk_linux::host::workspace::symbolic_link;

/// The first start fills the prefix with thousands of files; nothing else takes a tenth of it.
const LIMIT: Duration = Duration::from_mins(2);

/// A prefix, whose processes end with this value.
pub(super) struct Prefix {
    folder: PathBuf,
}

/// How a program in a prefix ended.
pub(super) struct Ended {
    /// Its exit code, if it had one.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: String,
    /// Its standard error, with Wine's own words.
    pub errors: String,
}

impl Prefix {
    /// Makes a new prefix in `folder`, in place of whatever is there.
    ///
    /// Wine was seen, once in some hundred first starts and only on a busy machine, to end its own
    /// set-up before the libraries were in place (`could not load kernel32.dll`). A prefix left so
    /// is of no use, and what is judged comes after it: it is made again, a few times.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        const TRIES: usize = 3;
        let mut errors = String::new();
        for _ in 0..TRIES {
            let prefix = Self::in_place_of(folder)?;
            fs::create_dir_all(folder)?;
            prefix.start()?;
            let ended = prefix.run("wineboot", &["--init"])?;
            if ended.code == Some(0) {
                return Ok(prefix);
            }
            errors = ended.errors;
        }
        bail!("wineboot failed {TRIES} times: {}", errors.trim_end())
    }

    /// Copies a prefix in which nothing runs to `folder`. Files are linked, since programs replace
    /// them and do not write into them; what Wine itself rewrites is copied.
    pub(super) fn copy_of(template: &Path, folder: &Path) -> Result<Self> {
        let prefix = Self::in_place_of(folder)?;
        copy_tree(template, folder)?;
        prefix.start()?;
        Ok(prefix)
    }

    fn in_place_of(folder: &Path) -> Result<Self> {
        let prefix = Self {
            folder: folder.to_owned(),
        };
        if folder.exists() {
            prefix.end()?;
            fs::remove_dir_all(folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        Ok(prefix)
    }

    /// A file on drive C, whose name is given as a path with slashes.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join("drive_c").join(name)
    }

    /// A file that the registry is kept in while nothing runs in the prefix.
    pub(super) fn registry_file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file on drive C, by the name that Windows has for it.
    pub(super) fn windows_file(&self, name: &str) -> Option<PathBuf> {
        let name = name.strip_prefix(r"C:\")?;
        Some(self.file(&name.replace('\\', "/")))
    }

    /// Runs a program of Windows to its end.
    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> Result<Ended> {
        let output = self.folder.join("stdout.txt");
        let code = self.run_into(program, arguments, &output)?;
        Ok(Ended {
            code,
            output: read(&output)?,
            errors: read(&self.errors())?,
        })
    }

    /// Runs Wine's `reg` for something that has to work. It was seen to fail without a word and
    /// without a reason that could be found, so it is tried again before that counts.
    pub(super) fn reg(&self, arguments: &[&str]) -> Result<()> {
        const TRIES: usize = 4;
        const PAUSE: Duration = Duration::from_secs(2);
        let mut last = None;
        for _ in 0..TRIES {
            let ended = self.run("reg", arguments)?;
            if ended.code == Some(0) {
                return Ok(());
            }
            last = Some(ended);
            thread::sleep(PAUSE);
        }
        let (code, errors) = last.map_or((None, String::new()), |last| (last.code, last.errors));
        bail!("reg {}: {code:?} {errors}", arguments.join(" "))
    }

    /// Runs a program of Windows to its end, with its standard output in a file.
    ///
    /// Files, because services that the program starts would keep a pipe open.
    pub(super) fn run_into(
        &self,
        program: &str,
        arguments: &[&str],
        output: &Path,
    ) -> Result<Option<i32>> {
        let mut wine = self.command("wine");
        wine.arg(program).args(arguments);
        wine.stdout(File::create(output)?);
        wine.stderr(File::create(self.errors())?);
        wait(&mut wine)
    }

    /// Ends everything that runs in the prefix, as switching the machine off and on does.
    pub(super) fn restart(&self) -> Result<()> {
        self.end()?;
        self.start()
    }

    /// Keeps the server, so that programs find services as others left them.
    fn start(&self) -> Result<()> {
        let mut server = self.command("wineserver");
        server.arg("--persistent");
        wait(&mut server).map(drop)
    }

    /// Ends the server and with it everything else, and waits until all is written.
    ///
    /// The signal is SIGINT, at which the server writes the registry before it ends. Without a number,
    /// SIGKILL follows, and on a busy machine it could come before that.
    pub(super) fn end(&self) -> Result<()> {
        for argument in ["--kill=2", "--wait"] {
            let mut server = self.command("wineserver");
            server.arg(argument);
            // There may be none.
            wait(&mut server)?;
        }
        Ok(())
    }

    fn errors(&self) -> PathBuf {
        self.folder.join("stderr.txt")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .env("WINEPREFIX", &self.folder)
            .env("WINEARCH", "win64")
            .env("WINEDEBUG", "-all")
            // Neither is needed, and both would be asked for.
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env("LC_ALL", "C")
            .env_remove("DISPLAY");
        command
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        // A caller that needs to know whether it worked has called it.
        let _ = self.end();
    }
}

fn wait(command: &mut Command) -> Result<Option<i32>> {
    let name = command.get_program().display().to_string();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let Some(status) = child.wait_timeout(LIMIT)? else {
        child.kill()?;
        child.wait()?;
        bail!("{name} took longer than {} s", LIMIT.as_secs());
    };
    Ok(status.code())
}

fn read(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n"))
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot create {}", to.display()))?;
    for entry in from.read_dir()? {
        let entry = entry?;
        let (original, copy) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_tree(&original, &copy)?;
        } else if kind.is_symlink() {
            symbolic_link(&fs::read_link(&original)?, &copy)?;
        } else if original.extension().is_some_and(|kind| kind == "reg") {
            fs::copy(&original, &copy)?;
        } else {
            fs::hard_link(&original, &copy)?;
        }
    }
    Ok(())
}
