//! A fleet in files: machines that differ as healthy ones do, made from one real snapshot, and a few
//! among them that a query has to find.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use client::{Capture, Snapshot, Timestamp};

/// Builds of the system, of which each machine has one.
const BUILDS: [&str; 3] = ["10.0.22631.4317", "10.0.26100.4652", "10.0.26100.6584"];

/// A build that one machine alone has.
const RARE: &str = "10.0.27943.1";

/// A build of two machines that differ.
const OF_TWO: &str = "10.0.20348.2700";

/// A build of machines that are not named by their snapshots.
const UNNAMED: &str = "10.0.19045.5011";

/// How far the entry points of one build are from those of the one before.
const BUILD_STEP: u64 = 0x40;

/// How far an entry point is moved where it is not to be.
const MOVED: u64 = 0x10;

/// Kernels are loaded at multiples of this.
const ALIGNMENT: u64 = 0x20_0000;

/// At how many places a kernel may be loaded.
const PLACES: u64 = 512;

/// The moment of the first snapshot, since 1970: the first of November 2026.
const BEGUN: Duration = Duration::from_hours(24 * 20_758);

const DAY: Duration = Duration::from_hours(24);

/// The least that all kinds have room in.
pub(super) const FEWEST: u32 = 140;

/// The machines that are not like the others, by number.
mod planted {
    pub(super) const HOOKED: u32 = 17;
    pub(super) const ONE_PROCESSOR: u32 = 40;
    pub(super) const WITHOUT_MODULES: u32 = 63;
    pub(super) const WITHOUT_WITNESS: u32 = 77;
    pub(super) const DRIFTED: u32 = 90;
    /// One processor is not as the others, and another one the next day.
    pub(super) const WANDERED: u32 = 95;
    pub(super) const CUT_OFF: u32 = 101;
    pub(super) const RESTARTED: u32 = 102;
    /// Two that are as they should be, and one that is not, on one build.
    pub(super) const ANONYMOUS: [u32; 2] = [103, 106];
    pub(super) const ANONYMOUS_HOOKED: u32 = 109;
    pub(super) const UPDATED: u32 = 110;
    pub(super) const RARE: u32 = 120;
    pub(super) const FIRST_OF_TWO: u32 = 130;
    pub(super) const SECOND_OF_TWO: u32 = 131;
    /// All of a build.
    pub(super) const UNNAMED: [u32; 3] = [133, 134, 135];
}

/// What the queries have to answer, by the names of their files: the hosts, or the file of what is no
/// snapshot, or of one that does not name its machine; or builds with the number of their machines.
pub(super) type Answers = BTreeMap<&'static str, BTreeSet<String>>;

/// Writes the snapshots of so many machines into a folder, which must not exist; returns what there
/// is to be found in them.
///
/// # Errors
///
/// If there are too few, the snapshot is none to make others from, or a file cannot be written.
pub(super) fn write(original: &Snapshot, machines: u32, folder: &Path) -> Result<Answers> {
    ensure!(machines >= FEWEST, "a fleet has at least {FEWEST} machines");
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut builds: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for number in 0..machines {
        for (day, snapshot) in snapshots(original, number)?.into_iter().enumerate() {
            let mut json = snapshot.to_json()?;
            if number == planted::CUT_OFF {
                json.truncate(json.len() / 2);
            } else if let Some(build) = snapshot.machine.os_build {
                builds.entry(build).or_default().insert(number);
            }
            let path = file(folder, number, day);
            fs::write(&path, json).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    let mut answers = answers(folder);
    let builds = builds.iter();
    let builds = builds.map(|(build, machines)| count(build, machines.len()));
    answers.insert("builds", builds.collect());
    Ok(answers)
}

/// How the number of a build's machines is told.
pub(super) fn count(build: &str, machines: impl Display) -> String {
    format!("{build}: {machines}")
}

fn file(folder: &Path, number: u32, day: usize) -> PathBuf {
    folder.join(format!("{}-{day}.json", host(number)))
}

fn host(number: u32) -> String {
    format!("WS-{number:05}")
}

fn answers(folder: &Path) -> Answers {
    use planted::{
        ANONYMOUS_HOOKED, CUT_OFF, DRIFTED, FIRST_OF_TWO, HOOKED, ONE_PROCESSOR, SECOND_OF_TWO,
        WANDERED, WITHOUT_MODULES, WITHOUT_WITNESS,
    };
    let hosts = |numbers: &[u32]| numbers.iter().copied().map(host).collect();
    let and_file = |mut hosts: BTreeSet<String>, number: u32| {
        hosts.insert(file(folder, number, 0).display().to_string());
        hosts
    };
    let odd = hosts(&[
        HOOKED,
        ONE_PROCESSOR,
        WITHOUT_MODULES,
        DRIFTED,
        WANDERED,
        FIRST_OF_TWO,
        SECOND_OF_TWO,
    ]);
    let not_judged = hosts(&[WITHOUT_MODULES, WITHOUT_WITNESS]);
    let found = hosts(&[HOOKED, ONE_PROCESSOR, WANDERED]);
    BTreeMap::from([
        ("odd-lstar", and_file(odd, ANONYMOUS_HOOKED)),
        ("uneven-processors", hosts(&[ONE_PROCESSOR, WANDERED])),
        ("drift", hosts(&[DRIFTED, WANDERED])),
        ("not-judged", and_file(not_judged, CUT_OFF)),
        ("findings", and_file(found, ANONYMOUS_HOOKED)),
    ])
}

/// The snapshots of one machine, a day apart.
fn snapshots(original: &Snapshot, number: u32) -> Result<Vec<Snapshot>> {
    let kind = usize::try_from(number)? % BUILDS.len();
    let place = u64::from(number).wrapping_mul(0x9E37) % PLACES;
    let offset = BUILD_STEP * u64::try_from(kind)?;
    let first = machine(original, number, BUILDS[kind], place, offset)?;
    Ok(match number {
        planted::HOOKED => vec![hooked(first)?],
        planted::ANONYMOUS_HOOKED => vec![anonymous(hooked(first)?)],
        number if planted::ANONYMOUS.contains(&number) => vec![anonymous(first)],
        number if planted::UNNAMED.contains(&number) => {
            vec![anonymous(machine(original, number, UNNAMED, place, 0x900)?)]
        }
        planted::ONE_PROCESSOR => vec![with_entry(first, 1)],
        planted::WANDERED => {
            let later = with_entry(first.clone(), 2);
            vec![with_entry(first, 1), a_day_later(later)?]
        }
        planted::WITHOUT_MODULES => {
            let mut snapshot = first;
            snapshot.modules.clear();
            vec![snapshot]
        }
        planted::WITHOUT_WITNESS => {
            let mut snapshot = first;
            for capture in captures(&mut snapshot) {
                capture.witness = None;
            }
            vec![snapshot]
        }
        planted::DRIFTED => {
            let later = with_entries(first.clone(), |_, lstar| Some(lstar + MOVED));
            vec![first, a_day_later(later)?]
        }
        planted::RESTARTED => {
            let later = machine(original, number, BUILDS[kind], (place + 1) % PLACES, offset)?;
            vec![first, a_day_later(later)?]
        }
        planted::UPDATED => {
            let next = (kind + 1) % BUILDS.len();
            let offset = BUILD_STEP * u64::try_from(next)?;
            let later = machine(original, number, BUILDS[next], place, offset)?;
            vec![first, a_day_later(later)?]
        }
        planted::RARE => vec![machine(original, number, RARE, place, 0x800)?],
        planted::FIRST_OF_TWO => vec![machine(original, number, OF_TWO, place, 0x400)?],
        planted::SECOND_OF_TWO => vec![machine(original, number, OF_TWO, place, 0x440)?],
        _ => vec![first],
    })
}

/// A machine with the kernel at one of the places, and its entry points so far behind those of the
/// original.
fn machine(
    original: &Snapshot,
    number: u32,
    build: &str,
    place: u64,
    offset: u64,
) -> Result<Snapshot> {
    let below = place * ALIGNMENT;
    let mut snapshot = original.clone();
    snapshot.machine.host = Some(host(number));
    snapshot.machine.os = Some("Windows 11 Enterprise".to_owned());
    snapshot.machine.os_build = Some(build.to_owned());
    let taken_at = Timestamp::since_1970(BEGUN + Duration::from_secs(number.into()));
    snapshot.taken_at = Some(taken_at.context("a fleet of another millennium")?);
    let kernel = snapshot
        .modules
        .first_mut()
        .context("no kernel in the snapshot")?;
    kernel.base -= below;
    for capture in captures(&mut snapshot) {
        let mut moved = capture.vmsave.system_call;
        for entry in [&mut moved.lstar, &mut moved.cstar] {
            *entry = *entry - below + offset;
        }
        set_entries(capture, moved.lstar, moved.cstar);
    }
    Ok(snapshot)
}

/// The snapshot with SYSCALL entering a driver.
fn hooked(snapshot: Snapshot) -> Result<Snapshot> {
    let driver = snapshot.modules.last();
    let driver = driver.context("no driver in the snapshot")?;
    let target = driver.base + 0x1000 + MOVED;
    Ok(with_entries(snapshot, |_, _| Some(target)))
}

fn anonymous(mut snapshot: Snapshot) -> Snapshot {
    snapshot.make_anonymous();
    snapshot
}

fn a_day_later(mut snapshot: Snapshot) -> Result<Snapshot> {
    let number: u64 = {
        let host = snapshot.machine.host.as_deref().unwrap_or_default();
        host.trim_start_matches("WS-").parse()?
    };
    let moment = BEGUN + Duration::from_secs(number) + DAY;
    snapshot.taken_at = Timestamp::since_1970(moment);
    Ok(snapshot)
}

/// The snapshot with another entry of SYSCALL on one processor.
fn with_entry(snapshot: Snapshot, processor: u32) -> Snapshot {
    with_entries(snapshot, |index, lstar| {
        (index == processor).then_some(lstar + MOVED)
    })
}

/// The snapshot with other entries of SYSCALL, on the processors for which there is one.
fn with_entries(mut snapshot: Snapshot, other: impl Fn(u32, u64) -> Option<u64>) -> Snapshot {
    for processor in &mut snapshot.processors {
        if let Ok(capture) = &mut processor.result {
            let entries = capture.vmsave.system_call;
            if let Some(lstar) = other(processor.id.index, entries.lstar) {
                set_entries(capture, lstar, entries.cstar);
            }
        }
    }
    snapshot
}

/// Where SYSCALL enters the kernel, as VMSAVE stored it and as it was read without it.
fn set_entries(capture: &mut Capture, lstar: u64, cstar: u64) {
    capture.vmsave.system_call.lstar = lstar;
    capture.vmsave.system_call.cstar = cstar;
    if let Some(Ok(witness)) = &mut capture.witness {
        witness.system_call.lstar = lstar;
        witness.system_call.cstar = cstar;
    }
}

fn captures(snapshot: &mut Snapshot) -> impl Iterator<Item = &mut Capture> {
    let processors = snapshot.processors.iter_mut();
    processors.filter_map(|processor| processor.result.as_mut().ok())
}
