//! Whose a line or a heading is, so that it can be read alone.

use std::fmt;

use serde::Serialize;

use crate::model::Snapshot;
use crate::model::kernel_module::printable;

/// Which machine a line is about, and when it was looked at; each part is absent where it is not
/// known.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(crate) struct Whose {
    /// The file that it was read from, where it is one of many.
    pub(crate) file: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) os: Option<String>,
    pub(crate) os_build: Option<String>,
    /// UTC, as RFC 3339 writes it.
    pub(crate) taken_at: Option<String>,
}

impl Whose {
    /// Of a snapshot, and of the file that it came from.
    pub(crate) fn new(file: Option<String>, snapshot: &Snapshot) -> Self {
        let machine = &snapshot.machine;
        Self {
            file,
            host: machine.host.clone(),
            os: machine.os.clone(),
            os_build: machine.os_build.clone(),
            taken_at: snapshot.taken_at.map(|moment| moment.to_string()),
        }
    }

    /// This, if it is of one of many snapshots.
    pub(crate) fn among_many(&self) -> Option<&Self> {
        self.file.is_some().then_some(self)
    }
}

impl fmt::Display for Whose {
    /// The file with what is known of the machine in brackets, `WS-17, build 10.0.26100.4652,
    /// 2026-11-27T08:00:00Z`, in printable ASCII.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = |part: &Option<String>| part.as_deref().map(printable);
        let build = known(&self.os_build).map(|build| format!("build {build}"));
        let parts = [known(&self.host), build, known(&self.taken_at)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match (known(&self.file), parts.as_slice()) {
            (Some(file), []) => f.write_str(&file),
            (Some(file), _) => write!(f, "{file} ({})", parts.join(", ")),
            (None, []) => f.write_str("this machine"),
            (None, _) => f.write_str(&parts.join(", ")),
        }
    }
}
