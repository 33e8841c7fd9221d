//! What an INF says of itself, which is how the system's copies are known: it calls them `oem0.inf`,
//! `oem1.inf` and so on.

use super::NAME;

/// Whether an INF in any of the system's encodings belongs to this driver, by the catalog that its
/// section `Version` names.
pub(in crate::setup) fn is_ours(inf: &[u8]) -> bool {
    let text = decode(inf);
    let mut in_version = false;
    for line in text.lines() {
        let line = line.split(';').next().unwrap_or_default().trim();
        if let Some(section) = line.strip_prefix('[') {
            in_version = section
                .trim_end_matches(']')
                .trim()
                .eq_ignore_ascii_case("Version");
        }
        let Some((directive, value)) = line.split_once('=').filter(|_| in_version) else {
            continue;
        };
        // It may be decorated with a platform: `CatalogFile.NTamd64`.
        let directive = directive.trim().split('.').next().unwrap_or_default();
        let value = value.trim().trim_matches('"');
        let named = value.rsplit_once('.').is_some_and(|(name, extension)| {
            name.eq_ignore_ascii_case(NAME) && extension.eq_ignore_ascii_case("cat")
        });
        if directive.eq_ignore_ascii_case("CatalogFile") && named {
            return true;
        }
    }
    false
}

/// UTF-16 with its mark, or else text whose letters beyond ASCII don't matter here.
fn decode(inf: &[u8]) -> String {
    match inf {
        [0xFF, 0xFE, rest @ ..] => {
            let (units, _) = rest.as_chunks::<2>();
            let units: Vec<_> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            String::from_utf16_lossy(&units)
        }
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(inf).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "; comment\r\n[ version ]\r\nSignature = \"$Windows NT$\"\r\n\
                        catalogfile.NTamd64 = \"SvmSave.cat\" ; comment\r\n[DefaultInstall]\r\n";

    #[test]
    fn our_inf_is_known_in_every_encoding() {
        assert!(is_ours(OURS.as_bytes()));
        assert!(is_ours(&[b"\xEF\xBB\xBF", OURS.as_bytes()].concat()));
        let wide: Vec<_> = "\u{feff}"
            .encode_utf16()
            .chain(OURS.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(is_ours(&wide));
        assert!(is_ours(include_bytes!("../../../../inf/svmsave.inx")));
    }

    #[test]
    fn another_inf_is_not_ours() {
        for other in [
            String::new(),
            OURS.replace("SvmSave", "svmsave2"),
            OURS.replace("version", "Manufacturer"),
            OURS.replace("catalogfile", ";CatalogFile"),
            OURS.replace("SvmSave.cat", "other.cat"),
            "CatalogFile = svmsave.cat".to_owned(),
        ] {
            assert!(!is_ours(other.as_bytes()), "{other}");
        }
    }
}
