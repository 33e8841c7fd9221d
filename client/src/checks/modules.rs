//! The list of modules: which is the kernel, and which names deceive.

use super::coverage::Kernel;
use super::machine::Machine;
use super::{Finding, FindingId};
use crate::model::KernelModule;

/// The names that Windows' kernel has on x64, as it is loaded or as it is filed.
const KERNELS: [&str; 3] = ["ntoskrnl.exe", "ntkrnlmp.exe", "ntkrla57.exe"];

/// Names of modules that every Windows has, which others may be made to look like.
const KNOWN: [&str; 14] = [
    "ntoskrnl.exe",
    "ntkrnlmp.exe",
    "ntkrla57.exe",
    "hal.dll",
    "kdcom.dll",
    "ci.dll",
    "clfs.sys",
    "tm.sys",
    "fltmgr.sys",
    "ndis.sys",
    "tcpip.sys",
    "win32k.sys",
    "win32kbase.sys",
    "win32kfull.sys",
];

/// Characters that are not seen, or that turn the direction of what is.
const INVISIBLE: [(char, char); 9] = [
    ('\u{AD}', '\u{AD}'),
    ('\u{61C}', '\u{61C}'),
    ('\u{115F}', '\u{1160}'),
    ('\u{180E}', '\u{180E}'),
    ('\u{200B}', '\u{200F}'),
    ('\u{202A}', '\u{202E}'),
    ('\u{2060}', '\u{206F}'),
    ('\u{FEFF}', '\u{FEFF}'),
    ('\u{E0000}', '\u{E007F}'),
];

/// The kernel: of the modules of its name the largest, wherever it stands in the list.
pub(super) fn kernel(modules: &[KernelModule]) -> Kernel<'_> {
    if modules.is_empty() {
        return Kernel::NoList;
    }
    let named = modules.iter().filter(|module| is_kernels(&module.name));
    // Of equals the first, which was loaded first.
    match named.rev().max_by_key(|module| module.size) {
        Some(module) => Kernel::Known(module),
        None => Kernel::Unnamed,
    }
}

fn is_kernels(name: &str) -> bool {
    KERNELS
        .iter()
        .any(|kernel| kernel.eq_ignore_ascii_case(name.trim()))
}

pub(super) fn check(machine: &Machine, findings: &mut Vec<Finding>) {
    let modules = &machine.snapshot.modules;
    let kernels: Vec<_> = modules
        .iter()
        .filter(|module| is_kernels(&module.name))
        .collect();
    if kernels.len() > 1 {
        findings.push(Finding::about_modules(
            FindingId::KernelNameTwice,
            format!(
                "{} modules have the kernel's name: {}",
                kernels.len(),
                list(&kernels)
            ),
        ));
    }
    let deceptive: Vec<_> = modules
        .iter()
        .filter(|module| is_deceptive(&module.name))
        .collect();
    if !deceptive.is_empty() {
        findings.push(Finding::about_modules(
            FindingId::ModuleNameDeceptive,
            format!(
                "names that are made to be read as others: {}",
                list(&deceptive)
            ),
        ));
    }
}

fn list(modules: &[&KernelModule]) -> String {
    const MOST: usize = 8;
    let mut names: Vec<_> = modules
        .iter()
        .take(MOST)
        .map(|module| format!("{} at {:#x}", module.printable_name(), module.base))
        .collect();
    if let Some(more) = modules.len().checked_sub(MOST).filter(|more| *more > 0) {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// Whether a name has what is not seen, or looks like a name that it is not.
fn is_deceptive(name: &str) -> bool {
    // Other letters are looked up as they are: what is a small one of ASCII only by Unicode's rules,
    // as the sign of Kelvin is, deceives.
    let lower = name.trim().to_ascii_lowercase();
    let is_invisible = |character: char| {
        character.is_control()
            || character.is_whitespace() && character != ' '
            || INVISIBLE
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&character))
    };
    if name != name.trim() || name.chars().any(is_invisible) {
        return true;
    }
    let looks = looks_of(&lower);
    let is_known = KNOWN.contains(&lower.as_str());
    let mixes_scripts =
        !lower.is_ascii() && lower.chars().any(|letter| look_alike(letter).is_some());
    let reads_as = |known: &&str| looks_of(known) == looks || differs_in_foreign(&lower, known);
    !is_known && (mixes_scripts || KNOWN.iter().any(reads_as))
}

/// Whether a name is another but for letters that ASCII does not have: whatever they look like,
/// most of the name reads as the other.
fn differs_in_foreign(name: &str, known: &str) -> bool {
    let is_mark = |letter: &char| ('\u{300}'..='\u{36F}').contains(letter);
    let letters = name.chars().filter(|letter| !is_mark(letter));
    let foreign = letters.clone().filter(|letter| !letter.is_ascii()).count();
    let has_length = letters.clone().count() == known.len();
    has_length
        && 2 * foreign < known.len()
        && letters
            .zip(known.chars())
            .all(|(letter, other)| letter == other || !letter.is_ascii())
}

/// The name in letters of which no two look alike.
fn looks_of(name: &str) -> String {
    let letters = name
        .chars()
        .map(|letter| look_alike(letter).unwrap_or(letter));
    let plain: String = letters
        .map(|letter| match letter {
            '0' => 'o',
            '1' | 'i' | '|' => 'l',
            other => other,
        })
        .collect();
    plain.replace("rn", "m").replace("vv", "w")
}

/// The letter of ASCII that a letter of another script is taken for.
///
/// Source: the letters of Unicode's `confusables.txt` (UTS 39) that stand for one of ASCII, small
/// and large, as far as the ANSI code pages of Windows have them, and the full-width forms.
fn look_alike(letter: char) -> Option<char> {
    const CONFUSABLE: [(&str, char); 20] = [
        ("аαɑΑАⱭ", 'a'),
        ("ьЬЬ", 'b'),
        ("сϲϹС", 'c'),
        ("ԁԀ", 'd'),
        ("еєёЁЄЕ", 'e'),
        ("ɡꞬ", 'g'),
        ("һҺ", 'h'),
        ("іıιїΙІЇİ", 'i'),
        ("јϳͿЈ", 'j'),
        ("кκΚК\u{212A}", 'k'),
        ("ӏǀӀ", 'l'),
        ("мμΜМ", 'm'),
        ("пոПՈ", 'n'),
        ("оοσօΟΣОՕ", 'o'),
        ("рρΡР", 'p'),
        ("гѓЃГ", 'r'),
        ("ѕЅ", 's'),
        ("тτΤТ", 't'),
        ("υսцΥЦՍ", 'u'),
        ("хχ×уΧУХ", 'x'),
    ];
    if let 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '０'..='９' | '．' | '＿' = letter {
        let plain = char::from_u32(u32::from(letter) - 0xFEE0)?;
        return Some(plain.to_ascii_lowercase());
    }
    let (_, plain) = CONFUSABLE
        .iter()
        .find(|(letters, _)| letters.contains(letter))?;
    Some(*plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(name: &str, base: u64, size: u32) -> KernelModule {
        KernelModule {
            name: name.to_owned(),
            base,
            size,
        }
    }

    #[test]
    fn a_large_letter_looks_like_its_small_one() {
        for large in ('\u{80}'..=char::MAX).filter(|letter| letter.is_uppercase()) {
            let small: Vec<char> = large.to_lowercase().collect();
            if let Some(plain) = look_alike(small[0]) {
                assert_eq!(look_alike(large), Some(plain), "{large}");
            }
        }
        assert!(is_deceptive("\u{212A}dcom.dll"));
        assert!(is_deceptive("ntoskrnl.ΕΧΕ"));
        assert!(!is_deceptive("NTOSKRNL.EXE"));
    }

    #[test]
    fn the_kernel_is_found_by_its_name_and_its_size() {
        let modules = [
            module("hal.dll", 0x1000, 0x100_0000),
            module("NTOSKRNL.EXE", 0x2000, 0x1000),
            module("ntoskrnl.exe", 0x3000, 0x104_7000),
        ];
        let Kernel::Known(kernel) = kernel(&modules) else {
            panic!("not found");
        };
        assert_eq!(kernel.base, 0x3000);
        assert!(matches!(super::kernel(&modules[..1]), Kernel::Unnamed));
        assert!(matches!(super::kernel(&[]), Kernel::NoList));
    }

    #[test]
    fn names_of_a_windows_do_not_deceive_and_their_doubles_do() {
        for honest in [
            "ntoskrnl.exe",
            "HAL.dll",
            "win32k.sys",
            "svmsave.sys",
            "dump_diskdump.sys",
            "WdFilter.sys",
            "kbd101.sys",
            "mlx4_bus.sys",
            "größe.sys",
            "ndiß.sys2",
            "драйвер",
        ] {
            let foreign = honest == "драйвер";
            assert_eq!(is_deceptive(honest), foreign, "{honest}");
        }
        for double in [
            "\u{202e}exe.lnrksotn\u{202c}",
            "nt\u{43e}skrnl.exe",
            "ntoskrn1.exe",
            "nt0skrnl.exe",
            "ｎtoskrnl.exe",
            "ntoskrnl\u{200b}.exe",
            "ha1.dll",
            "vvin32k.sys",
            "nt\u{f8}skrnl.exe",
            "\u{1d5c7}tos\u{1d5c4}rnl.exe",
            "ntoskrnl\u{301}.exe",
            "ntoskrnl.exe\u{a0}",
            " ntoskrnl.exe",
            "ntoskrnl.exe ",
        ] {
            assert!(is_deceptive(double), "{}", double.escape_unicode());
        }
    }
}
