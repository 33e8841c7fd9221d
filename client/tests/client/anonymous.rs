//! `--anonymous`: what others may see of a machine, and that it is judged as before.

use std::collections::BTreeSet;

use client::{Coverage, Field, FindingId, ProcessorId, Snapshot, Verdict};
use proptest::prelude::*;

use crate::fake::Driver;
use crate::files::{Folder, snapshot};
use crate::{output, run};

const ADDRESSES: [Field; 9] = [
    Field::FsBase,
    Field::GsBase,
    Field::LdtrBase,
    Field::TrBase,
    Field::Lstar,
    Field::Cstar,
    Field::KernelGsBase,
    Field::SysenterEsp,
    Field::SysenterEip,
];

/// What a verdict comes to, but for the numbers.
type Outcome = (
    Vec<(FindingId, Vec<ProcessorId>, Vec<(Field, Option<String>)>)>,
    Vec<Coverage>,
);

fn outcome(verdict: Verdict) -> Outcome {
    let findings = verdict.findings.into_iter().map(|finding| {
        let values = finding.values.into_iter().chain(finding.others);
        let places = values.map(|value| (value.field, value.place));
        (finding.id, finding.processors, places.collect())
    });
    (findings.collect(), verdict.coverage)
}

/// The values of all fields that hold addresses, as far as they are some.
fn addresses(snapshot: &Snapshot) -> BTreeSet<u64> {
    let captures = snapshot
        .processors
        .iter()
        .filter_map(|one| one.result.as_ref().ok());
    let values = captures.flat_map(|capture| ADDRESSES.map(|field| field.of(capture).unwrap()));
    let bases = snapshot.modules.iter().map(|module| module.base);
    values
        .chain(bases)
        .filter(|value| *value >= 0x1_0000)
        .collect()
}

fn example(name: &str) -> Snapshot {
    Snapshot::open(format!(
        "{}/examples/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

#[test]
fn neither_the_host_nor_an_address_is_left_and_the_verdict_is() {
    for name in ["healthy", "tampered"] {
        let before = example(name);
        let mut after = before.clone();
        after.machine.host = Some("WS-0412".to_owned());
        after.make_anonymous();
        assert_eq!(after.machine.host, None);
        assert!(addresses(&before).is_disjoint(&addresses(&after)), "{name}");
        assert_eq!(
            outcome(client::check(&before)),
            outcome(client::check(&after)),
            "{name}"
        );
        let text = after.to_json().unwrap();
        assert_eq!(Snapshot::parse(text.as_bytes()).unwrap(), after);
    }
}

#[test]
fn every_command_that_shows_a_machine_can_keep_it_to_itself() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(2);
    driver.machine.host = Some("WS-0412".to_owned());
    driver.snapshot(1).state.system_call.lstar += 0x40;
    let [lstar, gs_base] = [0, 1].map(|at| {
        let state = driver.snapshot(at).state;
        [state.system_call.lstar, state.gs.base][at]
    });
    let page = folder.path("page");
    let file = folder.path("file");
    let raw = folder.path("raw");
    for command in [
        ["show", "--anonymous"].as_slice(),
        &["show", "--json", "--full", "--anonymous"],
        &["show", "--csv", "--anonymous"],
        &["check", "--anonymous"],
        &["check", "--json", "--anonymous"],
        &["report", &page, "--anonymous"],
        &["save", &file, "--anonymous"],
        &["save", "--raw", &raw, "--anonymous"],
    ] {
        let ran = run(command, &mut driver);
        assert_eq!(ran.stderr, "", "{command:?}");
        let written = [&page, &file].map(|path| std::fs::read_to_string(path).unwrap_or_default());
        let told = ran.stdout + &written.concat();
        for secret in [
            "WS-0412".to_owned(),
            format!("{lstar:x}"),
            format!("{gs_base:x}"),
        ] {
            assert!(!told.contains(&secret), "{command:?}: {secret}");
        }
    }
    let bytes = std::fs::read(&raw).unwrap();
    for secret in [lstar, gs_base] {
        let secret = secret.to_le_bytes();
        assert!(!bytes.windows(8).any(|window| window == secret));
    }
    let text = output(
        &["show", "--columns", "lstar", "--from", &file],
        &mut driver,
    );
    assert!(text.contains("the snapshot is anonymous"), "{text}");
    assert!(text.contains("ntoskrnl.exe+0x42b6c0"), "{text}");
    let decoded = output(&["decode", &file, "--field", "lstar"], &mut driver);
    let again = output(
        &["decode", &file, "--field", "lstar", "--anonymous"],
        &mut driver,
    );
    assert_eq!(decoded, again);
}

#[test]
fn an_address_that_no_processor_could_hold_gives_no_other_away() {
    // One that is right, but for its upper bits; one in a program's half; and the list of the images.
    for flipped in [0x7FFF << 48, 1 << 63, 1 << 62, 0xFF << 56] {
        let mut before = example("healthy");
        let address = before.modules[0].base + 0x3_3D62;
        for processor in &mut before.processors {
            let capture = processor.result.as_mut().unwrap();
            let state = &mut capture.vmsave;
            state.system_call.lstar = address ^ flipped;
            state.fs.base = 0x7FF6_1234_5000 ^ flipped;
            let Some(Ok(witness)) = &mut capture.witness else {
                panic!("no witness");
            };
            witness.system_call.lstar = address ^ flipped ^ 1;
        }
        let mut after = before.clone();
        after.make_anonymous();
        let verdict = client::check(&before);
        let ids: Vec<_> = verdict.findings.iter().map(|one| one.id).collect();
        assert!(ids.contains(&FindingId::AddressNoncanonical), "{ids:?}");
        assert_eq!(outcome(verdict), outcome(client::check(&after)));
        let text = after.to_json().unwrap();
        for secret in [address, address ^ 1, 0x7FF6_1234_5000] {
            // Neither all of it nor its lower bits but for the offset in the page.
            for bits in [64, 48, 40] {
                let digits = format!(
                    "{:0width$x}",
                    secret << (64 - bits) >> (64 - bits),
                    width = bits / 4
                );
                assert!(!text.contains(&digits), "{digits}");
            }
        }
        after.make_anonymous();
        assert_eq!(after.to_json().unwrap(), text);
    }
    let mut noncanonical = example("healthy");
    noncanonical.modules[0].base ^= 1 << 62;
    let base = noncanonical.modules[0].base;
    noncanonical.make_anonymous();
    assert_ne!(noncanonical.modules[0].base, base);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_snapshot_is_judged_as_before(before in snapshot()) {
        let mut after = before.clone();
        after.make_anonymous();
        prop_assert_eq!(outcome(client::check(&before)), outcome(client::check(&after)));
        let once = after.clone();
        after.make_anonymous();
        prop_assert_eq!(once, after);
    }
}

/// A folder with a tampered machine and a guest's page, both named after their host.
fn named_after_their_host() -> (Folder, BTreeSet<String>) {
    const OF_PAGES: [&str; 5] = ["rip", "rsp", "cr3", "nested_cr3", "msr_permission_map"];
    let folder = Folder::new();
    std::fs::create_dir(folder.path("hosts")).unwrap();
    let mut tampered = example("tampered");
    tampered.machine.host = Some("SECRET-17".to_owned());
    let json = tampered.to_json().unwrap();
    std::fs::write(folder.path("hosts/SECRET-17.json"), json).unwrap();
    let page = folder.path("hosts/SECRET-18.vmcb");
    std::fs::copy("tests/cases/linux-guest-2vcpu.vmcb", &page).unwrap();
    std::fs::write(folder.path("hosts/SECRET-19.txt"), "no snapshot").unwrap();
    let guest = Snapshot::open(&page).unwrap();
    let captures = guest.processors.iter();
    let captures = captures.filter_map(|one| one.result.as_ref().ok());
    let of_pages = captures.flat_map(|capture| {
        OF_PAGES.map(|name| name.parse::<Field>().unwrap().of(capture).unwrap())
    });
    let of_pages = of_pages.filter(|value| *value >= 0x1_0000);
    let known = [addresses(&tampered), addresses(&guest)];
    let known = known.into_iter().flatten().chain(of_pages);
    let mut secrets: BTreeSet<String> = known.map(|value| format!("{value:x}")).collect();
    secrets.insert("SECRET".to_owned());
    (folder, secrets)
}

#[test]
fn no_layout_of_any_command_tells_the_host_or_an_address() {
    let (folder, secrets) = named_after_their_host();
    let all = folder.path("hosts");
    let files = ["hosts/SECRET-17.json", "hosts/SECRET-18.vmcb"].map(|name| folder.path(name));
    let layouts = [
        &[][..],
        &["--wide"],
        &["--csv"],
        &["--jsonl"],
        &["--json"],
        &["--json", "--full"],
        &["--group-by", "value"],
        &["--field", "lstar"],
        &["--columns", "tr,lstar,gs.base"],
        &["--vmrun"],
        &["--vmrun", "--json"],
        &["--quiet"],
    ];
    let of_one: &[&[&str]] = &[
        &["show"],
        &["show", "--from"],
        &["decode"],
        &["decode", "--from"],
        &["check"],
        &["check", "--from"],
        &["report", "-", "--from"],
        &["save", "-", "--from"],
    ];
    let of_many: &[&[&str]] = &[&["show"], &["check"]];
    let mut told = 0;
    for layout in layouts {
        let one = files
            .iter()
            .flat_map(|file| of_one.iter().map(move |one| (*one, file)));
        let many = of_many.iter().map(|many| (*many, &all));
        for (command, file) in one.chain(many) {
            let arguments = [command, &[file, "--anonymous"], layout].concat();
            let ran = run(&arguments, &mut Driver::with_processors(1));
            // A command does not take the layouts of others.
            if ran.exit == 2 {
                continue;
            }
            told += usize::from(!ran.stdout.is_empty());
            for secret in &secrets {
                assert!(!ran.stdout.contains(secret), "{arguments:?}: {secret}");
            }
        }
    }
    assert!(told > 60, "{told}");
}

#[test]
fn files_go_by_their_numbers_where_they_would_name_the_host() {
    let (folder, _) = named_after_their_host();
    let all = folder.path("hosts");
    let lines = |command: &str| -> Vec<serde_json::Value> {
        let ran = run(
            &[command, "--jsonl", "--anonymous", &all],
            &mut Driver::with_processors(1),
        );
        assert!(ran.stderr.contains("SECRET-19.txt"), "{}", ran.stderr);
        let lines = ran.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let [checked, shown] = ["check", "show"].map(|command| {
        let lines = lines(command);
        let names = lines.iter().filter_map(|line| line["file"].as_str());
        names.map(str::to_owned).collect::<BTreeSet<_>>()
    });
    assert_eq!(checked, shown);
    let names: Vec<&str> = checked.iter().map(String::as_str).collect();
    assert_eq!(names, ["machine-1", "machine-2", "machine-3"]);
}

#[test]
fn what_vmrun_refuses_is_judged_of_the_whole_page() {
    let decode = |options: &[&str]| {
        let page = "tests/cases/linux-guest-2vcpu.vmcb";
        let arguments = [&["decode", page, "--vmrun"], options].concat();
        let ran = run(&arguments, &mut Driver::with_processors(1));
        let refused = ran.stdout.lines().filter(|line| line.contains("VMRUN"));
        (ran.exit, refused.map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(decode(&["--anonymous"]), decode(&[]));
}
