//! Wine, a second system: its loader, service control manager, I/O manager and exception
//! dispatcher run the packaged files.
//!
//! Wine lacks routines that the driver imports (`LACKING`). A driver for tests
//! (`oracles/wine/supplement`) lends the loaded image those that one or the other version lacks, and
//! what passes through them proves nothing.

mod lifecycle;
mod prefix;
mod residue;
mod set_up;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use object::Object as _;
use object::read::pe::PeFile64;
use wdk_linux::host;
use wdk_linux::host::Workspace;
use wdk_linux::host::step;
use wdk_linux::host::workspace::read_text;
use xtask::artifact::{self, Package, Profile, driver};
use xtask::inf::Document as Inf;
use xtask::needs;

use self::prefix::Prefix;
use self::residue::{Trace, View};
use crate::Verdict;
use crate::version::Version;

/// Imports of `svmsave.sys` that Wine 8.0 lacks, each with the version that was seen to have it. A
/// driver that needs more fails here, and so does a Wine that has other ones.
const LACKING: [(&str, Option<Version>); 4] = [
    ("ExAllocatePool2", Some(Version::new(10, 0))),
    ("KeGetProcessorNumberFromIndex", None),
    ("KeQueryLogicalProcessorRelationship", None),
    ("MmAllocateContiguousNodeMemory", None),
];

/// How often everything is done, from a fresh prefix each time.
const LIFECYCLES: usize = 10;

/// The folder on drive C that the package is installed from.
const SOURCE: &str = "package";

/// The service of the driver that lends.
const SUPPLEMENT: &str = "supplement";

/// What is installed and run.
struct Staged {
    package: Package,
    inf: Inf,
    supplement: PathBuf,
    requests: PathBuf,
    wine: Version,
}

/// Asks Wine about what `cargo xtask oracles` builds.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    host::ensure(workspace, &[needs::WINE], &[needs::CLIENT_TARGET])?;
    let staged = Staged::prepare(workspace)?;
    let folder = workspace.target().join("wine");
    let template = folder.join("template");
    let mut verdict = Verdict::default();
    let before = step("a Wine prefix", |_| {
        let prefix = Prefix::create(&template)?;
        let kernel = fs::read(prefix.file("windows/system32/ntoskrnl.exe"))?;
        verdict.absorb(
            "imports",
            imports(&fs::read(&staged.package.driver)?, &kernel, staged.wine)?,
        );
        prepare(&prefix, &staged)?;
        settled(&prefix, |_| Ok(()))
    })?;
    for lifecycle in 1..=LIFECYCLES {
        let place = format!("lifecycle {lifecycle}");
        step(
            &format!("svmsave.sys under Wine, {place} of {LIFECYCLES}"),
            |_| {
                let prefix = Prefix::copy_of(&template, &folder.join("lifecycle"))?;
                let view = view_of(lifecycle);
                verdict.absorb(&place, lifecycle::run(&prefix, &staged, &before, view)?);
                Ok(())
            },
        )?;
    }
    Ok(verdict)
}

/// Asks Wine about `client.exe install` and `uninstall`, with two signed packages: the one that is
/// installed first, by a certificate for `CN=first`, and the one that takes its place, by one for
/// `CN=second`.
///
/// # Errors
///
/// If Wine can't be asked.
pub fn set_up(workspace: &Workspace, packages: [&Path; 2]) -> Result<Verdict> {
    host::ensure(workspace, &[needs::WINE], &[])?;
    let supplement = build_supplement(workspace)?;
    let wine = Version::of("wine")?;
    let folder = workspace.target().join("wine-set-up");
    let template = folder.join("template");
    let mut verdict = Verdict::default();
    let before = step("a Wine prefix", |_| {
        let prefix = Prefix::create(&template)?;
        register_supplement(&prefix, &supplement)?;
        set_up::prepare(&prefix, packages)?;
        settled(&prefix, set_up::settle)
    })?;
    for lifecycle in 1..=LIFECYCLES {
        let place = format!("lifecycle {lifecycle}");
        step(
            &format!("client.exe install under Wine, {place} of {LIFECYCLES}"),
            |_| {
                let prefix = Prefix::copy_of(&template, &folder.join("lifecycle"))?;
                let view = view_of(lifecycle);
                verdict.absorb(&place, set_up::run(&prefix, wine, &before, view)?);
                Ok(())
            },
        )?;
    }
    Ok(verdict)
}

/// The first life is looked at while Wine runs, too.
fn view_of(lifecycle: usize) -> View {
    if lifecycle == 1 {
        View::Running
    } else {
        View::Kept
    }
}

/// Starts a prepared prefix until a start changes nothing that is kept, and ends it: what it keeps then, a
/// copy has to keep after a life.
///
/// The second start takes a few keys away again that the first one has made: those of network cards, and
/// the names of two classes of devices. And on a busy machine, a start can be ended before it has done all.
fn settled(prefix: &Prefix, settle: impl Fn(&Prefix) -> Result<()>) -> Result<Trace> {
    const STARTS: usize = 6;
    prefix.end()?;
    let mut before = Trace::kept(prefix)?;
    for _ in 0..STARTS {
        prefix.restart()?;
        lifecycle::put_into_group(prefix, SUPPLEMENT)?;
        settle(prefix)?;
        prefix.end()?;
        let after = Trace::kept(prefix)?;
        if after.is_as(&before) {
            return Ok(after);
        }
        before = after;
    }
    bail!("each of {STARTS} starts of Wine changed what it keeps")
}

fn build_supplement(workspace: &Workspace) -> Result<PathBuf> {
    step("what Wine lacks", |_| {
        let cross_build = driver::prepare(workspace)?;
        let mut cargo = cross_build.cargo("build");
        cargo.args(["--release", "--package", "wine-supplement"]);
        cross_build.run(&mut cargo, &mut String::new())?;
        Ok(cross_build.output().join("wine_supplement.dll"))
    })
}

impl Staged {
    fn prepare(workspace: &Workspace) -> Result<Self> {
        let package = artifact::build_package(workspace, Profile::Release)?;
        let supplement = build_supplement(workspace)?;
        let requests = step("wine-requests.exe", |remarks| {
            artifact::build_program(workspace, "wine-requests", remarks)
        })?;
        Ok(Self {
            wine: Version::of("wine")?,
            inf: Inf::read(&read_text(&package.inf)?)?,
            package,
            supplement,
            requests,
        })
    }
}

/// Copies everything into a prefix, and registers the driver that lends.
fn prepare(prefix: &Prefix, staged: &Staged) -> Result<()> {
    let files = [
        (&staged.package.driver, format!("{SOURCE}/svmsave.sys")),
        (&staged.package.inf, format!("{SOURCE}/svmsave.inf")),
        (&staged.package.client, format!("{SOURCE}/client.exe")),
        (&staged.requests, format!("{SOURCE}/requests.exe")),
    ];
    fs::create_dir_all(prefix.file(SOURCE))?;
    for (original, name) in files {
        let place = prefix.file(&name);
        fs::copy(original, &place)
            .with_context(|| format!("cannot copy {}", original.display()))?;
    }
    register_supplement(prefix, &staged.supplement)
}

/// Registers the driver that lends.
fn register_supplement(prefix: &Prefix, supplement: &Path) -> Result<()> {
    let place = prefix.file("windows/system32/drivers/supplement.sys");
    fs::copy(supplement, &place)
        .with_context(|| format!("cannot copy {}", supplement.display()))?;
    let path = r"binPath= C:\windows\system32\drivers\supplement.sys";
    let (name, path) = path.split_once(' ').context("a name and a value")?;
    let created = prefix.run(
        "sc",
        &[
            "create", SUPPLEMENT, "type=", "kernel", "start=", "demand", name, path,
        ],
    )?;
    ensure!(created.code == Some(0), "sc create: {}", created.output);
    lifecycle::put_into_group(prefix, SUPPLEMENT)
}

/// What the driver imports, this Wine has, but for what its version lacks.
fn imports(driver: &[u8], kernel: &[u8], wine: Version) -> Result<Verdict> {
    let exports: BTreeSet<String> = PeFile64::parse(kernel)?
        .exports()?
        .map(|export| Ok(text(export?.name().into_name())))
        .collect::<Result<_>>()?;
    let mut verdict = Verdict::default();
    for import in PeFile64::parse(driver)?.imports()? {
        let name = text(import?.name().into_name());
        let is_there = exports.contains(&name);
        let violation = match (is_there, lacks(wine, &name)) {
            (false, false) => Some(format!("Wine {wine} has no {name}")),
            (true, true) => Some(format!("Wine {wine} has {name}, and was not to have it")),
            _ => None,
        };
        verdict.add(violation);
    }
    Ok(verdict)
}

fn lacks(wine: Version, routine: &str) -> bool {
    LACKING
        .iter()
        .any(|(name, since)| *name == routine && since.is_none_or(|since| wine < since))
}

/// A name in an image; the driver imports nothing by number.
fn text(name: Option<&[u8]>) -> String {
    String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_lacks_what_later_ones_have() {
        let (old, new) = (Version::new(8, 0), Version::new(10, 0));
        assert!(lacks(old, "ExAllocatePool2") && !lacks(new, "ExAllocatePool2"));
        let contiguous = "MmAllocateContiguousNodeMemory";
        assert!(lacks(old, contiguous) && lacks(new, contiguous));
        assert!(!lacks(old, "IoCreateDevice"));
    }
}

/// Damage that the judge has to notice, in copies of the packaged files.
#[cfg(all(test, feature = "boot"))]
mod damage {
    use super::*;

    const LEFT_VALUE: &str = r#"left: HKEY_LOCAL_MACHINE\Software\svmsave "State"="left""#;
    const LEFT_FILE: &str = r"left: C:\windows\system32\drivers\left.sys ";

    /// One lifecycle with a driver and an INF that are not the packaged ones.
    fn violated(case: &str, driver: Option<Vec<u8>>, inf: Option<String>, view: View) -> Verdict {
        let workspace = Workspace::locate().unwrap();
        let mut staged = Staged::prepare(&workspace).unwrap();
        let folder = workspace.target().join("damage/wine").join(case);
        fs::create_dir_all(&folder).unwrap();
        if let Some(driver) = driver {
            staged.package.driver = folder.join("svmsave.sys");
            fs::write(&staged.package.driver, driver).unwrap();
        }
        if let Some(inf) = inf {
            staged.package.inf = folder.join("svmsave.inf");
            fs::write(&staged.package.inf, inf).unwrap();
        }
        let prefix = Prefix::create(&folder.join("prefix")).unwrap();
        prepare(&prefix, &staged).unwrap();
        let before = settled(&prefix, |_| Ok(())).unwrap();
        prefix.restart().unwrap();
        let verdict = lifecycle::run(&prefix, &staged, &before, view).unwrap();
        // Some hundred megabytes.
        fs::remove_dir_all(folder.join("prefix")).unwrap();
        verdict
    }

    #[test]
    fn an_instruction_without_its_guard_ends_the_driver() {
        let workspace = Workspace::locate().unwrap();
        let mut driver =
            fs::read(artifact::package_folder(&workspace).join("svmsave.sys")).unwrap();
        crate::image::remove_guards(&mut driver).unwrap();
        let verdict = violated("guard", Some(driver), None, View::Kept);
        let found = verdict.violations().join("\n");
        assert!(found.contains("sc start"), "{found}");
    }

    #[test]
    fn a_service_that_is_registered_otherwise_is_noticed() {
        let package = artifact::package_folder(&Workspace::locate().unwrap());
        let inf = read_text(&package.join("svmsave.inf")).unwrap();
        let damaged = inf.replace("StartType     = 3", "StartType     = 4");
        assert_ne!(inf, damaged);
        let verdict = violated("inf", None, Some(damaged), View::Kept);
        let found = verdict.violations().join("\n");
        assert!(
            found.contains("Start: Some(\"0x4\") instead of Some(\"0x3\")"),
            "{found}"
        );
    }

    #[test]
    fn a_value_and_a_file_that_the_removal_leaves_are_noticed() {
        let package = artifact::package_folder(&Workspace::locate().unwrap());
        let inf = read_text(&package.join("svmsave.inf")).unwrap();
        let damaged = inf
            .replace(
                "CopyFiles = Driver.Files",
                "CopyFiles = Driver.Files, Left.Files\r\nAddReg = Left.Registry",
            )
            .replace(
                "[DestinationDirs]",
                "[Left.Registry]\r\nHKLM,SOFTWARE\\svmsave,State,,left\r\n\
                 [Left.Files]\r\nleft.sys,svmsave.sys\r\n\
                 [DestinationDirs]\r\nLeft.Files = 12",
            );
        let verdict = violated("left", None, Some(damaged), View::Running);
        for (when, what, left) in [
            ("while Wine runs", "registry", LEFT_VALUE),
            ("while Wine runs", "drive C", LEFT_FILE),
            ("when Wine has ended", "registry", LEFT_VALUE),
            ("when Wine has ended", "drive C", LEFT_FILE),
        ] {
            let begins = format!("{when}, the {what} is not as it was:");
            let mut violations = verdict.violations().iter();
            let found = violations.any(|one| one.starts_with(&begins) && one.contains(left));
            assert!(found, "{begins} {left}: {:?}", verdict.violations());
        }
    }
}
