//! Tampering with a machine in the lab: found by `check`, shown by `diff`, visible in the report.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use client::{FindingId, KernelModule, Snapshot, Terminal};
use harness::lab_device::{self, LabDevice};
use lab::{Config, Lab, ProcessorChange};

/// A machine of four processors with the driver started, and what it has loaded.
fn start() -> (Lab, Vec<KernelModule>) {
    let built = |variable: &str| -> PathBuf {
        env::var_os(variable)
            .unwrap_or_else(|| panic!("{variable} is not set: run cargo xtask test"))
            .into()
    };
    let config = Config {
        processors: 4,
        timeout: Duration::from_secs(20),
        ..Config::default()
    };
    let (kernel, driver) = (built("LAB_KERNEL"), built("LAB_DRIVER"));
    let booted = lab_device::boot(&config, &kernel, &driver);
    booted.unwrap_or_else(|error| panic!("{error:#}"))
}

/// Runs the client against the lab: its exit code, and what it printed.
fn client((lab, modules): &mut (Lab, Vec<KernelModule>), arguments: &[&str]) -> (u8, String) {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = client::run(
        ["client"].iter().chain(arguments).map(OsString::from),
        || Ok(Box::new(LabDevice::open(lab, modules)?)),
        &mut stdout,
        &mut stderr,
        Terminal::default(),
    );
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    (exit, String::from_utf8(stdout).unwrap())
}

/// The kinds of findings, each with the processors whose values it names.
fn findings(snapshot: &Snapshot) -> Vec<(FindingId, Vec<u32>)> {
    let places = |finding: &client::Finding| {
        let values = finding.others.iter().chain(&finding.values);
        let processors = values.flat_map(|value| &value.processors);
        processors.map(|id| id.index).collect()
    };
    client::check(snapshot)
        .findings
        .iter()
        .map(|finding| (finding.id, places(finding)))
        .collect()
}

/// LSTAR of processor 3 moved, the task state segment of processor 1 widened, the GS base of
/// processor 0 on processor 2.
fn tamper(lab: &mut Lab) {
    let entry = lab.processor(3).unwrap().msrs.lstar;
    let gs_base = lab.processor(0).unwrap().msrs.gs_base;
    let nothing = ProcessorChange::default();
    let changes = [
        (
            3,
            ProcessorChange {
                lstar: Some(entry + 0x4_0000),
                ..nothing
            },
        ),
        (
            1,
            ProcessorChange {
                tss_limit: Some(0x2067),
                ..nothing
            },
        ),
        (
            2,
            ProcessorChange {
                gs_base: Some(gs_base),
                ..nothing
            },
        ),
    ];
    for (processor, change) in changes {
        lab.set_processor(processor, change).unwrap();
    }
}

/// The values that were changed are red in the report.
fn assert_alarming(page: &str, saved: &Snapshot) {
    for value in [3, 2, 1].map(|processor| {
        let capture = saved.processors[processor].result.as_ref().unwrap();
        match processor {
            3 => format!("{:#018x}", capture.vmsave.system_call.lstar),
            2 => format!("{:#018x}", capture.vmsave.gs.base),
            _ => format!("{:#010x}", capture.vmsave.tr.limit),
        }
    }) {
        let cell = page
            .split("<td")
            .find(|cell| cell.contains(&format!(">{value}</a>")));
        assert!(
            cell.is_some_and(|cell| cell.starts_with(" class=alarm ")),
            "{value}"
        );
    }
}

#[test]
fn tampering_is_found_by_check_shown_by_diff_and_visible_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).into_os_string().into_string();
    let (before, after, page) = (
        path("before.json").unwrap(),
        path("after.json").unwrap(),
        path("report.html").unwrap(),
    );
    let mut lab = start();

    let (exit, text) = client(&mut lab, &["check"]);
    assert_eq!(
        (exit, text.as_str()),
        (0, "4 processors checked: nothing found\n")
    );
    assert_eq!(client(&mut lab, &["save", &before]), (0, String::new()));
    let (exit, text) = client(&mut lab, &["diff", &before]);
    assert_eq!((exit, text.as_str()), (0, "no difference\n"));

    tamper(&mut lab.0);
    let expected = [
        (FindingId::LstarDiffers, vec![0, 1, 2, 3]),
        (FindingId::GsBaseShared, vec![0, 2]),
        (FindingId::TrLimitDiffers, vec![0, 2, 3, 1]),
        (FindingId::TrLimitWide, vec![1]),
    ];
    let (exit, text) = client(&mut lab, &["check"]);
    assert_eq!(exit, 6, "{text}");
    for (id, _) in &expected {
        assert!(text.contains(id.name()), "{id} is not in {text}");
    }
    let (exit, text) = client(&mut lab, &["diff", &before]);
    assert_eq!(exit, 6, "{text}");
    for change in [
        "lstar on processor 3: ",
        "gs.base on processor 2: ",
        "tr.limit on processor 1: 0x00000067 -> 0x00002067",
    ] {
        assert!(text.contains(change), "{change} is not in {text}");
    }
    assert!(text.ends_with("\n3 differences\n"), "{text}");

    assert_eq!(client(&mut lab, &["save", &after]), (0, String::new()));
    let saved = Snapshot::open(&after).unwrap();
    assert_eq!(findings(&saved), expected);
    assert_eq!(client(&mut lab, &["report", &page]), (0, String::new()));
    let page = fs::read_to_string(&page).unwrap();
    for (id, _) in &expected {
        assert!(page.contains(id.name()), "{id} is not in the report");
    }
    assert_alarming(&page, &saved);
    lab.0.shutdown().unwrap();

    // What the repository shows of such a machine is such a machine. It was written by this test,
    // which writes it again where SVMSAVE_EXAMPLES points.
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../client/examples/");
    if let Some(folder) = env::var_os("SVMSAVE_EXAMPLES") {
        let folder = PathBuf::from(folder);
        fs::copy(&before, folder.join("healthy.json")).unwrap();
        fs::copy(&after, folder.join("tampered.json")).unwrap();
    }
    let shown = |name: &str| Snapshot::open(format!("{examples}{name}")).unwrap();
    assert_eq!(findings(&shown("healthy.json")), []);
    assert_eq!(findings(&shown("tampered.json")), expected);
}
