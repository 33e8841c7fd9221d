//! `cargo xtask package` as its users run it, and what is refused of a package that is not as it
//! was signed.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{LazyLock, Mutex};

/// A moment in 2025, and one a day later.
const DATES: [&str; 2] = ["1752019200", "1752105600"];

const FILES: [&str; 6] = [
    "client.exe",
    "svmsave.cat",
    "svmsave.cer",
    "svmsave.inf",
    "svmsave.pdb",
    "svmsave.sys",
];

/// The package that all tests look at and none changes.
static PACKAGE: LazyLock<PathBuf> = LazyLock::new(|| made("good", DATES[0]));

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("package")
        .join(name)
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_distribution"));
    command.arg("--folder").arg(folder);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// For what changes no package.
fn distribution(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().unwrap()
}

fn make(folder: &Path, date: &str, arguments: &[&str]) {
    // All are made from one INF, which has the date.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let mut command = command(folder, arguments);
    let output = command.env("SOURCE_DATE_EPOCH", date).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

fn made(name: &str, date: &str) -> PathBuf {
    let folder = folder(name);
    make(&folder, date, &[]);
    folder
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A copy of the package with one file changed.
fn changed(name: &str, file: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
    let folder = folder(name);
    fs::create_dir_all(&folder).unwrap();
    for file in FILES {
        fs::copy(PACKAGE.join(file), folder.join(file)).unwrap();
    }
    let path = folder.join(file);
    let mut content = fs::read(&path).unwrap();
    change(&mut content);
    fs::write(&path, content).unwrap();
    folder
}

/// What is said about a package that is refused.
fn refusal(folder: &Path, arguments: &[&str]) -> String {
    let output = distribution(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert_eq!(stdout(&output), "");
    let (_, refusal) = stderr(&output).split_once("error: ").unwrap();
    refusal.to_owned()
}

/// Who refuses what in a package that fails verification.
fn refused(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let refusal = refusal(folder, &[&["--verify"], arguments].concat());
    refusal
        .strip_prefix("refused:\n")
        .unwrap_or_else(|| panic!("{refusal}"))
        .lines()
        .map(str::to_owned)
        .collect()
}

fn assert_lines(refused: &[String], expected: &[&str]) {
    let fit = refused.iter().zip(expected);
    assert!(
        refused.len() == expected.len() && fit.clone().all(|(line, part)| line.contains(part)),
        "{refused:#?}"
    );
}

/// Where to change a file.
type Place = fn(&[u8]) -> usize;

fn place_of(content: &[u8], wanted: &[u8]) -> usize {
    let mut windows = content.windows(wanted.len());
    windows.position(|window| window == wanted).unwrap()
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn a_package_is_listed_with_its_signers_and_one_version() {
    let output = distribution(&PACKAGE, &["--list"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let (files, versions) = stdout(&output).split_once("\n\n").unwrap();
    let names: Vec<_> = files
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(names, FILES);
    for line in files.lines() {
        let signed = ["client.exe", "svmsave.sys", "svmsave.cat", "svmsave.cer"]
            .iter()
            .any(|name| line.starts_with(name));
        assert_eq!(
            line.ends_with("CN=svmsave test certificate"),
            signed,
            "{line}"
        );
    }
    let version = concat!(env!("CARGO_PKG_VERSION"), ".0");
    assert_eq!(versions.lines().count(), 4);
    assert!(
        versions.lines().all(|line| line.ends_with(version)),
        "{versions}"
    );
    assert_eq!(
        versions.matches(&format!("07/09/2025,{version}")).count(),
        2
    );
}

#[test]
fn verifiers_that_nobody_here_wrote_accept_it() {
    let output = distribution(&PACKAGE, &["--verify"]);
    assert!(output.status.success(), "{}", stderr(&output));
    for verifier in ["signify", "osslsigncode"] {
        for finding in [
            "svmsave.sys: its signature",
            "client.exe: its signature",
            "svmsave.cat: its signature",
            "svmsave.sys: its digest in svmsave.cat",
        ] {
            let line = format!("{finding} ({verifier})\n");
            assert!(stdout(&output).contains(&line), "{line}");
        }
    }
    for line in [
        "svmsave.inf: its digest in svmsave.cat (signify)\n",
        "svmsave.sys: its signature (LIEF)\n",
        "client.exe: its signature (LIEF)\n",
    ] {
        assert!(stdout(&output).contains(line), "{line}");
    }
}

#[test]
fn the_same_date_and_certificate_make_the_same_bytes() {
    let again = made("again", DATES[0]);
    let later = made("later", DATES[1]);
    for file in FILES {
        let content = fs::read(PACKAGE.join(file)).unwrap();
        assert_eq!(content, fs::read(again.join(file)).unwrap(), "{file}");
        let dated = ["client.exe", "svmsave.cat", "svmsave.inf", "svmsave.sys"].contains(&file);
        assert_eq!(
            content != fs::read(later.join(file)).unwrap(),
            dated,
            "{file}"
        );
    }
}

/// A bit of the driver that signatures cover.
#[test]
fn one_bit_of_the_driver_is_refused_by_all() {
    let places: [(&str, Place); 3] = [
        ("header", |content| place_of(content, b".text")),
        ("code", |_| 0x400),
        ("resources", |content| {
            place_of(content, &utf16("StringFileInfo"))
        }),
    ];
    for (name, place) in places {
        let folder = changed(&format!("driver-{name}"), "svmsave.sys", |content| {
            let place = place(content);
            content[place] ^= 1;
        });
        assert_lines(
            &refused(&folder, &[]),
            &[
                "svmsave.sys: its checksum is right",
                "svmsave.sys: its signature: AuthenticodeInvalidDigestError (signify)",
                "svmsave.sys: its digest in svmsave.cat: AuthenticodeNotSignedError (signify)",
                "svmsave.sys: its signature: BAD_DIGEST|BAD_SIGNATURE (LIEF)",
                "svmsave.sys: its signature (osslsigncode)",
                "svmsave.sys: its digest in svmsave.cat (osslsigncode)",
            ],
        );
    }
}

#[test]
fn one_bit_of_the_drivers_signature_is_refused() {
    let folder = changed("driver-signature", "svmsave.sys", |content| {
        let place = content.len() - 100;
        content[place] ^= 1;
    });
    assert_lines(
        &refused(&folder, &[]),
        &[
            "svmsave.sys: its checksum is right",
            "svmsave.sys: its signature",
            "svmsave.sys: its signature: BAD_SIGNATURE (LIEF)",
            "svmsave.sys: its signature (osslsigncode)",
        ],
    );
}

#[test]
fn one_bit_of_the_inf_is_refused() {
    let folder = changed("inf", "svmsave.inf", |content| content[0] ^= 1);
    let expected = ["svmsave.inf: its digest in svmsave.cat: AuthenticodeNotSignedError (signify)"];
    assert_lines(&refused(&folder, &[]), &expected);
    let refusal = refusal(&folder, &["--list"]);
    assert!(
        refusal.contains("svmsave.cat doesn't have svmsave.inf as it is"),
        "{refusal}"
    );
}

#[test]
fn one_bit_of_the_client_is_refused() {
    let folder = changed("client", "client.exe", |content| content[0x800] ^= 1);
    let expected = [
        "client.exe: its signature: AuthenticodeInvalidDigestError (signify)",
        "client.exe: its signature: BAD_DIGEST|BAD_SIGNATURE (LIEF)",
        "client.exe: its signature (osslsigncode)",
    ];
    assert_lines(&refused(&folder, &[]), &expected);
}

/// The catalog's signature goes for its members, too.
#[test]
fn one_bit_of_the_catalog_is_refused() {
    let folder = changed("catalog", "svmsave.cat", |content| {
        let system = place_of(content, &utf16("_v100_X64"));
        content[system] ^= 1;
    });
    let expected = [
        "svmsave.cat: its signature: AuthenticodeInvalidDigestError (signify)",
        "svmsave.sys: its digest in svmsave.cat",
        "svmsave.inf: its digest in svmsave.cat",
        "svmsave.cat: its signature (osslsigncode)",
        "svmsave.sys: its digest in svmsave.cat (osslsigncode)",
    ];
    assert_lines(&refused(&folder, &[]), &expected);
}

#[test]
fn a_driver_without_a_signature_is_refused() {
    let folder = changed("unsigned", "svmsave.sys", |_| {});
    let driver = folder.join("svmsave.sys");
    fs::remove_file(&driver).unwrap();
    let mut osslsigncode = Command::new("osslsigncode");
    osslsigncode
        .args(["remove-signature", "-in"])
        .arg(PACKAGE.join("svmsave.sys"));
    let output = osslsigncode.arg("-out").arg(&driver).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let expected = [
        "svmsave.sys: its signature: AuthenticodeNotSignedError (signify)",
        "svmsave.sys: its signature: NO_SIGNATURE (LIEF)",
        "svmsave.sys: its signature (osslsigncode)",
    ];
    assert_lines(&refused(&folder, &[]), &expected);
    let refusal = refusal(&folder, &["--list"]);
    assert!(
        refusal.contains("svmsave.sys: it is not signed"),
        "{refusal}"
    );
}

#[test]
fn a_catalog_of_another_version_is_refused() {
    let later = made("later-catalog", DATES[1]).join("svmsave.cat");
    let folder = changed("older", "svmsave.cat", |content| {
        *content = fs::read(later).unwrap();
    });
    let expected = ["svmsave.inf: its digest in svmsave.cat: AuthenticodeNotSignedError (signify)"];
    assert_lines(&refused(&folder, &[]), &expected);
}

/// A file with a key and a certificate of one's own, made in this folder.
fn another_signer(folder: &Path) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let [key, certificate, both] =
        ["key.pem", "certificate.pem", "both.pem"].map(|name| folder.join(name));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
    ]);
    openssl.args([
        "-subj",
        "/CN=another signer",
        "-addext",
        "extendedKeyUsage=codeSigning",
    ]);
    openssl
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate);
    let output = openssl.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let text = fs::read_to_string(&key).unwrap() + &fs::read_to_string(&certificate).unwrap();
    fs::write(&both, text).unwrap();
    both
}

/// Both ways: a package that another one signed, and a certificate of one's own.
#[test]
fn only_the_certificate_that_was_named_is_trusted() {
    let own = folder("own-certificate");
    let both = another_signer(&own);
    let with_own = ["--cert", both.to_str().unwrap()];

    let expected = [
        "svmsave.sys: its signature",
        "client.exe: its signature",
        "svmsave.cat: its signature",
        "svmsave.sys: its digest in svmsave.cat",
        "svmsave.inf: its digest in svmsave.cat",
        "svmsave.sys: its signature: another certificate (LIEF)",
        "client.exe: its signature: another certificate (LIEF)",
        "svmsave.sys: its signature (osslsigncode)",
        "client.exe: its signature (osslsigncode)",
        "svmsave.cat: its signature (osslsigncode)",
        "svmsave.sys: its digest in svmsave.cat (osslsigncode)",
    ];
    assert_lines(&refused(&PACKAGE, &with_own), &expected);

    let signed = own.join("signed");
    make(&signed, DATES[0], &with_own);
    assert!(
        distribution(&signed, &[&["--verify"], &with_own[..]].concat())
            .status
            .success()
    );
    let listed = distribution(&signed, &["--list"]);
    assert_eq!(stdout(&listed).matches("CN=another signer").count(), 4);

    let certificate = own.join("certificate.pem");
    let without_key = ["--cert", certificate.to_str().unwrap()];
    let refusal = refusal(&signed, &without_key);
    assert!(refusal.contains("has no private key"), "{refusal}");
}

/// Before anything is built: a signature that signtool rejects is none.
#[test]
fn a_chain_of_certificates_is_refused_with_an_osslsigncode_that_leaves_it_unsorted() {
    let own = folder("chain");
    let both = another_signer(&own);
    let certificate = fs::read_to_string(own.join("certificate.pem")).unwrap();
    let chain = own.join("chain.pem");
    fs::write(&chain, fs::read_to_string(both).unwrap() + &certificate).unwrap();
    let older = own.join("bin/osslsigncode");
    fs::create_dir_all(older.parent().unwrap()).unwrap();
    fs::write(&older, "#!/bin/sh\necho 'osslsigncode 2.5, using:'\n").unwrap();
    fs::set_permissions(&older, fs::Permissions::from_mode(0o755)).unwrap();
    let path = env::join_paths(
        [older.parent().unwrap().to_owned()]
            .into_iter()
            .chain(env::split_paths(&env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let mut command = command(&own.join("signed"), &["--cert", chain.to_str().unwrap()]);
    let output = command.env("PATH", path).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert_eq!(
        stderr(&output),
        format!(
            "error: osslsigncode 2.5 leaves the 2 certificates of {} unsorted, and signtool and \
             Windows reject such a signature: install osslsigncode 2.8 or later, or leave the \
             certificate that signs alone in that file\n",
            chain.display()
        )
    );
}
