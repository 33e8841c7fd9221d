//! What a snapshot costs, in instructions: the packaged driver's own, as QEMU logged them.
//!
//! Instructions of the system's routines are not counted, because the lab's are not Windows'; the
//! calls are.

pub(crate) mod baseline;
mod broadcast;
pub(crate) mod snapshot;
mod trace;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use baseline::Change;
use broadcast::Broadcast;
use lab::mapped_image::MappedImage;
use snapshot::Snapshot;
use wdk_linux::host::step;
use xtask::artifact::Package;
use xtask::check::Check;

/// Numbers of processors that a snapshot is measured with.
pub(crate) const PROCESSORS: [u32; 7] = [1, 2, 4, 8, 16, 64, 255];

/// Figures by name.
pub(crate) type Figures = BTreeMap<String, u64>;

/// The most that a figure may be, and what the figure is.
pub(crate) const LIMITS: [(&str, u64, &str); 11] = [
    ("dpc", 300, "a DPC takes at most 300 instructions"),
    (
        "dpc.vmsave_alone",
        120,
        "VMSAVE, its support check and EFER take at most 120 instructions",
    ),
    (
        "caller.per_processor",
        150,
        "another processor costs the caller at most 150 instructions",
    ),
    (
        "critical_path.growth_percent",
        400,
        "255 processors have at most 4 times the critical path of 8",
    ),
    (
        "skew.255",
        40,
        "captures of 255 processors are at most 40 instructions apart",
    ),
    (
        "machine_skew.255",
        2_000_000,
        "if processors take turns, captures of 255 are at most 2000000 instructions apart",
    ),
    (
        "interrupts.per_processor",
        1,
        "a snapshot takes one interrupt per processor",
    ),
    ("requests.255", 1, "a snapshot takes one system call"),
    (
        "allocations",
        0,
        "a snapshot after the first allocates nothing",
    ),
    (
        "memory.per_processor",
        4096 + 512,
        "a processor has a page and at most 512 bytes of nonpaged memory",
    ),
    (
        "size.client.exe",
        1536 * 1024,
        "client.exe is at most 1.5 MiB",
    ),
];

/// The most that the figure of this name may be.
pub(crate) fn limit(name: &str) -> Option<u64> {
    let mut limits = LIMITS.iter();
    limits.find_map(|(limited, limit, _)| (*limited == name).then_some(*limit))
}

/// Holds figures against their limits and against the baseline: checks, and what is different.
pub(crate) fn judge(figures: &Figures, baseline: &Figures) -> (Vec<Check>, Vec<Change>) {
    let mut checks: Vec<Check> = LIMITS
        .iter()
        .map(|(name, limit, rule)| {
            let value = figures.get(*name).copied();
            let kept = value.is_some_and(|value| value <= *limit);
            Check::new(*rule, kept, format!("{name} is {value:?}"))
        })
        .collect();
    let changes = baseline::compare(baseline, figures);
    let too_much = changes.iter().filter(|change| change.is_too_much()).count();
    checks.push(Check::new(
        "no figure is more than 5 % from bench/baseline.json",
        too_much == 0,
        format!("{too_much} are, see above; `cargo xtask bench --update` takes them over"),
    ));
    (checks, changes)
}

/// Boots the lab with each number of processors and measures.
///
/// # Errors
///
/// When a lab does not come up, or a log is not as expected.
pub(crate) fn measure(package: &Package, kernel: &Path) -> Result<Figures> {
    let image = MappedImage::read(&package.driver)?;
    let mut snapshots = Vec::new();
    for processors in PROCESSORS {
        let what = format!("a snapshot of {processors} processors");
        snapshots.push(step(&what, |_| {
            Snapshot::take(processors, kernel, &package.driver)
        })?);
    }
    let mut figures = Figures::new();
    let entry = snapshots
        .iter()
        .find_map(Snapshot::routine)
        .context("no DPC ran on a second processor")?;
    for snapshot in &snapshots {
        let broadcast = Broadcast::of(snapshot, &image, entry)?;
        broadcast.report(&mut figures);
    }
    per_processor(&mut figures, "caller", "caller.per_processor");
    per_processor(&mut figures, "memory", "memory.per_processor");
    let of = |name: &str| figures.get(name).copied().unwrap_or_default();
    let derived = [
        (
            "critical_path.growth_percent",
            of("critical_path.255") * 100 / of("critical_path.8").max(1),
        ),
        (
            "interrupts.per_processor",
            of("interrupts.255").div_ceil(255),
        ),
    ];
    figures.extend(derived.map(|(name, value)| (name.to_owned(), value)));
    for file in [&package.driver, &package.client] {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let size = file.metadata().context("the package is incomplete")?.len();
        figures.insert(format!("size.{name}"), size);
    }
    Ok(figures)
}

/// What each further processor adds to a figure, from 8 to 64.
fn per_processor(figures: &mut Figures, name: &str, result: &str) {
    let of = |count| figures.get(&format!("{name}.{count}")).copied();
    if let (Some(few), Some(many)) = (of(8), of(64)) {
        figures.insert(result.to_owned(), many.saturating_sub(few).div_ceil(64 - 8));
    }
}
