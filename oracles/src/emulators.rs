//! Proof that `amd-svm` does on processors what it says: its own trials' kernel, booted in two
//! emulators that share no code, in 64-bit and in 32-bit code.

mod emulator;
mod encoding;
mod expectation;
mod external_consumer;
mod hexadecimal;
mod image;
mod record;
mod refusals;
mod report;

use std::fmt;

use anyhow::{Context as _, Result};
use wdk_linux::host;
use wdk_linux::host::Workspace;
use wdk_linux::host::step;
use xtask::needs;

use self::emulator::Emulator;
use self::image::Width;
use self::report::Report;
use crate::Verdict;
use crate::version::Version;

/// The intrinsics, in the order of their encoding.
const INTRINSICS: [&str; 7] = [
    "svm_vmrun",
    "svm_vmload",
    "svm_vmsave",
    "svm_stgi",
    "svm_clgi",
    "svm_skinit",
    "svm_invlpga",
];

/// Numbers of processors that the capture runs on.
const PROCESSORS: [usize; 3] = [1, 2, 4];

/// What was found, and whether it is as it should be.
#[derive(Debug)]
pub(crate) struct Fact {
    /// What should be.
    pub rule: String,
    /// What was found instead.
    pub violation: Option<String>,
}

impl Fact {
    fn new(rule: String, holds: bool, found: impl FnOnce() -> String) -> Self {
        let violation = (!holds).then(found);
        Self { rule, violation }
    }
}

/// An emulated processor that runs code of one width.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Machine {
    emulator: Emulator,
    width: Width,
}

impl Machine {
    const ALL: [Self; 4] = [
        Self::new(Emulator::Qemu, Width::Bits64),
        Self::new(Emulator::Qemu, Width::Bits32),
        Self::new(Emulator::Bochs, Width::Bits64),
        Self::new(Emulator::Bochs, Width::Bits32),
    ];

    const fn new(emulator: Emulator, width: Width) -> Self {
        Self { emulator, width }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.emulator, self.width)
    }
}

/// All facts, and who executed what.
pub(crate) struct Proof {
    /// The facts.
    pub facts: Vec<Fact>,
    qemu: Version,
    bochs: Version,
    executed: Vec<(Machine, [&'static str; INTRINSICS.len()])>,
    notes: Vec<String>,
}

/// Prints which processor executed which intrinsic, and compares what they did.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    let proof = prove(workspace)?;
    print!("{proof}");
    let mut verdict = Verdict::default();
    for fact in proof.facts {
        let violation = fact.violation;
        verdict.add(violation.map(|found| format!("{}: {found}", fact.rule)));
    }
    Ok(verdict)
}

/// Builds the crate as a package outside the workspace does, checks what it emits, boots it everywhere, and compares.
pub(crate) fn prove(workspace: &Workspace) -> Result<Proof> {
    host::ensure(workspace, needs::EMULATORS, needs::TARGETS)?;
    let mut proof = Proof {
        qemu: Emulator::Qemu.version()?,
        bochs: Emulator::Bochs.version()?,
        facts: encoding::check(workspace)?,
        executed: Vec::new(),
        notes: Vec::new(),
    };
    let kernels = [Width::Bits64, Width::Bits32].map(|width| image::build(workspace, width));
    let [long, short] = kernels;
    let (long, short) = (long?, short?);
    let kernel = |width| match width {
        Width::Bits64 => &long,
        Width::Bits32 => &short,
    };
    for processors in PROCESSORS {
        let mut reports = Vec::new();
        for machine in Machine::ALL {
            let report = step(
                &format!("trials: {machine}, {processors} processors"),
                |_| boot(workspace, machine, kernel(machine.width), processors),
            )?;
            let version = proof.version_of(machine.emulator);
            proof
                .facts
                .extend(expectation::check(machine, version, processors, &report));
            proof
                .facts
                .extend(record::check(machine, processors, &report));
            if machine.width == Width::Bits64 && processors == 1 {
                let judgement = report.refusals.judge(machine, version)?;
                proof.facts.extend(judgement.facts);
                proof.notes.extend(judgement.notes);
            }
            reports.push((machine, report));
        }
        for width in [Width::Bits64, Width::Bits32] {
            let of = |emulator| {
                reports
                    .iter()
                    .find(|(machine, _)| *machine == Machine::new(emulator, width))
                    .map(|(_, report)| report)
                    .context("every machine has run")
            };
            let (qemu, bochs) = (of(Emulator::Qemu)?, of(Emulator::Bochs)?);
            proof.facts.extend(record::compare(width, qemu, bochs));
        }
        for (machine, report) in reports {
            proof.note(machine, &report);
        }
    }
    Ok(proof)
}

fn boot(
    workspace: &Workspace,
    machine: Machine,
    kernel: &[u8],
    processors: usize,
) -> Result<Report> {
    let folder = workspace
        .target()
        .join("trials")
        .join(machine.to_string().replace(' ', "-"));
    let image = image::for_processors(kernel, processors, machine.emulator.is_spared())?;
    let said = emulator::run(machine.emulator, &folder, &image, processors)?;
    Report::parse(&said).with_context(|| format!("{machine} with {processors} processors"))
}

impl Proof {
    fn version_of(&self, emulator: Emulator) -> Version {
        match emulator {
            Emulator::Qemu => self.qemu,
            Emulator::Bochs => self.bochs,
        }
    }

    /// An intrinsic that completed has been executed; of the others, whether `#UD` was seen.
    fn note(&mut self, machine: Machine, report: &Report) {
        let answers = INTRINSICS.map(|intrinsic| {
            let refused = format!("svme-clear: {intrinsic} raises #UD ");
            if report.executed.contains(intrinsic) {
                "yes"
            } else if report.saw.iter().any(|line| line.starts_with(&refused)) {
                "#UD"
            } else {
                "no"
            }
        });
        if !self.executed.iter().any(|(known, _)| *known == machine) {
            self.executed.push((machine, answers));
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "QEMU {}, Bochs {}", self.qemu, self.bochs)?;
        write!(f, "{:<12}", "executed by")?;
        for (machine, _) in &self.executed {
            write!(f, "  {:<8}", machine.to_string())?;
        }
        writeln!(f)?;
        for (index, intrinsic) in INTRINSICS.into_iter().enumerate() {
            write!(f, "{intrinsic:<12}")?;
            for (_, answers) in &self.executed {
                write!(f, "  {:<8}", answers[index])?;
            }
            writeln!(f)?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        Ok(())
    }
}
