//! What the driver's image must be for Windows to load it, memory integrity included.
//!
//! Reads the file only; nothing here knows how it was made.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use object::pe::{
    DllFlags, IMAGE_DIRECTORY_ENTRY_BASERELOC, IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE,
    IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA, IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
    IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE, IMAGE_SUBSYSTEM_NATIVE, Subsystem,
};
use object::read::pe::{ImageNtHeaders as _, ImageOptionalHeader as _, PeFile64};
use object::{LittleEndian as LE, Object as _};
use wdk_linux::image::expected_checksum;
use xtask::artifact::Profile;
use xtask::check::Check;

use super::exceptions;

/// A release build has to fit into this.
const RELEASE_SIZE_LIMIT: usize = 24 * 1024;

/// What the checks look at.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The file's size in bytes.
    pub size: usize,
    /// The images that routines are imported from.
    pub imported_images: BTreeSet<String>,
    /// Names of sections that are both writable and executable.
    pub writable_code: Vec<String>,
    /// Alignment of sections in memory, in bytes.
    pub section_alignment: u32,
    /// Whether the image can be moved.
    pub has_relocations: bool,
    /// What the loader is told about the image.
    pub characteristics: DllFlags,
    /// What the image runs in.
    pub subsystem: Subsystem,
    /// The checksum in the header.
    pub checksum: u32,
    /// The checksum that the file has.
    pub computed_checksum: u32,
    /// What is wrong with the tables that exceptions are dispatched by.
    pub exception_faults: Vec<String>,
    /// The name of the file with debugging information, as a debugger would look for it.
    pub debug_file: String,
}

impl Facts {
    /// Reads the facts of a 64-bit image.
    ///
    /// # Errors
    ///
    /// If the file can't be read, or is no 64-bit image.
    pub fn of_file(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::of_image(&bytes).with_context(|| path.display().to_string())
    }

    /// Reads the facts of a 64-bit image that is in memory.
    ///
    /// # Errors
    ///
    /// If it is no 64-bit image.
    pub fn of_image(bytes: &[u8]) -> Result<Self> {
        let image = PeFile64::parse(bytes)?;
        let header = image.nt_headers().optional_header();
        let imported_images = imported_images(&image)?;
        let writable_code = image
            .section_table()
            .iter()
            .filter(|section| {
                section
                    .characteristics
                    .get(LE)
                    .contains(IMAGE_SCN_MEM_WRITE | IMAGE_SCN_MEM_EXECUTE)
            })
            .map(|section| String::from_utf8_lossy(section.raw_name()).into_owned())
            .collect();
        let debug_file = image
            .pdb_info()?
            .map(|info| String::from_utf8_lossy(info.path()).into_owned())
            .unwrap_or_default();
        Ok(Self {
            size: bytes.len(),
            imported_images,
            writable_code,
            section_alignment: header.section_alignment(),
            has_relocations: image
                .data_directory(IMAGE_DIRECTORY_ENTRY_BASERELOC)
                .is_some_and(|directory| directory.size.get(LE) > 0),
            characteristics: header.dll_characteristics(),
            subsystem: header.subsystem(),
            checksum: header.check_sum(),
            computed_checksum: expected_checksum(bytes)?,
            exception_faults: exceptions::faults(bytes)
                .unwrap_or_else(|error| vec![format!("{error:#}")]),
            debug_file,
        })
    }

    /// Every rule for a driver, kept or not.
    #[must_use]
    pub fn check(&self, profile: Profile) -> Vec<Check> {
        let mut checks = self.check_file();
        checks.extend(self.check_memory());
        if profile == Profile::Release {
            checks.push(Check::new(
                "is under 24 KiB",
                self.size < RELEASE_SIZE_LIMIT,
                format!("{} bytes", self.size),
            ));
        }
        checks
    }

    /// Rules for the file and what is in it.
    fn check_file(&self) -> Vec<Check> {
        let rule = Check::new;
        let mut imported = self.imported_images.iter();
        let known = |image: &String| matches!(image.as_str(), "ntoskrnl.exe" | "hal.dll");
        vec![
            rule(
                "a native image",
                self.subsystem == IMAGE_SUBSYSTEM_NATIVE,
                format!("subsystem {}", self.subsystem.0),
            ),
            rule(
                "imports from ntoskrnl.exe and hal.dll only",
                imported.all(known) && !self.imported_images.is_empty(),
                format!("imports from {:?}", self.imported_images),
            ),
            rule(
                "its checksum is right",
                self.checksum == self.computed_checksum,
                format!(
                    "{:#x} instead of {:#x}",
                    self.checksum, self.computed_checksum
                ),
            ),
            rule(
                "its exception tables fit its instructions",
                self.exception_faults.is_empty(),
                self.exception_faults.join(", "),
            ),
            rule(
                "names its debugging information without a folder",
                self.debug_file == "svmsave.pdb",
                self.debug_file.clone(),
            ),
        ]
    }

    /// Rules for what Windows maps of it.
    fn check_memory(&self) -> Vec<Check> {
        let rule = Check::new;
        let flags = format!("DllCharacteristics {:#06x}", self.characteristics.0);
        vec![
            rule(
                "no section is writable and executable",
                self.writable_code.is_empty(),
                self.writable_code.join(", "),
            ),
            rule(
                "sections are aligned to pages",
                self.section_alignment == 4096,
                format!("aligned to {}", self.section_alignment),
            ),
            rule("has relocations", self.has_relocations, "none".to_owned()),
            rule(
                "may be loaded anywhere",
                self.characteristics.contains(
                    IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
                        | IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA,
                ),
                flags.clone(),
            ),
            rule(
                "works without executable data",
                self.characteristics
                    .contains(IMAGE_DLLCHARACTERISTICS_NX_COMPAT),
                flags,
            ),
        ]
    }
}

/// The images that an image imports from.
fn imported_images(image: &PeFile64) -> Result<BTreeSet<String>> {
    let imports = image.imports()?;
    imports
        .map(|import| Ok(String::from_utf8_lossy(import?.library()).to_lowercase()))
        .collect()
}

/// The rule for what `client.exe` imports: what the loader takes from the system, whatever lies beside
/// the program.
///
/// # Errors
///
/// If it is no 64-bit image.
pub fn check_client(bytes: &[u8]) -> Result<Check> {
    Ok(check_client_imports(imported_images(&PeFile64::parse(
        bytes,
    )?)?))
}

/// Source of the names: the registry's list `KnownDLLs`, and "Windows API sets" of Windows' documentation.
fn check_client_imports(mut images: BTreeSet<String>) -> Check {
    const KNOWN: [&str; 5] = [
        "advapi32.dll",
        "kernel32.dll",
        "msvcrt.dll",
        "ntdll.dll",
        "user32.dll",
    ];
    images.retain(|image| !KNOWN.contains(&image.as_str()) && !image.starts_with("api-ms-win-"));
    Check::new(
        "imports nothing that could lie beside it",
        images.is_empty(),
        format!("imports from {images:?}"),
    )
}

/// Refuses an image that breaks a rule.
///
/// # Errors
///
/// If a rule is broken; the error names each.
pub fn require(image: &[u8], profile: Profile) -> Result<()> {
    let broken: Vec<String> = Facts::of_image(image)?
        .check(profile)
        .into_iter()
        .filter_map(|check| Some(format!("{}: {}", check.rule, check.violation?)))
        .collect();
    if !broken.is_empty() {
        bail!("the image breaks its rules:\n{}", broken.join("\n"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use object::pe::{IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY, IMAGE_SUBSYSTEM_WINDOWS_CUI};

    use super::*;
    use wdk_linux::image::example;

    /// Breaks one rule.
    type Fault = fn(&mut Facts);

    fn good() -> Facts {
        Facts {
            size: 8192,
            imported_images: ["ntoskrnl.exe".to_owned(), "hal.dll".to_owned()].into(),
            writable_code: Vec::new(),
            section_alignment: 4096,
            has_relocations: true,
            characteristics: IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
                | IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA
                | IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
            subsystem: IMAGE_SUBSYSTEM_NATIVE,
            checksum: 0x1234,
            computed_checksum: 0x1234,
            exception_faults: Vec::new(),
            debug_file: "svmsave.pdb".to_owned(),
        }
    }

    fn broken(facts: &Facts) -> Vec<String> {
        facts
            .check(Profile::Release)
            .into_iter()
            .filter(|check| check.violation.is_some())
            .map(|check| check.rule.into_owned())
            .collect()
    }

    #[test]
    fn every_rule_is_broken_by_what_it_forbids() {
        assert!(broken(&good()).is_empty());
        let faults: &[(&str, Fault)] = &[
            ("native", |facts| {
                facts.subsystem = IMAGE_SUBSYSTEM_WINDOWS_CUI;
            }),
            ("imports", |facts| {
                facts.imported_images.insert("kernel32.dll".to_owned());
            }),
            ("imports", |facts| facts.imported_images.clear()),
            ("writable", |facts| {
                facts.writable_code.push("INIT".to_owned());
            }),
            ("aligned", |facts| facts.section_alignment = 512),
            ("relocations", |facts| facts.has_relocations = false),
            ("anywhere", |facts| {
                facts.characteristics =
                    IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE | IMAGE_DLLCHARACTERISTICS_NX_COMPAT;
            }),
            ("executable data", |facts| {
                facts.characteristics = IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
                    | IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA
                    | IMAGE_DLLCHARACTERISTICS_FORCE_INTEGRITY;
            }),
            ("checksum", |facts| facts.checksum = 0),
            ("exception", |facts| {
                facts
                    .exception_faults
                    .push("a scope ends too early".to_owned());
            }),
            ("debugging", |facts| {
                facts.debug_file = "/tmp/svmsave.pdb".to_owned();
            }),
            ("debugging", |facts| facts.debug_file.clear()),
            ("24 KiB", |facts| facts.size = RELEASE_SIZE_LIMIT),
        ];
        for (word, break_it) in faults {
            let mut facts = good();
            break_it(&mut facts);
            let broken = broken(&facts);
            assert_eq!(broken.len(), 1, "{word}: {broken:?}");
            assert!(broken[0].contains(word), "{word}: {broken:?}");
        }
    }

    #[test]
    fn the_client_imports_from_libraries_of_the_system_alone() {
        let check = |images: &[&str]| {
            let images = images.iter().map(|image| (*image).to_owned());
            check_client_imports(images.collect()).violation
        };
        let usual = ["kernel32.dll", "api-ms-win-core-synch-l1-2-0.dll"];
        assert_eq!(check(&usual), None);
        for other in ["crypt32.dll", "wintrust.dll", "version.dll"] {
            let found = check(&[&usual[..], &[other]].concat()).unwrap();
            assert_eq!(found, format!("imports from {{{other:?}}}"));
        }
    }

    #[test]
    fn facts_are_read_from_an_image() {
        let facts = Facts::of_image(&example::image()).unwrap();
        assert_eq!(facts.debug_file, "svmsave.pdb");
        assert_eq!(facts.section_alignment, 4096);
        assert_eq!(facts.subsystem, IMAGE_SUBSYSTEM_NATIVE);
        assert_eq!(facts.characteristics, IMAGE_DLLCHARACTERISTICS_NX_COMPAT);
        assert!(facts.imported_images.is_empty() && !facts.has_relocations);
        assert_ne!(facts.checksum, facts.computed_checksum);
    }
}
