//! One life of the package: installed, started, used, stopped, removed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use protocol::ReplyHeader;
use serde_json::Value;
use wdk_linux::host::workspace::read_text;

use super::prefix::Prefix;
use super::residue::{Before, Trace, View};
use super::{SOURCE, Staged};
use crate::Verdict;

/// Where services are registered.
const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";

/// Length of a reply that has no records.
const HEADER: usize = size_of::<ReplyHeader>();

/// What each request of `wine-requests` comes to: the error in Win32, and the bytes returned.
/// 122 stands for 122 and 234, as it does for the client.
const REQUESTS: &[(&str, u32, usize)] = &[
    ("unknown code 0", 1, 0),
    ("unknown code 1", 1, 0),
    ("unknown code 2", 1, 0),
    ("no input", 24, 0),
    ("short input", 24, 0),
    ("long input", 24, 0),
    ("reserved bytes", 87, 0),
    ("unknown version", 1306, 0),
    ("snapshot of any version", 1306, 0),
    ("no output", 122, 0),
    ("room for half a header", 122, 0),
    ("room for the header", 122, HEADER),
    ("any version", 0, HEADER),
];

/// Exception codes for what is refused to user mode: `#GP` as Wine tells it apart or doesn't, and
/// `#UD`, which VMSAVE raises first where SVM is switched off.
const WRMSR_FAULTS: &[&str] = &["0xc0000005", "0xc0000096"];
const VMSAVE_FAULTS: &[&str] = &["0xc0000005", "0xc0000096", "0xc000001d"];

/// Does all of it in a prefix in which nothing is installed, and of which this was kept, and ends it.
pub(super) fn run(prefix: &Prefix, staged: &Staged, kept: &Trace, view: View) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    let before = Before::of(prefix, kept, view)?;
    install(prefix, staged, &mut verdict)?;
    client_exits(prefix, "before the start", &["status"], 3, &mut verdict)?;
    put_into_group(prefix, "svmsave")?;
    prefix.restart()?;
    let supplement = prefix.run("sc", &["start", "supplement"])?;
    ensure!(supplement.code == Some(0), "the supplement does not start");
    start(prefix, &mut verdict)?;
    use_client(prefix, &mut verdict)?;
    send_requests(prefix, &mut verdict)?;
    look_at_faults(prefix, &mut verdict)?;
    stop(prefix, &mut verdict)?;
    start(prefix, &mut verdict)?;
    client_exits(prefix, "started again", &["status"], 5, &mut verdict)?;
    stop(prefix, &mut verdict)?;
    remove(prefix, &mut verdict)?;
    before.compare(prefix, staged.wine, &mut verdict)?;
    Ok(verdict)
}

/// Has a service's driver loaded into the process of the others of the group, which is Wine's way:
/// there the supplement sees it. This is the test's own doing, and not the package's.
pub(super) fn put_into_group(prefix: &Prefix, service: &str) -> Result<()> {
    let key = format!(r"{SERVICES}\{service}");
    prefix.reg(&["add", &key, "/v", "Group", "/d", "svmsave", "/f"])
}

fn install(prefix: &Prefix, staged: &Staged, verdict: &mut Verdict) -> Result<()> {
    let inf = format!(r"C:\{SOURCE}\svmsave.inf");
    let arguments = [
        "setupapi.dll,InstallHinfSection",
        "DefaultInstall",
        "128",
        &inf,
    ];
    let ended = prefix.run("rundll32", &arguments)?;
    verdict.same("InstallHinfSection", ended.code, Some(0));
    let registered = registered(prefix, "svmsave")?;
    let value = |name: &str| registered.get(name).map(String::as_str);
    let said = |directive| staged.inf.value("Driver.Service", directive);
    for (name, directive) in [
        ("DisplayName", "DisplayName"),
        ("Description", "Description"),
    ] {
        verdict.same(name, value(name), said(directive).as_deref());
    }
    for (name, directive) in [
        ("Type", "ServiceType"),
        ("Start", "StartType"),
        ("ErrorControl", "ErrorControl"),
    ] {
        let said = said(directive).map(|number| format!("0x{number}"));
        verdict.same(name, value(name), said.as_deref());
    }
    // Wine has no place for DIRID 13, the driver store: the file counts, wherever it is.
    let installed = value("ImagePath")
        .and_then(|path| prefix.windows_file(path))
        .and_then(|path| fs::read(path).ok());
    let same = installed == Some(fs::read(&staged.package.driver)?);
    verdict.same(
        "the file that ImagePath names is the packaged one",
        same,
        true,
    );
    Ok(())
}

fn start(prefix: &Prefix, verdict: &mut Verdict) -> Result<()> {
    let ended = prefix.run("sc", &["start", "svmsave"])?;
    verdict.same("sc start", ended.code, Some(0));
    expect_state(prefix, "RUNNING", verdict)
}

fn stop(prefix: &Prefix, verdict: &mut Verdict) -> Result<()> {
    let ended = prefix.run("sc", &["stop", "svmsave"])?;
    verdict.same("sc stop", ended.code, Some(0));
    expect_state(prefix, "STOPPED", verdict)?;
    wait_for_removal(prefix)?;
    client_exits(prefix, "after the stop", &["status"], 3, verdict)?;
    let supplement = registered(prefix, "supplement")?;
    let outstanding = supplement.get("outstanding").map(String::as_str);
    verdict.same("memory that was not freed", outstanding, Some("0x0"));
    Ok(())
}

/// Wine takes a device away some time after it has called the service stopped. A program that opens the
/// device in between gets an error of neither state.
fn wait_for_removal(prefix: &Prefix) -> Result<()> {
    for _ in 0..10 {
        let ended = prefix.run(&format!(r"C:\{SOURCE}\client.exe"), &["status"])?;
        if ended.code != Some(1) {
            break;
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn expect_state(prefix: &Prefix, state: &str, verdict: &mut Verdict) -> Result<()> {
    let answer = prefix.run("sc", &["query", "svmsave"])?.output;
    let found = answer
        .lines()
        .find(|line| line.trim_start().starts_with("STATE"))
        .and_then(|line| line.split_whitespace().last());
    verdict.same("the service's state", found, Some(state));
    Ok(())
}

fn client_exits(
    prefix: &Prefix,
    when: &str,
    arguments: &[&str],
    code: i32,
    verdict: &mut Verdict,
) -> Result<String> {
    let ended = prefix.run(&format!(r"C:\{SOURCE}\client.exe"), arguments)?;
    let what = format!("client.exe {} {when}", arguments.join(" "));
    let wrong = ended.code != Some(code);
    let violation = format!(
        "{what}: exit {:?}, not {code}: {}",
        ended.code,
        ended.errors.trim()
    );
    verdict.add(wrong.then_some(violation));
    Ok(ended.output)
}

/// Every exit code that Wine can bring about: not 4, since it enforces no DACL, and 0 only where
/// nothing is asked of a processor, since it runs in user mode.
fn use_client(prefix: &Prefix, verdict: &mut Verdict) -> Result<()> {
    let running = "while it runs";
    let text = client_exits(prefix, running, &["status"], 5, verdict)?;
    let version = env!("CARGO_PKG_VERSION");
    let first = format!(
        "driver      svmsave {version}, protocol {}",
        protocol::VERSION
    );
    verdict.same(
        "the first line of status",
        text.lines().next(),
        Some(&*first),
    );
    client_exits(prefix, running, &["show"], 5, verdict)?;
    client_exits(prefix, running, &["show", "--json"], 5, verdict)?;
    client_exits(prefix, running, &["show", "-p", "4095"], 2, verdict)?;
    client_exits(prefix, running, &["--no-such-option"], 2, verdict)?;
    client_exits(prefix, running, &["--help"], 0, verdict)?;
    let client = format!(r"C:\{SOURCE}\client.exe");
    let full = prefix.run_into(&client, &["--help"], Path::new("/dev/full"))?;
    verdict.same("client.exe --help to a full disk", full, Some(1));
    let json = client_exits(prefix, running, &["status", "--json"], 5, verdict)?;
    compare_with_host(&json, verdict)
}

/// The status in JSON against what Linux says of the same processors.
fn compare_with_host(json: &str, verdict: &mut Verdict) -> Result<()> {
    let status: Value = serde_json::from_str(json).unwrap_or_default();
    let host = read_text(Path::new("/proc/cpuinfo"))?;
    let processors = host
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let vendor = host
        .lines()
        .find_map(|line| line.strip_prefix("vendor_id")?.split(": ").nth(1))
        .context("Linux names no vendor")?;
    verdict.same(
        "driver.version",
        &status["driver"]["version"],
        env!("CARGO_PKG_VERSION"),
    );
    verdict.same(
        "active_processors",
        &status["active_processors"],
        processors,
    );
    let records = status["processors"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    verdict.same("processors in JSON", records.len(), processors);
    for (index, record) in records.iter().enumerate() {
        verdict.same("index", &record["index"], index);
        verdict.same("vendor", &record["vendor"], vendor);
        verdict.same("vmsave_possible", &record["vmsave_possible"], false);
    }
    Ok(())
}

fn send_requests(prefix: &Prefix, verdict: &mut Verdict) -> Result<()> {
    let ended = prefix.run(&format!(r"C:\{SOURCE}\requests.exe"), &[])?;
    verdict.same("requests.exe", ended.code, Some(0));
    let outcomes: BTreeMap<&str, &str> = ended
        .output
        .lines()
        .filter_map(|line| line.split_once(": "))
        .collect();
    for &(name, error, returned) in REQUESTS {
        let expected = format!("{error} {returned}");
        verdict.same(name, outcomes.get(name).copied(), Some(&*expected));
    }
    Ok(())
}

/// What the supplement saw when it called the guarded functions of the packaged image.
fn look_at_faults(prefix: &Prefix, verdict: &mut Verdict) -> Result<()> {
    let supplement = registered(prefix, "supplement")?;
    for (instruction, faults) in [
        ("wrmsr", WRMSR_FAULTS),
        ("wrmsr, rdmsr", WRMSR_FAULTS),
        ("vmsave", VMSAVE_FAULTS),
    ] {
        let code = supplement.get(instruction).map_or("", String::as_str);
        let violation = format!("the guarded {instruction} returns {code:?}");
        verdict.add((!faults.contains(&code)).then_some(violation));
    }
    Ok(())
}

fn remove(prefix: &Prefix, verdict: &mut Verdict) -> Result<()> {
    let ended = prefix.run("sc", &["delete", "svmsave"])?;
    verdict.same("sc delete", ended.code, Some(0));
    verdict.same(
        "values left in the registry",
        registered(prefix, "svmsave")?.len(),
        0,
    );
    let again = prefix.run("sc", &["start", "svmsave"])?;
    verdict.same(
        "a start after the removal succeeds",
        again.code == Some(0),
        false,
    );
    Ok(())
}

/// The values of a service's registry key: `    Name    REG_TYPE    data`, a line each.
fn registered(prefix: &Prefix, service: &str) -> Result<BTreeMap<String, String>> {
    let key = format!(r"{SERVICES}\{service}");
    Ok(values(&prefix.run("reg", &["query", &key])?.output))
}

fn values(answer: &str) -> BTreeMap<String, String> {
    answer
        .lines()
        .filter_map(|line| {
            let mut columns = line.strip_prefix("    ")?.splitn(3, "    ");
            let name = columns.next()?.to_owned();
            columns.next().filter(|kind| kind.starts_with("REG_"))?;
            Some((name, columns.next().unwrap_or_default().to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_from_the_answer() {
        let answer = "\nHKEY_LOCAL_MACHINE\\key\n    Start    REG_DWORD    0x3\n\
                      \x20   Description    REG_SZ    two words\n    Empty    REG_SZ\n";
        let values = values(answer);
        assert_eq!(values["Start"], "0x3");
        assert_eq!(values["Description"], "two words");
        assert_eq!(values["Empty"], "");
        assert_eq!(values.len(), 3);
    }
}
