//! What machine to boot.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What machine to boot, and how long to wait for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Config {
    /// Logical processors, 1 to 255.
    pub processors: u32,
    /// Processors of each group, in order, 64 in each at most. Empty: full groups.
    pub groups: Vec<u8>,
    /// Group, and number inside it, of each processor, in the order in which they
    /// come online; numbers may be left out. Empty: as `groups` says, from zero on.
    pub places: Vec<(u16, u8)>,
    /// Node of each processor, by its index. Each node has an equal part of memory. Empty: one
    /// node.
    pub nodes: Vec<u16>,
    /// How many of the last processors come online only when they are told to, by
    /// [`crate::Lab::add_processors`].
    pub parked: u32,
    /// The time-stamp counter before which the boot processor does not set its interrupt
    /// controller up: what devices have sent until then waits.
    pub not_before: u64,
    /// QEMU's processor model with its flags, such as `max,-svm`.
    pub processor_model: String,
    /// Memory in MiB.
    pub memory: u32,
    /// What the addresses of images, pool and stacks depend on.
    pub seed: u64,
    /// How long a boot or an answer may take.
    pub timeout: Duration,
    /// Whether to have QEMU log the driver's instructions that it executes, see
    /// [`crate::Lab::executed`]. It then runs one instruction at a time, and boots
    /// twice.
    pub log_instructions: bool,
    /// Whether the time-stamp counter counts executed instructions instead of time,
    /// with all processors taking turns, so that it shows the same numbers in
    /// every run.
    pub count_instructions: bool,
    /// Whether QEMU offers its monitor, see [`crate::Lab::qemu_registers`].
    pub monitor: bool,
    /// The QEMU to run, looked for in `PATH` if it is only a name.
    pub qemu: PathBuf,
    /// Further arguments for QEMU.
    pub qemu_arguments: Vec<OsString>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            processors: 8,
            groups: Vec::new(),
            places: Vec::new(),
            nodes: Vec::new(),
            parked: 0,
            not_before: 0,
            processor_model: String::from("max"),
            memory: 256,
            seed: 0,
            timeout: Duration::from_secs(30),
            log_instructions: false,
            count_instructions: false,
            monitor: false,
            qemu: PathBuf::from("qemu-system-x86_64"),
            qemu_arguments: Vec::new(),
        }
    }
}

impl Config {
    /// The kernel's command line.
    pub(crate) fn command_line(&self, driver: &str) -> String {
        let mut line = format!(
            "cpus={} seed={} driver={driver}",
            self.processors, self.seed
        );
        if !self.groups.is_empty() {
            let groups: Vec<String> = self.groups.iter().map(u8::to_string).collect();
            line.push_str(" groups=");
            line.push_str(&groups.join(","));
        }
        if !self.places.is_empty() {
            let places = self.places.iter();
            let places: Vec<String> = places.map(|(group, at)| format!("{group}:{at}")).collect();
            line.push_str(" places=");
            line.push_str(&places.join(","));
        }
        if !self.nodes.is_empty() {
            let nodes: Vec<String> = self.nodes.iter().map(u16::to_string).collect();
            line.push_str(" nodes=");
            line.push_str(&nodes.join(","));
        }
        if self.parked > 0 {
            line.push_str(" parked=");
            line.push_str(&self.parked.to_string());
        }
        if self.not_before > 0 {
            line.push_str(" not_before=");
            line.push_str(&self.not_before.to_string());
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_everything_that_was_chosen() {
        let config = Config {
            processors: 138,
            groups: vec![64, 64, 10],
            seed: 7,
            ..Config::default()
        };
        assert_eq!(
            config.command_line("svmsave.sys"),
            "cpus=138 seed=7 driver=svmsave.sys groups=64,64,10"
        );
    }

    #[test]
    fn places_nodes_parked_processors_and_a_wait_are_named() {
        let config = Config {
            processors: 3,
            places: vec![(0, 0), (0, 2), (1, 63)],
            nodes: vec![1, 0, 1],
            parked: 1,
            not_before: 5,
            ..Config::default()
        };
        assert_eq!(
            config.command_line("a.sys"),
            "cpus=3 seed=0 driver=a.sys places=0:0,0:2,1:63 nodes=1,0,1 parked=1 not_before=5"
        );
    }

    #[test]
    fn full_groups_are_the_default() {
        let config = Config::default();
        assert!(!config.command_line("a.sys").contains("groups"));
    }
}
