//! What an INF must be for Windows to take it as a primitive driver's: the rules of Microsoft's
//! `InfVerif` for Windows drivers (`/w`) that such an INF can break, by their numbers.
//!
//! `InfVerif` itself runs in the `cargo make` flow, on Windows. Its numbers 1213, 1422 and 1423,
//! whose words are not public, are met by the last rule: nothing but what is known is allowed.

use anyhow::{Result, bail};

use super::document::Document;
use crate::check::Check;

/// The sections that the INF has, and what each may say; no name at all allows any.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "Version",
        &[
            "Signature",
            "Class",
            "ClassGuid",
            "Provider",
            "DriverVer",
            "CatalogFile",
            "PnpLockdown",
        ],
    ),
    ("DestinationDirs", &["DefaultDestDir"]),
    ("SourceDisksNames", &[]),
    ("SourceDisksFiles", &[]),
    (INSTALL, &["CopyFiles"]),
    (SERVICES, &["AddService"]),
    ("Driver.Files", &[]),
    (
        "Driver.Service",
        &[
            "DisplayName",
            "Description",
            "ServiceType",
            "StartType",
            "ErrorControl",
            "ServiceBinary",
        ],
    ),
    ("Strings", &[]),
];

const INSTALL: &str = "DefaultInstall.NTamd64";
const SERVICES: &str = "DefaultInstall.NTamd64.Services";

/// Every rule for the text of an INF, kept or not.
pub(super) fn check(text: &str) -> Result<Vec<Check>> {
    let inf = Document::read(text)?;
    let mut checks = check_version(&inf);
    checks.extend(check_installation(&inf));
    checks.extend(check_references(&inf));
    Ok(checks)
}

/// Refuses an INF that breaks a rule.
pub(super) fn require(text: &str) -> Result<()> {
    let broken: Vec<String> = check(text)?
        .into_iter()
        .filter_map(|check| Some(format!("{}: {}", check.rule, check.violation?)))
        .collect();
    if !broken.is_empty() {
        bail!("the INF breaks its rules:\n{}", broken.join("\n"));
    }
    Ok(())
}

fn check_version(inf: &Document) -> Vec<Check> {
    let value = |name| inf.value("Version", name).unwrap_or_default();
    let is = |rule, name, wanted: &str| {
        let found = value(name);
        Check::new(rule, found.eq_ignore_ascii_case(wanted), found)
    };
    let provider = value("Provider");
    let version = value("DriverVer");
    vec![
        is(
            "1001: is signed as for Windows NT",
            "Signature",
            "$Windows NT$",
        ),
        Check::new(
            "1204: has a provider, and not Microsoft",
            !provider.is_empty() && !provider.eq_ignore_ascii_case("Microsoft"),
            provider,
        ),
        Check::new(
            "1233: names its date and version",
            is_driver_version(&version),
            version,
        ),
        is("1233: names its catalog", "CatalogFile", "svmsave.cat"),
        is(
            "1284: is of a class that is not reserved",
            "Class",
            "System",
        ),
        is(
            "1284: has the identifier of its class",
            "ClassGuid",
            "{4d36e97d-e325-11ce-bfc1-08002be10318}",
        ),
        is("1324: locks its files", "PnpLockdown", "1"),
    ]
}

/// `07/09/2025,0.1.0.0`
fn is_driver_version(text: &str) -> bool {
    let numbers = |text: &str, mark| -> Vec<Option<u16>> {
        text.split(mark).map(|number| number.parse().ok()).collect()
    };
    let Some((date, version)) = text.split_once(',') else {
        return false;
    };
    matches!(
        numbers(date, '/')[..],
        [Some(1..=12), Some(1..=31), Some(2000..)]
    ) && matches!(
        numbers(version, '.')[..],
        [Some(_), Some(_), Some(_), Some(_)]
    )
}

fn check_installation(inf: &Document) -> Vec<Check> {
    let sections: Vec<&str> = inf
        .sections()
        .map(|section| section.name.as_str())
        .collect();
    let starting = |prefix: &str| {
        let prefix = prefix.to_lowercase();
        let of_kind = |name: &&&str| name.to_lowercase().starts_with(&prefix);
        sections.iter().filter(of_kind).copied().collect::<Vec<_>>()
    };
    let devices = starting("Manufacturer");
    let installs = starting("DefaultInstall");
    let uninstalls = starting("DefaultUninstall");
    let folders = inf
        .section("DestinationDirs")
        .map_or_else(Vec::new, |section| {
            let lines = section.lines.iter();
            lines
                .map(|(_, value)| value.clone().unwrap_or_default())
                .collect()
        });
    let binary = inf
        .value("Driver.Service", "ServiceBinary")
        .unwrap_or_default();
    let is_number = |rule, name, wanted: &str| {
        let found = inf.value("Driver.Service", name).unwrap_or_default();
        Check::new(rule, found == wanted, found)
    };
    vec![
        Check::new(
            "1212, 1297: is no device's",
            devices.is_empty(),
            devices.join(", "),
        ),
        Check::new(
            "1420, 1421: installs by default, for this architecture alone",
            installs == [INSTALL, SERVICES],
            installs.join(", "),
        ),
        Check::new(
            "1420, 1421: leaves removal to Windows",
            uninstalls.is_empty(),
            uninstalls.join(", "),
        ),
        Check::new(
            "1322: its files stay in the driver store",
            !folders.is_empty() && folders.iter().all(|folder| folder == "13"),
            folders.join(", "),
        ),
        Check::new(
            "1322: its service runs from the driver store",
            binary == r"%13%\svmsave.sys",
            binary,
        ),
        is_number("is a kernel driver", "ServiceType", "1"),
        is_number("is started on demand", "StartType", "3"),
        is_number("lets the machine start without it", "ErrorControl", "1"),
    ]
}

/// What each part of the INF says about another.
fn check_references(inf: &Document) -> Vec<Check> {
    let first = |section, name| {
        let value = inf.value(section, name).unwrap_or_default();
        value
            .split(',')
            .map(|part| part.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let copied = first(INSTALL, "CopyFiles");
    let service = first(SERVICES, "AddService");
    let missing: Vec<&str> = copied
        .iter()
        .chain(service.get(2))
        .map(String::as_str)
        .filter(|name| inf.section(name).is_none())
        .collect();
    let of_section = |name: &str| {
        let lines = inf.section(name).map(|section| &section.lines);
        lines
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
    };
    let files: Vec<&str> = copied.iter().flat_map(|name| of_section(name)).collect();
    let sources = of_section("SourceDisksFiles");
    let unknown = unknown_lines(inf);
    let values = inf.sections().flat_map(|section| &section.lines);
    let tokens: Vec<&str> = values
        .filter_map(|(_, value)| value.as_deref())
        .flat_map(|value| inf.unknown_tokens(value))
        .collect();
    vec![
        Check::new(
            "1203: has every section that it names",
            missing.is_empty() && service.len() == 3,
            missing.join(", "),
        ),
        Check::new(
            "1230: copies the driver, and says where it comes from",
            files == ["svmsave.sys"] && sources == files,
            format!("copies {files:?} of {sources:?}"),
        ),
        Check::new(
            "1235: has every text that it names",
            tokens.is_empty(),
            tokens.join(", "),
        ),
        Check::new(
            "1213, 1323, 1422, 1423, 2083: has nothing but what is known",
            unknown.is_empty(),
            unknown.join(", "),
        ),
    ]
}

/// Sections and directives that are not known.
fn unknown_lines(inf: &Document) -> Vec<String> {
    let mut unknown = Vec::new();
    for section in inf.sections() {
        let mut known = KNOWN.iter();
        let Some((_, names)) = known.find(|(name, _)| section.name.eq_ignore_ascii_case(name))
        else {
            unknown.push(format!("[{}]", section.name));
            continue;
        };
        for (line, _) in &section.lines {
            if !names.is_empty() && !names.iter().any(|name| line.eq_ignore_ascii_case(name)) {
                unknown.push(format!("{line} in [{}]", section.name));
            }
        }
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inf::stamp;

    fn good() -> String {
        stamp(
            include_str!("../../../inf/svmsave.inx"),
            "07/09/2025,0.1.0.0",
        )
        .unwrap()
    }

    fn broken(text: &str) -> Vec<String> {
        let checks = check(text).unwrap().into_iter();
        let broken = checks.filter(|check| check.violation.is_some());
        broken.map(|check| check.rule.into_owned()).collect()
    }

    #[test]
    fn the_committed_inf_keeps_every_rule() {
        assert_eq!(broken(&good()), Vec::<String>::new());
        assert!(require(&good()).is_ok());
    }

    /// Lines of the good INF, what becomes of them, and the numbers that are to be told.
    const DAMAGE: &[(&str, &str, &[&str])] = &[
        ("$Windows NT$", "$Chicago$", &["1001"]),
        ("%Provider%", "Microsoft", &["1204"]),
        ("%Provider%", "", &["1204"]),
        ("07/09/2025,0.1.0.0", "07/09/2025", &["1233"]),
        ("07/09/2025,0.1.0.0", "09.07.2025,0.1.0.0", &["1233"]),
        ("CatalogFile = svmsave.cat", "", &["1233"]),
        ("= System", "= Sample", &["1284"]),
        ("4d36e97d", "4d36e97e", &["1284"]),
        ("PnpLockdown = 1", "", &["1324"]),
        ("PnpLockdown = 1", "PnpLockdown = 0", &["1324"]),
        (
            "[Driver.Files]",
            "[Manufacturer]\r\n[Driver.Files]",
            &["1212", "2083"],
        ),
        (
            "[DefaultInstall.NTamd64]",
            "[DefaultInstall]",
            &["1421", "1203", "1230", "2083"],
        ),
        (
            "[DefaultInstall.NTamd64.Services]",
            "[DefaultInstall.Services]",
            &["1421", "1203", "2083"],
        ),
        (
            "[Driver.Files]",
            "[DefaultUninstall.NTamd64]\r\nDelFiles = Driver.Files\r\n[Driver.Files]",
            &["1420", "2083"],
        ),
        ("DefaultDestDir = 13", "DefaultDestDir = 12", &["1322"]),
        (
            "[DestinationDirs]",
            "[DestinationDirs]\r\nDriver.Files = 12",
            &["1322", "2083"],
        ),
        (r"%13%\svmsave.sys", r"%12%\svmsave.sys", &["1322"]),
        (r"%13%\svmsave.sys", r"%13%\other.sys", &["1322"]),
        (
            "CopyFiles = Driver.Files",
            "CopyFiles = Files",
            &["1203", "1230"],
        ),
        ("svmsave,,Driver.Service", "svmsave,,Service", &["1203"]),
        ("svmsave.sys = 1,,", "", &["1230"]),
        ("%ServiceName%", "%SystemRoot%", &["1235"]),
        (
            "ErrorControl  = 1",
            "AddReg = Registry\r\nErrorControl = 1",
            &["1323"],
        ),
        (
            "[Driver.Files]",
            "[DefaultInstall.NTamd64.CoInstallers]\r\n[Driver.Files]",
            &["1420", "1423"],
        ),
        (
            "ServiceType   = 1",
            "ServiceType = 16",
            &["is a kernel driver"],
        ),
        (
            "StartType     = 3",
            "StartType = 0",
            &["is started on demand"],
        ),
        (
            "ErrorControl  = 1",
            "ErrorControl = 3",
            &["lets the machine start"],
        ),
    ];

    #[test]
    fn every_rule_is_broken_by_what_it_forbids() {
        for (from, to, numbers) in DAMAGE {
            let damaged = good().replacen(from, to, 1);
            assert_ne!(damaged, good(), "{from}");
            let broken = broken(&damaged);
            assert!(
                broken.len() == numbers.len()
                    && numbers
                        .iter()
                        .all(|number| broken.iter().any(|rule| rule.contains(number))),
                "{from} -> {to}: {broken:?}"
            );
            assert!(require(&damaged).is_err());
        }
    }
}
