//! What VMRUN refuses: `amd_svm::vmcb::consistency` against what the emulators do.
//!
//! Each runs a VMCB for every condition, and fuzzed ones. Whether it refuses one has to follow from
//! the conditions and from the emulator's known differences: those of [`deviations`], by version. An
//! emulator of another version is compared, and what differs is said, but it is not judged: its
//! differences are not listed.

mod answers;
mod deviations;

use std::collections::BTreeSet;

use amd_svm::vmcb::consistency::{Capabilities, Condition, broken};
use amd_svm::vmcb::{ExitCode, Vmcb};
use anyhow::{Context as _, Result, bail};

use self::deviations::Deviation;
use super::hexadecimal::bytes;
use super::{Fact, Machine};
use crate::version::Version;

/// As many fuzzed VMCBs that were not predicted are named.
const NAMED: usize = 8;

/// What the trials' kernel said of the VMCBs that it ran.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    machine: Option<Capabilities>,
    sound: Option<Box<Vmcb>>,
    enters: Vec<ExitCode>,
    breaking: Vec<(Condition, ExitCode)>,
    fuzzed: Vec<ExitCode>,
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    /// What has to hold.
    pub facts: Vec<Fact>,
    /// What is worth to know, and not judged.
    pub notes: Vec<String>,
}

impl Refusals {
    /// Takes over a line of the kernel, if it is one about this.
    ///
    /// # Errors
    ///
    /// If the line is not as the kernel writes it.
    pub(super) fn add(&mut self, kind: &str, rest: &str) -> Result<bool> {
        let code = |text: &str| {
            let code = u64::from_str_radix(text, 16);
            code.map(ExitCode).with_context(|| format!("VMRUN: {text}"))
        };
        match kind {
            "machine" => self.machine = Some(machine(rest)?),
            "sound" => {
                let page = bytes(rest)?.try_into();
                let page = page.map_err(|_| anyhow::anyhow!("a VMCB of the wrong length"))?;
                self.sound = Some(Box::new(Vmcb::from_page(page)));
            }
            "enters" => self.enters.push(code(rest)?),
            "breaking" => {
                let (name, text) = rest.split_once(' ').context("a short line")?;
                let condition = Condition::named(name);
                let condition = condition.with_context(|| format!("no condition {name}"))?;
                self.breaking.push((condition, code(text)?));
            }
            "fuzzed" => {
                let (number, text) = rest.split_once(' ').context("a short line")?;
                if number.parse() != Ok(self.fuzzed.len()) {
                    bail!("fuzzed VMCB {number} is out of order");
                }
                self.fuzzed.push(code(text)?);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Holds the answers of an emulator against what they should be.
    ///
    /// # Errors
    ///
    /// If the kernel did not say what it started from.
    pub(super) fn judge(&self, on: Machine, version: Version) -> Result<Judgement> {
        let machine = self.machine.as_ref().context("no machine was told")?;
        let sound = self.sound.as_deref().context("no VMCB was told")?;
        let judge = Judge {
            on,
            machine,
            seen: BTreeSet::new(),
        };
        let known = deviations::are_known(on.emulator, version);
        let mut judgement = judge.compare(self, sound);
        if !known {
            let differing = judgement.facts.drain(..).filter_map(|fact| fact.violation);
            let notes: Vec<_> = differing.collect();
            judgement.notes = vec![format!(
                "{} {version} is not judged by what VMRUN refuses, because its differences are not \
                 listed in oracles/src/emulators/refusals/deviations.rs; of what is listed of {}, {} \
                 things are otherwise here",
                on.emulator,
                deviations::known(on.emulator),
                notes.len()
            )];
            judgement.notes.extend(notes);
        }
        // Whatever the version, the trial has to have taken place.
        judgement.facts.extend(self.took_place(on));
        Ok(judgement)
    }

    fn took_place(&self, on: Machine) -> [Fact; 2] {
        let entered = self.enters == [ExitCode::VMMCALL; 2];
        let fuzzed = self.fuzzed.len();
        [
            Fact::new(
                format!("{on}: VMRUN enters a guest that breaks nothing, nested or not"),
                entered,
                || format!("exits are {:?}", self.enters),
            ),
            Fact::new(
                format!("{on}: all fuzzed VMCBs are run"),
                fuzzed == svm_cases::FUZZED as usize,
                || format!("{fuzzed} are"),
            ),
        ]
    }
}

/// A comparison with one emulator.
struct Judge<'a> {
    on: Machine,
    machine: &'a Capabilities,
    /// The names of the differences that something rested on.
    seen: BTreeSet<&'static str>,
}

impl Judge<'_> {
    fn compare(mut self, refusals: &Refusals, sound: &Vmcb) -> Judgement {
        let on = self.on;
        let mut facts = Vec::new();
        for condition in Condition::ALL {
            let run = refusals.breaking.iter().find(|(run, _)| *run == condition);
            facts.push(self.one(condition, run.map(|(_, code)| *code), sound));
        }
        let mut missed = Vec::new();
        for (number, code) in (0..).zip(&refusals.fuzzed) {
            let mut vmcb = *sound;
            svm_cases::fuzz(number, &mut vmcb, self.machine, on.emulator.is_spared());
            let refused = self.predicts(&vmcb);
            if refused != code.is_invalid() {
                let conditions: Vec<_> = broken(&vmcb, self.machine).collect();
                missed.push(format!("{number} exits with {code}, breaks {conditions:?}"));
            }
        }
        let fuzzed = refusals.fuzzed.len();
        facts.push(Fact::new(
            format!("{on}: whether each of {fuzzed} fuzzed VMCBs is refused is known before"),
            missed.is_empty(),
            || {
                let named = missed.len().min(NAMED);
                format!(
                    "of {} it was not: {}",
                    missed.len(),
                    missed[..named].join("; ")
                )
            },
        ));
        for deviation in Deviation::of(on.emulator) {
            facts.push(Fact::new(
                format!("{on}: {} is seen", deviation.name),
                self.seen.contains(deviation.name),
                || "no VMCB showed it".to_owned(),
            ));
        }
        Judgement {
            facts,
            notes: Vec::new(),
        }
    }

    /// The VMCB that breaks one condition.
    fn one(&mut self, condition: Condition, code: Option<ExitCode>, sound: &Vmcb) -> Fact {
        let on = self.on;
        let mut vmcb = *sound;
        let tried = svm_cases::breaks(condition, &mut vmcb, self.machine)
            && !answers::is_spared(on.emulator, condition);
        let there = condition.is_broken(&vmcb, self.machine);
        let refused = self.predicts(&vmcb);
        let expected = (tried, there, refused);
        let found = match code {
            Some(code) => (true, there, code.is_invalid()),
            None => (false, there, refused),
        };
        let listed = answers::is_there(on.emulator, condition);
        Fact::new(
            format!("{on}: {condition} is answered as listed"),
            expected == found && (!tried || there == listed),
            || {
                format!(
                    "exits with {code:?}; (tried, there, refused) is {found:?}, not {expected:?}, \
                     and listed as there: {listed}"
                )
            },
        )
    }

    /// Whether the emulator refuses a VMCB, by the conditions and by its own ways.
    fn predicts(&mut self, vmcb: &Vmcb) -> bool {
        let own = || Deviation::of(self.on.emulator);
        let mut refused = false;
        for condition in broken(vmcb, self.machine) {
            let accepts = own().find(|deviation| {
                deviation.accepts == Some(condition) && (deviation.applies)(vmcb, self.machine)
            });
            match accepts {
                Some(deviation) => {
                    self.seen.insert(deviation.name);
                }
                None => refused = true,
            }
        }
        for deviation in own().filter(|deviation| deviation.accepts.is_none()) {
            if (deviation.applies)(vmcb, self.machine) {
                self.seen.insert(deviation.name);
                refused = true;
            }
        }
        refused
    }
}

/// The capabilities as the kernel prints them.
fn machine(text: &str) -> Result<Capabilities> {
    let numbers: Vec<u64> = text
        .split(' ')
        .map(|word| u64::from_str_radix(word, 16))
        .collect::<Result<_, _>>()?;
    let [width, efer, cr4, features, x2avic, sev, paging, long] = numbers[..] else {
        bail!("a machine of {} numbers", numbers.len());
    };
    let mut machine = Capabilities::ANY;
    machine.physical_address_bits = width.try_into()?;
    machine.efer = efer.into();
    machine.cr4 = cr4.into();
    machine.features = u32::try_from(features)?.into();
    machine.x2avic_extended = x2avic != 0;
    machine.sev_asids = sev.try_into()?;
    machine.host_paging = paging != 0;
    machine.host_long_mode = long != 0;
    Ok(machine)
}

#[cfg(test)]
mod tests;
