//! Where the file of a kernel service is, from what the service control manager has noted.

use std::path::{Path, PathBuf};

/// Resolves the path in the notations that services of drivers have: below the `windows` folder with
/// or without `\SystemRoot`, in the object manager's `\??`, and plain.
pub(crate) fn resolve(noted: &str, windows: &Path) -> PathBuf {
    let noted = noted.trim_matches('"');
    if let Some(plain) = noted.strip_prefix(r"\??\") {
        return PathBuf::from(plain);
    }
    let root = r"\SystemRoot\";
    if let Some((start, rest)) = noted.split_at_checked(root.len())
        && start.eq_ignore_ascii_case(root)
    {
        return below(windows, rest);
    }
    let has_drive = noted.as_bytes().get(1) == Some(&b':');
    if has_drive || noted.starts_with('\\') {
        PathBuf::from(noted)
    } else {
        below(windows, noted)
    }
}

/// Written out, since only Windows takes a backslash for a separator.
fn below(windows: &Path, rest: &str) -> PathBuf {
    PathBuf::from(format!(r"{}\{rest}", windows.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_of_a_driver_file_is_resolved() {
        let windows = Path::new(r"C:\Windows");
        let store = r"System32\DriverStore\FileRepository\svmsave.inf_amd64_1\svmsave.sys";
        let plain = format!(r"C:\Windows\{store}");
        for noted in [
            format!(r"\SystemRoot\{store}"),
            format!(r"\systemroot\{store}"),
            format!(r"\??\C:\Windows\{store}"),
            store.to_owned(),
            plain.clone(),
            format!("\"{plain}\""),
        ] {
            assert_eq!(resolve(&noted, windows), Path::new(&plain), "{noted}");
        }
    }
}
