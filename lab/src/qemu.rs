//! QEMU as a child process that never outlives its parent.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, thread};

use crate::monitor::Monitor;
use crate::{Config, Error};

/// Port of the device that the kernel ends QEMU through.
const EXIT_DEVICE: &str = "isa-debug-exit,iobase=0xf4,iosize=4";

/// What makes QEMU write an instruction log.
#[derive(Debug)]
pub(crate) struct Tracing {
    /// Appended to the accelerator's options.
    pub accelerator_options: &'static str,
    /// Arguments.
    pub arguments: Vec<OsString>,
}

/// A running QEMU. Dropping it kills and reaps it.
///
/// On Linux the kernel kills it too when the thread that started it ends, so
/// that a killed test leaves no emulator behind: keep a [`crate::Lab`] in the
/// thread that booted it.
#[derive(Debug)]
pub(crate) struct Qemu {
    child: Child,
    stderr: Arc<Mutex<String>>,
    stderr_reader: Option<thread::JoinHandle<()>>,
}

/// The guest's ends of the byte stream.
#[derive(Debug)]
pub(crate) struct Pipes {
    /// To the guest.
    pub input: ChildStdin,
    /// From the guest.
    pub output: ChildStdout,
}

impl Qemu {
    /// Starts QEMU.
    pub(crate) fn start(
        config: &Config,
        kernel: &Path,
        driver: &Path,
        tracing: Option<&Tracing>,
        monitor: Option<&Monitor>,
    ) -> Result<(Self, Pipes), Error> {
        let program =
            find_program(&config.qemu).ok_or_else(|| Error::QemuMissing(config.qemu.clone()))?;
        let mut child = guarded_command(&program)
            .args(arguments(config, kernel, driver, tracing, monitor)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Error::Start)?;
        let (Some(input), Some(output), Some(mut messages)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            unreachable!("all three were asked for");
        };
        let stderr = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&stderr);
        let stderr_reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            // What was read before an error is all that there is.
            let _ = messages.read_to_end(&mut bytes);
            *collected.lock().unwrap_or_else(PoisonError::into_inner) =
                String::from_utf8_lossy(&bytes).into_owned();
        });
        let qemu = Self {
            child,
            stderr,
            stderr_reader: Some(stderr_reader),
        };
        Ok((qemu, Pipes { input, output }))
    }

    /// Waits for QEMU to end by itself, but not for long: it is killed then.
    pub(crate) fn finish(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    self.join_stderr();
                    return Some(status);
                }
                Ok(None) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(1));
                }
                _ => {
                    self.kill();
                    return None;
                }
            }
        }
    }

    /// What QEMU wrote to its standard error output, complete once it has ended.
    pub(crate) fn stderr(&self) -> String {
        self.stderr
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn kill(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.join_stderr();
    }

    fn join_stderr(&mut self) {
        if let Some(reader) = self.stderr_reader.take() {
            // The thread cannot panic.
            let _ = reader.join();
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The program itself if it is a path, else where `PATH` has it.
fn find_program(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// A command that is killed when its parent ends: by util-linux' setpriv, where there is one.
fn guarded_command(program: &Path) -> Command {
    match find_program(Path::new("setpriv")) {
        Some(setpriv) if cfg!(target_os = "linux") => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL"]).arg(program);
            command
        }
        _ => Command::new(program),
    }
}

fn arguments(
    config: &Config,
    kernel: &Path,
    driver: &Path,
    tracing: Option<&Tracing>,
    monitor: Option<&Monitor>,
) -> Result<Vec<OsString>, Error> {
    let name = driver
        .file_name()
        .and_then(|name| name.to_str())
        .filter(|name| !name.contains(char::is_whitespace))
        .ok_or_else(|| Error::Config(format!("{} is no plain file name", driver.display())))?;
    let mut arguments: Vec<OsString> = Vec::new();
    let mut accelerator = String::from("tcg,thread=");
    if config.count_instructions {
        arguments.extend(["-icount", "shift=0"].map(OsString::from));
        accelerator.push_str("single");
    } else {
        accelerator.push_str("multi");
    }
    if let Some(tracing) = tracing {
        accelerator.push_str(tracing.accelerator_options);
        arguments.extend(tracing.arguments.iter().cloned());
    }
    if let Some(monitor) = monitor {
        arguments.extend(["-monitor".into(), monitor.option()]);
    }
    let mut add = |more: &[&str]| arguments.extend(more.iter().map(OsString::from));
    add(&["-M", "microvm", "-accel", &accelerator]);
    add(&["-cpu", &config.processor_model]);
    add(&["-smp", &config.processors.to_string()]);
    add(&["-m", &config.memory.to_string()]);
    add(&[
        "-display",
        "none",
        "-nodefaults",
        "-no-reboot",
        "-no-user-config",
    ]);
    add(&["-device", EXIT_DEVICE]);
    add(&[
        "-chardev",
        "stdio,id=ctl,signal=off",
        "-serial",
        "chardev:ctl",
    ]);
    add(&["-append", &config.command_line(name)]);
    arguments.extend(["-kernel".into(), kernel.into()]);
    arguments.extend(["-initrd".into(), driver.into()]);
    arguments.extend(config.qemu_arguments.iter().cloned());
    Ok(arguments)
}
