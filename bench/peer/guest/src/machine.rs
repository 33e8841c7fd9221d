//! What an init process has to do: a minimum of file systems, the module, and the end.

use std::fs::{self, File};
use std::thread;

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};

/// The module that makes `/dev/cpu/N/msr`.
const MODULE: &str = "/msr.ko";

/// Makes the files of `/dev`, those of the registers among them.
pub(crate) fn prepare() -> Result<()> {
    fs::create_dir_all("/dev").context("making /dev")?;
    mount("devtmpfs", "/dev", "devtmpfs", MountFlags::empty(), None).context("mounting /dev")?;
    let module = File::open(MODULE).context("opening the module")?;
    finit_module(module, c"", 0).context("loading the module")
}

/// Ends the machine: it was told to end instead of starting again.
pub(crate) fn end() -> ! {
    // An init process that returned would be a panic of the kernel, which ends the machine too.
    let _ = reboot(RebootCommand::Restart);
    loop {
        thread::park();
    }
}
