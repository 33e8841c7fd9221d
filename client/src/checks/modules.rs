//! The list of modules: which is the kernel, and which names deceive.

use std::ptr;

use super::coverage::Kernel;
use super::machine::Machine;
use super::{Finding, FindingId, is_upper_half};
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
///
/// Source: Unicode's `Default_Ignorable_Code_Point`, the format characters of annotations and
/// hieroglyphs, and letters and symbols that are drawn blank.
const INVISIBLE: [(char, char); 21] = [
    ('\u{AD}', '\u{AD}'),
    ('\u{34F}', '\u{34F}'),
    ('\u{61C}', '\u{61C}'),
    ('\u{115F}', '\u{1160}'),
    ('\u{17B4}', '\u{17B5}'),
    ('\u{180B}', '\u{180F}'),
    ('\u{200B}', '\u{200F}'),
    ('\u{202A}', '\u{202E}'),
    ('\u{2060}', '\u{206F}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{FE00}', '\u{FE0F}'),
    ('\u{FEFF}', '\u{FEFF}'),
    ('\u{FFA0}', '\u{FFA0}'),
    ('\u{FFF0}', '\u{FFFB}'),
    ('\u{13430}', '\u{1345F}'),
    ('\u{16FE4}', '\u{16FE4}'),
    ('\u{1BCA0}', '\u{1BCA3}'),
    ('\u{1D159}', '\u{1D159}'),
    ('\u{1D173}', '\u{1D17A}'),
    ('\u{E0000}', '\u{E0FFF}'),
];

/// The size of a kernel at most, in bytes: that of Windows has some 20 MiB.
const LARGEST_KERNEL: u32 = 0x800_0000;

/// The kernel: of the modules of its name the first, because Windows lists it before all that it
/// loads.
pub(super) fn kernel(modules: &[KernelModule]) -> Kernel<'_> {
    if modules.is_empty() {
        return Kernel::NoList;
    }
    match modules.iter().find(|module| is_kernels(&module.name)) {
        Some(module) => Kernel::Known(module),
        None => Kernel::Unnamed,
    }
}

/// The same, with a doubt where the list is one that no system has.
pub(super) fn doubted(modules: &[KernelModule]) -> Kernel<'_> {
    let kernel = kernel(modules);
    let Kernel::Known(image) = kernel else {
        return kernel;
    };
    let is_strange = |other: &KernelModule| {
        is_kernels(&other.name) || image.contains(other.base) || other.contains(image.base)
    };
    let mut others = modules.iter().filter(|other| !ptr::eq(*other, image));
    if image.size > LARGEST_KERNEL || !is_upper_half(image.base) || others.any(is_strange) {
        Kernel::InDoubt(image)
    } else {
        kernel
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
    // Other letters stay as they are: what is a small one of ASCII only by Unicode's rules, as the
    // sign of Kelvin is, deceives.
    let is_known = KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name));
    !is_known && (mixes_scripts(name) || KNOWN.iter().any(|known| reads_as(name, known)))
}

/// Whether letters of other scripts stand among those of ASCII and can all be taken for some: a word
/// of another script has letters that cannot. The extension is of ASCII in any language.
fn mixes_scripts(name: &str) -> bool {
    const LATIN: char = '\u{24F}';
    let word = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.is_ascii() => stem,
        _ => name,
    };
    let is_foreign = |letter: &char| !letter.is_ascii() && !is_mark(*letter);
    let foreign = || word.chars().filter(is_foreign);
    word.contains(|letter: char| letter.is_ascii_alphabetic())
        && foreign().any(|letter| letter > LATIN)
        && foreign().all(|letter| look_alike(letter).is_some())
}

/// Whether a name is taken for a known one. Of short names more has to be the same: many differ from
/// each other in one letter.
fn reads_as(name: &str, known: &str) -> bool {
    const LONG: usize = 5;
    let seen: String = name
        .chars()
        .filter(|letter| !is_mark(*letter))
        .map(|letter| look_alike(letter).unwrap_or(letter))
        .collect();
    let [(stem, extension), (known, known_extension)] =
        [seen.as_str(), known].map(|name| name.rsplit_once('.').unwrap_or((name, "")));
    let is_long = known.len() >= LONG;
    let [stem, known] = [stem, known].map(|stem| looks_of(stem, is_long));
    let joined = |stem: &str| stem.replace("rn", "m").replace("vv", "w");
    are_alike(&looks_of(extension, false), known_extension, false)
        && (are_alike(&stem, &known, is_long)
            || is_long && are_alike(&joined(&stem), &joined(&known), true))
}

/// A stem in small letters; of a long one, in letters of which no two look alike by themselves.
fn looks_of(stem: &str, is_long: bool) -> String {
    // Between small letters a large I is taken for an l, and not for what it is.
    let has_small = stem.contains(|letter: char| letter.is_ascii_lowercase());
    let letters = stem.chars().map(|letter| match letter {
        '1' | 'i' | 'I' | '|' if is_long => 'l',
        'I' if has_small => '1',
        '|' => '1',
        '0' => 'o',
        other => other.to_ascii_lowercase(),
    });
    letters.collect()
}

/// Whether one stem is the other but for what looks alike. In a long one, a third may be letters that
/// stand for none of ASCII, but could: they are not of those that East Asia writes.
fn are_alike(stem: &str, known: &str, is_long: bool) -> bool {
    let could_be = |letter| matches!(letter, '\u{80}'..'\u{2E80}' | '\u{A4D0}'..'\u{AC00}');
    let is_one = |letter: char, other: char| {
        letter == other
            || letter == '1' && (other == 'l' || other == 'i' && known.len() > 2)
            || is_long && could_be(letter)
    };
    let foreign = stem.chars().filter(|letter| !letter.is_ascii()).count();
    stem.chars().count() == known.len()
        && 3 * foreign <= known.len()
        && stem
            .chars()
            .zip(known.chars())
            .all(|(letter, other)| is_one(letter, other))
}

/// Whether a character is drawn over the one before it.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// The letter of ASCII that a letter of another script, or with a mark, is taken for.
///
/// Source: the letters of Unicode's `confusables.txt` (UTS 39) that stand for one of ASCII, small
/// and large, as far as the ANSI code pages of Windows have them, the full-width forms and the
/// mathematical alphabets; with marks, those of the short names and of extensions.
fn look_alike(letter: char) -> Option<char> {
    const CONFUSABLE: [(&str, char); 23] = [
        ("аαɑΑАⱭàáâãäåāăąÀÁÂÃÄÅĀĂĄ\u{212B}", 'a'),
        ("ьЬЬВΒ", 'b'),
        ("сϲϹСçćĉċčÇĆĈĊČ", 'c'),
        ("ԁԀďđĎĐ", 'd'),
        ("еєёЁЄЕΕèéêëēĕėęěÈÉÊËĒĔĖĘĚ", 'e'),
        ("ɡꞬ", 'g'),
        ("һҺНΗĥħĤĦ", 'h'),
        ("іıιїΙІЇİìíîïĩīĭįÌÍÎÏĨĪĬĮ", 'i'),
        ("јϳͿЈ", 'j'),
        ("кκΚК\u{212A}", 'k'),
        ("ӏǀӀĺļľłĹĻĽŁ", 'l'),
        ("мμΜМ", 'm'),
        ("пոПՈΝñńņňÑŃŅŇ", 'n'),
        ("оοσօΟΣОՕ", 'o'),
        ("рρΡР", 'p'),
        ("гѓЃГ", 'r'),
        ("ѕЅśŝşšŚŜŞŠ", 's'),
        ("тτΤТţťŧŢŤŦ", 't'),
        ("υսцΥЦՍ", 'u'),
        ("хχ×уΧУХ", 'x'),
        ("ýÿŷÝŸŶ", 'y'),
        ("Ζ", 'z'),
        ("․。˙", '.'),
    ];
    let number = u32::from(letter);
    let styled = |plain: u8, place: u32| char::from_u32(u32::from(plain) + place);
    match letter {
        'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '０'..='９' | '．' | '＿' => {
            let plain = char::from_u32(number - 0xFEE0)?;
            return Some(plain.to_ascii_lowercase());
        }
        '\u{1D400}'..='\u{1D6A3}' => return styled(b'a', (number - 0x1D400) % 26),
        '\u{1D7CE}'..='\u{1D7FF}' => return styled(b'0', (number - 0x1D7CE) % 10),
        _ => {}
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
    fn the_kernel_is_the_first_of_its_name() {
        let modules = [
            module("hal.dll", 0x1000, 0x100_0000),
            module("NTOSKRNL.EXE", 0x2000, 0x104_7000),
            module("ntoskrnl.exe", 0x3000, 0x200_0000),
        ];
        let Kernel::Known(kernel) = kernel(&modules) else {
            panic!("not found");
        };
        assert_eq!(kernel.base, 0x2000);
        assert!(matches!(super::kernel(&modules[..1]), Kernel::Unnamed));
        assert!(matches!(super::kernel(&[]), Kernel::NoList));
    }

    #[test]
    fn a_list_that_no_system_has_leaves_a_doubt() {
        const BASE: u64 = 0xFFFF_F803_1200_0000;
        const SIZE: u32 = 0x104_7000;
        let end = BASE + u64::from(SIZE);
        let is_doubted = |first: KernelModule, other: KernelModule| {
            matches!(doubted(&[first, other]), Kernel::InDoubt(_))
        };
        let kernel = || module("ntoskrnl.exe", BASE, SIZE);
        let beside = || module("hal.dll", end, 0x6000);
        assert!(!is_doubted(kernel(), beside()));
        for other in [
            module("evil.sys", end - 1, 0x1000),
            module("evil.sys", BASE - 1, 2),
            module("ntkrnlmp.exe", end, 0x6000),
        ] {
            assert!(is_doubted(kernel(), other));
        }
        for first in [
            module("ntoskrnl.exe", BASE - (1 << 31), LARGEST_KERNEL + 1),
            module("ntoskrnl.exe", 0x7FF6_0000_0000, SIZE),
        ] {
            assert!(is_doubted(first, beside()));
        }
        assert!(!is_doubted(
            module("ntoskrnl.exe", BASE - (1 << 31), LARGEST_KERNEL),
            beside()
        ));
    }

    #[test]
    fn honest_names_do_not_deceive() {
        for honest in [
            "ntoskrnl.exe",
            "HAL.dll",
            "CI.dll",
            "win32k.sys",
            "svmsave.sys",
            "dump_diskdump.sys",
            "WdFilter.sys",
            "kbd101.sys",
            "mlx4_bus.sys",
            "größe.sys",
            "u\u{308}ber.sys",
            "kayıt.sys",
            "ndiß.sys2",
            "драйвер",
            "драйвер.sys",
            "ЗащитаX.sys",
            "сосо.sys",
            "防护.sys",
            "驱动器.dll",
            "驱动.sys",
            "드라이버.dll",
            "ドライバ.sys",
            "ＴＥＳＴ.sys",
            "\u{FFFD}\u{FFFD}.sys",
            "ntoskrn核.exe",
            // In letters of ASCII alone, and found on real machines.
            "cifs.sys",
            "CIFS.SYS",
            "cl.dll",
            "trn.sys",
            "ndls.sys",
        ] {
            assert!(!is_deceptive(honest), "{honest}");
        }
    }

    #[test]
    fn doubles_of_the_names_that_every_windows_has_deceive() {
        for double in [
            "nt\u{43e}skrnl.exe",
            "ntoskrn1.exe",
            "ntoskrnI.exe",
            "nt0skrnl.exe",
            "ntoskml.exe",
            "kdcorn.dll",
            "fitmgr.sys",
            "ｎtoskrnl.exe",
            "ha1.dll",
            "haI.dll",
            "ci.dl1",
            "cIfs.sys",
            "nd1s.sys",
            "vvin32k.sys",
            "h\u{430}l.dll",
            "h\u{e0}l.dll",
            "\u{441}\u{456}.dll",
            "nt\u{f8}skrnl.exe",
            "\u{1d5c7}tos\u{1d5c4}rnl.exe",
            "\u{1d5d1}al.dll",
            "ntosk\u{1e5b}nl.exe",
            "ntoskrnl\u{301}.exe",
            "ntoskrnl\u{2024}exe",
            "\u{212A}dcom.dll",
            "ntoskrnl.\u{435}\u{445}\u{435}",
            "ntoskrnl.\u{e9}xe",
            // Of no name that every Windows has, and nevertheless.
            "svms\u{430}ve.sys",
        ] {
            assert!(is_deceptive(double), "{}", double.escape_unicode());
        }
    }

    #[test]
    fn what_is_not_seen_deceives_wherever_it_stands() {
        for unseen in [
            '\u{85}',
            '\u{A0}',
            '\u{AD}',
            '\u{34F}',
            '\u{61C}',
            '\u{1160}',
            '\u{1680}',
            '\u{17B4}',
            '\u{180B}',
            '\u{180E}',
            '\u{180F}',
            '\u{200B}',
            '\u{200D}',
            '\u{2003}',
            '\u{2028}',
            '\u{202E}',
            '\u{202F}',
            '\u{2060}',
            '\u{2065}',
            '\u{206F}',
            '\u{2800}',
            '\u{3000}',
            '\u{3164}',
            '\u{FE00}',
            '\u{FE0F}',
            '\u{FEFF}',
            '\u{FFA0}',
            '\u{FFF0}',
            '\u{FFF9}',
            '\u{1BCA0}',
            '\u{1D173}',
            '\u{1D17A}',
            '\u{E0001}',
            '\u{E0101}',
            '\u{E01EF}',
            '\u{E0FFF}',
        ] {
            for name in ["ntoskrnl@.exe", "@evil.sys", "evil.sys@", "驱@动.sys"] {
                let name = name.replace('@', &unseen.to_string());
                assert!(is_deceptive(&name), "{}", name.escape_unicode());
            }
        }
        assert!(is_deceptive("\u{202e}exe.lnrksotn\u{202c}"));
        assert!(is_deceptive(" ntoskrnl.exe") && is_deceptive("ntoskrnl.exe "));
        assert!(!is_deceptive("two words.sys"));
    }
}
