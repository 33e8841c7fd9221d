//! What the trials' kernel said.

use std::collections::BTreeSet;

use amd_svm::vmcb::VmsaveState;
use amd_svm::witness::Witness;
use anyhow::{Context as _, Result, bail};

use super::hexadecimal::bytes;
use super::refusals::Refusals;

/// A processor's capture.
#[derive(Debug)]
pub(super) struct Record {
    /// What VMSAVE stored.
    pub state: VmsaveState,
    /// The same without VMSAVE.
    pub witness: Witness,
    /// `EFER` as found, as left by the capture's own account, and as the kernel read it then.
    pub efer: [u64; 3],
}

/// A run of the kernel.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// What each trial saw, in order.
    pub saw: Vec<String>,
    /// The intrinsics that completed.
    pub executed: BTreeSet<String>,
    /// What VMRUN refused, of the VMCBs that it was tried with.
    pub refusals: Refusals,
    /// The captures, by the order in which the processors started.
    pub records: Vec<Record>,
}

impl Report {
    /// Takes the kernel's lines out of what the emulator said.
    ///
    /// # Errors
    ///
    /// If the kernel stopped before its end, or said something unknown.
    pub(super) fn parse(said: &str) -> Result<Self> {
        let mut report = Self::default();
        let mut ended = false;
        for line in said
            .lines()
            .filter_map(|line| line.trim_end().strip_prefix('@'))
        {
            let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
            match kind {
                "saw" => report.saw.push(rest.to_owned()),
                "executed" => {
                    report.executed.insert(rest.to_owned());
                }
                "record" => report.records.push(parse_record(rest)?),
                "end" => ended = true,
                _ if report.refusals.add(kind, rest)? => {}
                _ => bail!("the kernel said: {line}"),
            }
        }
        if !ended {
            bail!(
                "the kernel did not get to its end; {} trials did",
                report.saw.len()
            );
        }
        Ok(report)
    }
}

fn parse_record(text: &str) -> Result<Record> {
    let mut words = text.split(' ').skip(1);
    let mut word = || words.next().context("a short record");
    let state = bytes(word()?)?;
    let witness = bytes(word()?)?;
    let mut number = || Ok::<_, anyhow::Error>(u64::from_str_radix(word()?, 16)?);
    let efer = [number()?, number()?, number()?];
    let wrong = |what| anyhow::anyhow!("a {what} of the wrong length");
    Ok(Record {
        state: bytemuck::try_pod_read_unaligned(&state).map_err(|_| wrong("state"))?,
        witness: bytemuck::try_pod_read_unaligned(&witness).map_err(|_| wrong("witness"))?,
        efer,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_its_end_is_an_error() {
        assert!(Report::parse("@saw a: b\n").is_err());
        assert!(Report::parse("@saw a: b\n@panic at home\n@end\n").is_err());
        assert!(Report::parse("@record 0 00 00 0 0 0\n@end\n").is_err());
    }

    #[test]
    fn lines_of_the_emulator_are_passed_over() {
        let report = Report::parse("Bochs 2.7\n@saw a: b\r\n@executed svm_clgi\n@end\n").unwrap();
        assert_eq!(report.saw, ["a: b"]);
        assert!(report.executed.contains("svm_clgi"));
    }
}
