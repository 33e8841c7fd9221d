//! One life of two packages as a user gives it to them with `client.exe`: the first is installed,
//! another that does not start is rolled back, the second takes the first one's place, and all is
//! removed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::prefix::Prefix;
use super::residue::{Before, Trace, View};
use crate::Verdict;
use crate::version::Version;

/// The folders on drive C: the package that is installed first, one whose driver is no image, and the
/// one that is installed over the first.
pub(super) const FOLDERS: [&str; 3] = ["first", "broken", "second"];

/// Windows 10, version 22H2. Wine 8 calls itself version 1903, which the driver does not run on.
const BUILD: &str = "19045";

/// The files of a package that an installation takes.
pub(super) const FILES: [&str; 4] = ["svmsave.sys", "svmsave.inf", "svmsave.cat", "client.exe"];

/// What is said first. Wine copies the host's certificates into the registry when the store of roots is
/// first opened after a start, which this does.
const PLAN: Step = Step::new(FOLDERS[0], "install --without-svm --dry-run", 0, PLANNED);

/// Does all of it in a prefix in which nothing is installed, and of which this was kept, and ends it.
pub(super) fn run(prefix: &Prefix, wine: Version, kept: &Trace, view: View) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let [first, broken, second] = FOLDERS;
    PLAN.take(prefix, &mut verdict)?;
    let before = Before::of(prefix, kept, view)?;
    let supplement = prefix.run("sc", &["start", "supplement"])?;
    ensure!(supplement.code == Some(0), "the supplement does not start");
    for step in [
        // Again, which changes nothing.
        PLAN,
        Step::new(first, "status", 3, &[]),
        Step::new(first, "install --without-svm", 0, INSTALLED),
        Step::new(first, "install --without-svm", 0, INSTALLED_ALREADY),
        Step::new(first, "status", 5, &["driver      svmsave "]),
        Step::new(broken, "install --without-svm", 1, ROLLED_BACK),
        Step::new(first, "status", 5, &["driver      svmsave "]),
        Step::new(second, "install --without-svm", 0, REPLACED),
    ] {
        step.take(prefix, &mut verdict)?;
    }
    self_test(prefix, wine, &mut verdict)?;
    let driver = fs::read(prefix.file(second).join("svmsave.sys"))?;
    let is_installed = installed(prefix).is_some_and(|installed| installed == driver);
    verdict.same("the driver is the second package's", is_installed, true);
    for step in [
        Step::new(second, "uninstall", 0, REMOVED),
        Step::new(second, "uninstall", 0, &["nothing of svmsave is installed"]),
        Step::new(second, "status", 3, &[]),
        Step::new(second, SELF_TEST_REMOVED, 0, SELF_TESTED_REMOVED),
    ] {
        step.take(prefix, &mut verdict)?;
    }
    for result in [
        "selftest.json",
        "selftest.html",
        "removed.json",
        "removed.html",
    ] {
        fs::remove_file(prefix.file(second).join(result))
            .with_context(|| format!("the self-test wrote no {result}"))?;
    }
    before.compare(prefix, wine, &mut verdict)?;
    Ok(verdict)
}

const PLANNED: &[&str] = &[
    "svmsave 0.1.0 is to be installed",
    "this is Wine, which looks at no signature",
    "would: put the certificate CN=first into Root",
    "would: put the certificate CN=first into TrustedPublisher",
    "would: add the package svmsave.inf",
    "would: start the service svmsave",
];

const INSTALLED: &[&str] = &[
    "svmsave 0.1.0 is to be installed",
    "this is Wine, which looks at no signature",
    "done: put the certificate CN=first into Root",
    "done: put the certificate CN=first into TrustedPublisher",
    "done: add the package svmsave.inf",
    "done: start the service svmsave",
    "svmsave 0.1.0 runs; `client.exe uninstall` removes it",
];

const INSTALLED_ALREADY: &[&str] = &["svmsave 0.1.0 is installed and runs already: nothing to do"];

const ROLLED_BACK: &[&str] = &[
    "a driver without a version is to be installed, in place of svmsave 0.1.0",
    "done: stop the service svmsave",
    "done: put the certificate CN=second into Root",
    "done: put the certificate CN=second into TrustedPublisher",
    "done: delete the service svmsave, if the package left it",
    r"done: delete C:\windows\system32\unknown\svmsave.sys",
    "done: add the package svmsave.inf",
    "the way back:",
    "done: stop the service svmsave",
    "done: delete the service svmsave, if the package left it",
    r"done: delete C:\windows\system32\unknown\svmsave.sys",
    "done: add the package svmsave.inf",
    "done: start the service svmsave",
    "done: remove the certificate CN=second from Root",
    "done: remove the certificate CN=second from TrustedPublisher",
];

const REPLACED: &[&str] = &[
    "svmsave 0.1.0 is to be installed, in place of another build of that version",
    "done: stop the service svmsave",
    "done: put the certificate CN=second into Root",
    "done: put the certificate CN=second into TrustedPublisher",
    "done: delete the service svmsave, if the package left it",
    r"done: delete C:\windows\system32\unknown\svmsave.sys",
    "done: add the package svmsave.inf",
    "done: start the service svmsave",
    "svmsave 0.1.0 runs; `client.exe uninstall` removes it",
    "done: remove the certificate CN=first from Root",
    "done: remove the certificate CN=first from TrustedPublisher",
];

const REMOVED: &[&str] = &[
    "done: stop the service svmsave",
    "done: delete the service svmsave, if the package left it",
    r"done: delete C:\windows\system32\unknown\svmsave.sys",
    "done: remove the certificate CN=second from Root",
    "done: remove the certificate CN=second from TrustedPublisher",
    "done: delete the folder svmsave in Program Files",
    "nothing of svmsave is left but the folder that it was installed from",
];

/// The Wine that [`SELF_TESTED`] was seen of: what it lacks, others may have.
const SELF_TESTED_BY: Version = Version::new(8, 0);

/// On a processor without SVM, of which the driver says so: the lab does what that leaves out.
const SELF_TESTED: &[&str] = &[
    "self-test of svmsave 0.1.0, protocol 1, on Wine, build 19045; seed 1",
    "not done  signature         Wine looks at no signature",
    "passed    service           the service control manager runs the driver",
    "not done  installed         Wine has no driver store",
    "not done  questions         Wine has neither Secure Boot nor BitLocker",
    "passed    status            the driver answers, and is of the client's version",
    "not done  snapshots         VMSAVE is not possible here: the processor does not report SVM, and a hypervisor may hide it",
    "not done  agreement         VMSAVE is not possible here: the processor does not report SVM, and a hypervisor may hide it",
    "not done  every-processor   VMSAVE is not possible here: the processor does not report SVM, and a hypervisor may hide it",
    "not done  efer              VMSAVE is not possible here: the processor does not report SVM, and a hypervisor may hide it",
    "not done  timing            VMSAVE is not possible here: the processor does not report SVM, and a hypervisor may hide it",
    "not done  groups            all processors are in one group: `bcdedit /set groupsize 2` and a restart make more",
    "not done  nodes             this machine has one node",
    "passed    random-requests   random requests are answered or refused as the protocol says",
    "passed    no-read-access    requests on a handle without read access are refused",
    "not done  restricted-token  Wine gives every token every right",
    "not done  hidden-addresses  VMSAVE is not possible here: the processor does not report SVM, and a hypervisor may hide it",
    "not done  memory-integrity  it is off: Windows Security > Device security > Core isolation turns it on, where the hypervisor then exposes SVM",
    "not done  driver-verifier   the system does not tell: NtQuerySystemInformation answers 0xC0000003",
    "not done  hot-add           no processor was added while this ran",
    "passed    restarts          the driver stops and starts again and again, and answers each time",
    "not done  pool-tag          the system does not tell: NtQuerySystemInformation answers 0xC0000003",
];

/// The self-test while the driver runs. What passes on one Wine passes on all.
fn self_test(prefix: &Prefix, wine: Version, verdict: &mut Verdict) -> Result<()> {
    const ARGUMENTS: &str = r"selftest --quick --seed 1 C:\second\selftest.json";
    let words: Vec<&str> = ARGUMENTS.split(' ').collect();
    let ended = prefix.run(r"C:\second\client.exe", &words)?;
    verdict.same("selftest's exit", ended.code, Some(7));
    let mut found: Vec<&str> = ended.output.lines().collect();
    // It names the machine.
    let last = found.pop().unwrap_or_default();
    let (counts, files) = last.split_once(": ").unwrap_or((last, ""));
    let expected = r"C:\second\selftest.json and C:\second\selftest.html say more";
    verdict.same("selftest's files", files, expected);
    verdict.same("selftest fails", counts.contains(" 0 failed"), true);
    let mut expected = SELF_TESTED.to_vec();
    if wine == SELF_TESTED_BY {
        verdict.same("selftest's counts", counts.starts_with("5 passed"), true);
    } else {
        let passes = |line: &&str| line.starts_with("passed ");
        expected.retain(passes);
        found.retain(|line| expected.contains(line));
    }
    verdict.same("selftest's steps", found, expected);
    Ok(())
}

const SELF_TEST_REMOVED: &str = r"selftest --removed C:\second\removed.json";

const SELF_TESTED_REMOVED: &[&str] = &[
    "after the removal of the driver, on Wine, build 19045",
    "passed    removed           `client.exe uninstall` left no service, no package and no notes",
    r"1 passed, 0 failed, 0 not done: C:\second\removed.json and C:\second\removed.html say more",
];

/// A command that a user types, and what comes of it.
struct Step {
    folder: &'static str,
    arguments: &'static str,
    code: i32,
    /// All lines of its output; of `status` the beginning of the first.
    lines: &'static [&'static str],
}

impl Step {
    const fn new(
        folder: &'static str,
        arguments: &'static str,
        code: i32,
        lines: &'static [&'static str],
    ) -> Self {
        Self {
            folder,
            arguments,
            code,
            lines,
        }
    }

    fn take(&self, prefix: &Prefix, verdict: &mut Verdict) -> Result<()> {
        let Self {
            folder,
            arguments,
            code,
            lines,
        } = self;
        let words: Vec<&str> = arguments.split(' ').collect();
        let ended = prefix.run(&format!(r"C:\{folder}\client.exe"), &words)?;
        let command = format!(r"{folder}\client.exe {arguments}");
        let wrong = ended.code != Some(*code);
        let errors = ended.errors.trim();
        let violation = format!("{command}: exit {:?}, not {code}: {errors}", ended.code);
        verdict.add(wrong.then_some(violation));
        if *arguments == "status" {
            let begins = |line: &&str| ended.output.starts_with(line);
            verdict.same(&command, lines.iter().all(begins), true);
        } else {
            let found: Vec<&str> = ended.output.lines().collect();
            verdict.same(&command, found, *lines);
        }
        Ok(())
    }
}

/// The driver's file, where Wine puts it.
fn installed(prefix: &Prefix) -> Option<Vec<u8>> {
    fs::read(prefix.file("windows/system32/unknown/svmsave.sys")).ok()
}

/// Copies the packages into a prefix: the first, the second, and the second with a driver that is none.
///
/// Each INF gets a line that names a load-order group, since Wine loads the drivers of one group into
/// one process, where the supplement sees this one.
pub(super) fn prepare(prefix: &Prefix, packages: [&Path; 2]) -> Result<()> {
    let [first, second] = packages;
    for (folder, package) in FOLDERS.into_iter().zip([first, second, second]) {
        let folder = prefix.file(folder);
        fs::create_dir_all(&folder)?;
        for file in FILES {
            let original = package.join(file);
            let content = fs::read(&original)
                .with_context(|| format!("cannot read {}", original.display()))?;
            fs::write(folder.join(file), content)?;
        }
        let inf = folder.join("svmsave.inf");
        let text = fs::read_to_string(&inf)?;
        let section = "[Driver.Service]";
        ensure!(text.contains(section), "the INF has no {section}");
        let grouped = text.replace(section, &format!("{section}\r\nLoadOrderGroup = svmsave"));
        fs::write(inf, grouped)?;
    }
    fs::write(prefix.file(FOLDERS[1]).join("svmsave.sys"), "no image")?;
    prepare_registry(prefix)
}

/// Opens the stores of certificates, as each life does.
pub(super) fn settle(prefix: &Prefix) -> Result<()> {
    let mut verdict = Verdict::default();
    PLAN.take(prefix, &mut verdict)?;
    ensure!(
        verdict.violations().is_empty(),
        "{:?}",
        verdict.violations()
    );
    Ok(())
}

/// Gives the registry what Windows has from the beginning, and Wine has not: the build of a Windows that
/// is new enough, and the keys of stores of certificates, which Wine makes when they are first used.
fn prepare_registry(prefix: &Prefix) -> Result<()> {
    let version = r"HKLM\Software\Microsoft\Windows NT\CurrentVersion";
    for value in ["CurrentBuild", "CurrentBuildNumber"] {
        prefix.reg(&["add", version, "/v", value, "/d", BUILD, "/f"])?;
    }
    let wine = Version::of("wine")?;
    for store in ["Root", "TrustedPublisher"] {
        for kind in ["Certificates", "CRLs", "CTLs"] {
            // Later versions take this key away with the last certificate.
            if (store, kind) == ("Root", "Certificates") && wine >= Version::new(10, 0) {
                continue;
            }
            let key = format!(r"HKLM\Software\Microsoft\SystemCertificates\{store}\{kind}");
            prefix.reg(&["add", &key, "/f"])?;
        }
    }
    Ok(())
}
