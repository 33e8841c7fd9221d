//! Every file of `tests/cases` with the answer that is right for it.

use std::{collections::BTreeSet, fs};

use client::{Diff, Extent, FindingId, Severity, Snapshot, check};
use serde_json::Value;

use crate::{Ran, fake::Driver, files::Folder, run};

fn path(name: &str) -> String {
    format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command of the client; `@` stands for the folder of the cases.
fn client(command: &str) -> Ran {
    let arguments: Vec<String> = command
        .split(' ')
        .map(|word| word.strip_prefix('@').map_or(word.to_owned(), path))
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut driver = Driver::with_processors(1);
    let ran = run(&arguments, &mut driver);
    assert!(driver.requests.is_empty(), "{command}");
    ran
}

/// A command, its exit code, what its output has, and what it has not.
type Case = (
    &'static str,
    u8,
    &'static [&'static str],
    &'static [&'static str],
);

const HIDDEN: &str = "(hidden from this caller): lstar-differs, cstar-differs, \
                      lstar-outside-kernel, cstar-outside-kernel, sysenter-outside-kernel, \
                      entry-in-headers\n";

const CASES: &[Case] = &[
    (
        "check --from @rdmsr-hides-hook.json",
        6,
        &[
            "alarm lstar-outside-kernel: LSTAR does not point into the kernel's image on \
             processors 0-3",
            "hook.sys+0x6834",
            "alarm vmsave-contradicted: lstar of processors 0-3 is 0xffffffff80166834 by VMSAVE \
             and 0xffffffff80126834 without it",
            "4 processors checked: 2 findings\n",
        ],
        &["not judged"],
    ),
    (
        "check --from @brief.json",
        6,
        &[
            "alarm vmsave-contradicted: lstar of processors 0-3",
            "judged weakly (by the disagreements that the file lists, without their values): \
             vmsave-contradicted",
            "not judged (no module list): entry-in-headers",
        ],
        &[],
    ),
    (
        "check --from @cstar-hooked-all.json",
        6,
        &[
            "alarm cstar-outside-kernel: CSTAR does not point into the kernel's image on processors 0-3",
        ],
        &["lstar-outside-kernel:"],
    ),
    (
        "check --from @hooked-declared-hidden.json",
        6,
        &["alarm lstar-outside-kernel", "hook.sys+0x40"],
        &["hidden from"],
    ),
    (
        "check --from @redacted.json",
        7,
        &[
            HIDDEN,
            "nothing found; 6 of 31 rules not judged: hidden from this caller",
        ],
        &["alarm", "warning"],
    ),
    (
        "check --json --from @redacted.json",
        7,
        &[
            "\"reason\": \"hidden\"",
            "\"lstar-outside-kernel\"",
            "\"complete\": false",
        ],
        &[],
    ),
    (
        "check --jsonl --from @redacted.json",
        7,
        &[
            "\"type\":\"verdict\"",
            "\"verdict\":\"nothing-found\"",
            "\"reason\":\"hidden\"",
        ],
        &[],
    ),
    (
        "show --field lstar --from @redacted.json",
        0,
        &["\n\n\n\n"],
        &["0x"],
    ),
    (
        "show --csv --columns sfmask,cstar --from @redacted.json",
        0,
        &["0,0,0,0x00004700,,\n"],
        &["0x0000000000000000"],
    ),
    (
        "check --from @noncanonical-lstar.json",
        6,
        &["alarm address-noncanonical: LSTAR is an address that no processor could hold"],
        &[],
    ),
    (
        "check --from @all-hooked-one-module.json",
        6,
        &["alarm lstar-outside-kernel", "evil.sys+0x1234"],
        &[],
    ),
    (
        "check --from @half-hooked.json",
        6,
        &[
            "lstar-differs: LSTAR has 2 values and none of them a majority: processors 0-1; \
             processors 2-3",
            "lstar-outside-kernel: LSTAR does not point into the kernel's image on processors 0-1",
        ],
        &["not with the majority"],
    ),
    (
        "check --from @tie-2-2.json",
        6,
        &[
            "none of them a majority: processors 0-1; processors 2-3",
            "on processors 0-1",
        ],
        &["not with the majority"],
    ),
    (
        "check --from @svme-on-three-of-four.json",
        0,
        &["notice svm-in-use: EFER.SVME was already set on processors 0-1,3"],
        &["not judged", "alarm", "warning"],
    ),
    (
        "check --fail-on notice --from @svme-on-three-of-four.json",
        6,
        &["svm-in-use"],
        &[],
    ),
    (
        "check --fail-on notice --ignore svm-in-use --from @svme-on-three-of-four.json",
        0,
        &["nothing found; ignored: svm-in-use (1 finding)"],
        &["notice"],
    ),
    (
        "check --from @utf8-bom.json",
        7,
        &["nothing found; 3 of 31 rules not judged: no module list; 3 of 31 rules judged weakly"],
        &[],
    ),
    (
        "check --from @utf16le-bom.json",
        7,
        &["4 processors checked: nothing found"],
        &[],
    ),
    (
        "check --from @utf16-multiple-of-4096.json",
        7,
        &["4 processors checked: nothing found"],
        &[],
    ),
    (
        "check --from @schema-1.json",
        7,
        &["4 processors checked: nothing found"],
        &[],
    ),
    (
        "check --from @vmsa-page.bin",
        7,
        &["(nothing stored)"],
        &["alarm", "warning"],
    ),
    (
        "check --from @sev-es-running.vmcb",
        7,
        &[
            "notice guest-encrypted",
            "(the guest's state is encrypted): lstar-differs",
        ],
        &["alarm", "warning"],
    ),
    (
        "check --from @realmode-ap.vmcb",
        7,
        &["(not in long mode): lstar-differs"],
        &["alarm", "warning"],
    ),
    (
        "check --from @windows-guest-one-in-user-mode.vmcb",
        7,
        &["(not a snapshot of a running Windows): tr-limit-wide"],
        &["alarm", "warning"],
    ),
    (
        "check --as windows --from @windows-guest-one-in-user-mode.vmcb",
        7,
        &["nothing found"],
        &["alarm", "warning", "tr-limit-wide"],
    ),
    (
        "check --from @linux-guest-2vcpu.vmcb",
        7,
        &[
            "nothing found",
            "(not a snapshot of a running Windows): tr-limit-wide",
        ],
        &["alarm", "warning"],
    ),
    (
        "check --as windows --from @linux-guest-2vcpu.vmcb",
        6,
        &["warning tr-limit-wide"],
        &[],
    ),
    (
        "show --field efer --from @linux-guest-2vcpu.vmcb",
        0,
        &["0x00001d01\n0x00001d01\n"],
        &[],
    ),
    (
        "status --from @linux-guest-2vcpu.vmcb",
        0,
        &["not known: a VMCB page does not tell"],
        &["possible"],
    ),
    (
        "check --from @unpacked-attributes.vmcb",
        6,
        &[
            "warning attributes-reserved: FS attributes have reserved bits set",
            "reserved 0x4",
        ],
        &["alarm"],
    ),
    (
        "diff @same-machine-t0.json @same-machine-t1.json",
        0,
        &["no difference\n"],
        &["fs.base"],
    ),
    (
        "diff --all @same-machine-t0.json @same-machine-t1.json",
        6,
        &[
            "fs.base on processor 1: 0x0000000000000000 -> 0x00000000002ff000",
            "kernel_gs_base",
        ],
        &[],
    ),
    (
        "diff @before-migration.vmcb @after-migration.vmcb",
        0,
        &["the same in canonical form: fs.attrib on processor 0, fs.limit on processor 0, "],
        &["->"],
    ),
    (
        "diff --raw @before-migration.vmcb @after-migration.vmcb",
        6,
        &["tr.attrib on processor 0: 0x089 TSS -> 0x08b TSS busy"],
        &["canonical"],
    ),
    (
        "diff @windows.json @windows-after-reboot-hooked.json",
        6,
        &[
            "lstar on processor 2: 0xfffff8011241a640 ntoskrnl.exe+0x41a640 -> \
             0xfffff802b261a680 ntoskrnl.exe+0x41a680\n",
            "\n1 difference\n",
        ],
        &["gs.base", "tr.base", "cstar"],
    ),
    (
        "diff --raw @windows.json @windows-after-reboot-hooked.json",
        6,
        &["gs.base", "tr.base", "cstar"],
        &[],
    ),
    (
        "check --from @rlo-module.json",
        6,
        &[
            "alarm kernel-name-twice: 2 modules have the kernel's name: ntoskrnl.exe at \
             0xfffff80112000000, ntoskrnl.exe at 0xfffff80590010000",
            "alarm module-name-deceptive: names that are made to be read as others: \
             \\u{202e}exe.lnrksotn\\u{202c} at 0xfffff80590000000, nt\\u{43e}skrnl.exe at ",
            "lstar-outside-kernel: LSTAR does not point into the kernel's image on processors 0-2",
        ],
        &[],
    ),
];

#[test]
fn every_case_has_the_answer_that_is_right_for_it() {
    for (command, exit, wanted, unwanted) in CASES {
        let ran = client(command);
        assert_eq!(ran.exit, *exit, "{command}\n{}{}", ran.stdout, ran.stderr);
        for text in *wanted {
            assert!(
                ran.stdout.contains(text),
                "{command}: {text}\n{}",
                ran.stdout
            );
        }
        for text in *unwanted {
            let closing = ran.stdout.lines().last().unwrap_or_default();
            let findings = ran
                .stdout
                .lines()
                .filter(|line| !line.starts_with("judged weakly"));
            assert!(
                !findings.clone().any(|line| line.contains(text)),
                "{command}: {text}\n{}\n{closing}",
                ran.stdout
            );
        }
    }
}

#[test]
fn every_file_is_described_and_asked_about() {
    let files: BTreeSet<String> = fs::read_dir(path(""))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    let readme = fs::read_to_string(path("README.md")).unwrap();
    for file in &files {
        assert!(readme.contains(file.as_str()), "{file} is not described");
        let asked = CASES
            .iter()
            .any(|(command, ..)| command.contains(file.as_str()));
        assert!(asked, "{file} is not asked about");
    }
    assert_eq!(files.len(), 27);
}

#[test]
fn what_is_hidden_is_said_on_standard_error() {
    let ran = client("show --field lstar --from @redacted.json");
    assert_eq!(
        ran.stderr,
        "client: hidden, because SeDebugPrivilege was not held, and left empty on processors 0-3: \
         lstar\n"
    );
    let ran = client("show --field efer_found --from @linux-guest-2vcpu.vmcb");
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "\n\n"));
    assert!(
        ran.stderr.contains("efer_found is not recorded"),
        "{}",
        ran.stderr
    );
}

#[test]
fn no_name_of_a_module_reaches_a_reader_as_it_is() {
    let folder = Folder::new();
    let page = folder.path("page.html");
    let saved = folder.path("saved.json");
    let from = path("rlo-module.json");
    let mut outputs = vec![];
    for command in [
        ["show", "--from", &from].as_slice(),
        &["show", "--group-by", "value", "--from", &from],
        &["show", "--json", "--full", "--from", &from],
        &["show", "--csv", "--from", &from],
        &["check", "--from", &from],
        &["check", "--json", "--from", &from],
        &["check", "--jsonl", "--from", &from],
        &["diff", &path("windows.json"), &from],
        &["diff", "--json", &path("windows.json"), &from],
        &["report", &page, "--from", &from],
        &["save", &saved, "--from", &from],
    ] {
        outputs.push(run(command, &mut Driver::with_processors(1)).stdout);
    }
    outputs.push(fs::read_to_string(&page).unwrap());
    outputs.push(fs::read_to_string(&saved).unwrap());
    for output in outputs {
        assert!(output.is_ascii(), "{output}");
    }
    let (before, after) = (
        Snapshot::open(&from).unwrap(),
        Snapshot::open(&saved).unwrap(),
    );
    assert_eq!(before, after);
}

#[test]
fn a_choice_of_processors_narrows_what_is_shown_and_not_what_is_judged() {
    let tampered = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tampered.json");
    let text = |list: &str| {
        run(
            &["check", "-p", list, "--from", tampered],
            &mut Driver::with_processors(1),
        )
    };
    let ran = text("3");
    assert_eq!(ran.exit, 6);
    assert!(
        ran.stdout.starts_with("alarm lstar-differs"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout
            .contains("1 of 4 processors checked: 1 finding; 3 findings about other processors")
    );
    let ran = text("0");
    assert_eq!(ran.exit, 6);
    assert!(
        ran.stdout
            .contains("1 finding; 3 findings about other processors"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.starts_with("alarm gs-base-shared"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_file_that_was_made_for_reading_has_the_same_findings() {
    let tampered = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/tampered.json");
    for name in [tampered.to_owned(), path("rdmsr-hides-hook.json")] {
        let whole = Snapshot::open(&name).unwrap();
        let brief = run(
            &["show", "--json", "--from", &name],
            &mut Driver::with_processors(1),
        );
        let brief = Snapshot::parse(brief.stdout.as_bytes()).unwrap();
        let found = |snapshot: &Snapshot| -> BTreeSet<FindingId> {
            let findings = check(snapshot).findings.into_iter();
            findings.map(|finding| finding.id).collect()
        };
        let by_modules = FindingId::LstarOutsideKernel;
        let mut expected = found(&whole);
        expected.remove(&by_modules);
        assert_eq!(found(&brief), expected, "{name}");
        assert!(!check(&brief).is_complete());
    }
}

#[test]
fn the_same_kernel_of_another_build_is_told_once() {
    let before = Snapshot::open(path("windows.json")).unwrap();
    let mut after = Snapshot::open(path("windows-after-reboot-hooked.json")).unwrap();
    after.modules[0].size += 0x1000;
    let diff = Diff::between(&before, &after);
    assert_eq!(diff.changes, []);
    assert_eq!(
        diff.kernel,
        Some([
            "ntoskrnl.exe of 0x1047000 bytes".to_owned(),
            "ntoskrnl.exe of 0x1048000 bytes".to_owned()
        ])
    );
    assert_eq!(diff.count(), 1);
}

#[test]
fn a_verdict_in_json_is_the_verdict() {
    for file in [
        "redacted.json",
        "rdmsr-hides-hook.json",
        "brief.json",
        "tie-2-2.json",
    ] {
        let document: Value =
            serde_json::from_str(&client(&format!("check --json --from @{file}")).stdout).unwrap();
        let verdict = check(&Snapshot::open(path(file)).unwrap());
        assert_eq!(
            document["findings"].as_array().unwrap().len(),
            verdict.findings.len()
        );
        assert_eq!(document["complete"], verdict.is_complete());
        let told: usize = document["coverage"]
            .as_array()
            .unwrap()
            .iter()
            .map(|gap| gap["rules"].as_array().unwrap().len())
            .sum();
        let gaps = verdict
            .coverage
            .iter()
            .filter(|one| one.extent != Extent::Judged);
        assert_eq!(told, gaps.count(), "{file}");
        assert!(verdict.has(Severity::Notice) != verdict.findings.is_empty());
    }
}
