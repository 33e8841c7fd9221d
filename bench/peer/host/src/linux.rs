//! The machine that Linux runs on: the lab's, in the same QEMU.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use amd_svm::witness::REGISTERS;
use anyhow::{Context as _, Result, bail, ensure};

use wdk_linux::host::process::{self, QUERY_LIMIT};

const QEMU: &str = "qemu-system-x86_64";

/// 64 processors take two minutes of a processor's time, on a machine that has nothing else to
/// do.
const LIMIT: Duration = Duration::from_mins(30);

/// What the kernel is told. It cannot measure how fast a processor is whose time-stamp counter
/// counts instructions, so it is told, and believes the counter; it does not test its algorithms
/// while a measurement runs; and it ends where it fails.
const COMMAND_LINE: &str =
    "console=ttyS0 quiet lpj=4000000 tsc=reliable cryptomgr.notests panic=-1";

/// What the init process begins its lines with.
const PREFIX: &str = "peer ";

/// How much of what was said is told when it went wrong.
const LAST_LINES: usize = 20;

/// What the init process said, by name.
pub(crate) struct Said(BTreeMap<String, Vec<u64>>);

impl Said {
    /// The least of the values of each quantity: the others were disturbed.
    pub(crate) fn least(&self) -> impl Iterator<Item = (&str, u64)> {
        let quantities = self.0.iter().filter(|(name, _)| name.contains('.'));
        quantities.filter_map(|(name, values)| Some((&**name, *values.iter().min()?)))
    }

    /// How many processors it read the registers of.
    fn processors(&self) -> Option<u64> {
        self.0.get("processors")?.first().copied()
    }
}

/// Boots, and waits for the end.
pub(crate) fn boot(processors: u32, kernel: &Path, initramfs: &Path) -> Result<Said> {
    let registers = REGISTERS.map(|msr| format!("{:#x}", msr.number()));
    let command_line = format!("{COMMAND_LINE} -- {}", registers.join(" "));
    let mut qemu = Command::new(QEMU);
    // As the lab has it when it counts instructions.
    qemu.args(["-icount", "shift=0"])
        .args(["-M", "microvm", "-accel", "tcg,thread=single"])
        .args(["-cpu", "max", "-smp", &processors.to_string()])
        .args(["-m", "512", "-display", "none"])
        .args(["-nodefaults", "-no-reboot", "-no-user-config"])
        .args(["-chardev", "stdio,id=console,signal=off"])
        .args(["-serial", "chardev:console"])
        .args(["-append", &command_line])
        .arg("-kernel")
        .arg(kernel)
        .arg("-initrd")
        .arg(initramfs);
    let said = process::run(&mut qemu, LIMIT)?.stdout;
    let result = parse(&said).and_then(|said| {
        let there = said.processors();
        ensure!(
            there == Some(processors.into()),
            "it has {there:?} processors"
        );
        Ok(said)
    });
    result.with_context(|| format!("Linux on {processors} processors said\n{}", end_of(&said)))
}

/// The version of QEMU.
pub(crate) fn qemu_version() -> Result<String> {
    let said = process::run(Command::new(QEMU).arg("--version"), QUERY_LIMIT)?.stdout;
    let first = said.lines().next().unwrap_or_default();
    let version = first.split_whitespace().nth(3);
    let version = version.with_context(|| format!("`{first}` names no version"))?;
    Ok(version.to_owned())
}

/// Takes the lines of the init process apart; those of the kernel are between them.
fn parse(said: &str) -> Result<Said> {
    let mut values: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in said.lines() {
        let Some((name, value)) = line
            .trim()
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once(' '))
        else {
            continue;
        };
        if name == "failed" {
            bail!("{value}");
        }
        let value = value.parse();
        let value = value.with_context(|| format!("`{line}` has no number"))?;
        values.entry(name.to_owned()).or_default().push(value);
    }
    if !values.contains_key("done") {
        bail!("it did not get to the end");
    }
    Ok(Said(values))
}

fn end_of(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim_end).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_several_rounds_counts() {
        let said = "[    0.09] PCI: Fatal\r\npeer processors 8\r\npeer lean.cost 17\r\npeer lean.cost 16\r\n\
                    peer done 0\r\n[    1.2] reboot: Restarting system\r\n";
        let said = parse(said).unwrap();
        let least: Vec<_> = said.least().collect();
        assert_eq!(least, [("lean.cost", 16)]);
        assert_eq!(said.processors(), Some(8));
    }

    #[test]
    fn whoever_does_not_get_to_the_end_has_no_figures() {
        let failed = |said: &str| parse(said).err().map(|error| error.to_string());
        let early = failed("peer lean.cost 17\r\n[  0.1] Kernel panic\r\n");
        assert_eq!(early.as_deref(), Some("it did not get to the end"));
        let told = failed("peer lean.cost 17\r\npeer failed typed: no rdmsr\r\npeer done 0\r\n");
        assert_eq!(told.as_deref(), Some("typed: no rdmsr"));
        assert!(failed("peer lean.cost 1[    0.2] and\r\npeer done 0\r\n").is_some());
    }
}
