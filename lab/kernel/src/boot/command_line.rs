//! What the host library puts on the kernel's command line: `name=value` words.

use alloc::string::String;
use alloc::vec::Vec;

/// Processors in a group at most, as in Windows.
const GROUP_LIMIT: u32 = 64;

/// The boot's parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// `cpus=N`: how many processors to start.
    pub processors: u32,
    /// `groups=A,B,...`: processors of each group; by default full groups.
    pub groups: Vec<u8>,
    /// `seed=N`: where addresses come from.
    pub seed: u64,
    /// `driver=NAME`: file name of the boot module.
    pub driver: String,
}

impl CommandLine {
    /// Reads a command line. What it doesn't know is an error of the host
    /// library, and panics.
    pub fn parse(text: &str) -> Self {
        let mut processors = 1;
        let mut groups = Vec::new();
        let mut seed = 0;
        let mut driver = String::from("driver.sys");
        for word in text.split_ascii_whitespace() {
            match word.split_once('=') {
                Some(("cpus", value)) => processors = number(value),
                Some(("seed", value)) => seed = number(value),
                Some(("driver", value)) => driver = String::from(value),
                Some(("groups", value)) => groups = value.split(',').map(number).collect(),
                _ => panic!("{word:?} on the command line is unknown"),
            }
        }
        if groups.is_empty() {
            groups = default_groups(processors);
        }
        let placed: u32 = groups.iter().map(|&size| u32::from(size)).sum();
        assert!(
            placed == processors,
            "{processors} processors don't fill groups of {groups:?}"
        );
        Self {
            processors,
            groups,
            seed,
            driver,
        }
    }
}

fn number<T: core::str::FromStr>(text: &str) -> T {
    let Ok(value) = text.parse() else {
        panic!("{text:?} on the command line is not a number in range")
    };
    value
}

/// Full groups, in order.
fn default_groups(processors: u32) -> Vec<u8> {
    (0..processors)
        .step_by(64)
        .map(|first| (processors - first).min(GROUP_LIMIT) as u8)
        .collect()
}
