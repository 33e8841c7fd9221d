//! What the host library puts on the kernel's command line: `name=value` words.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::nt::processors::Place;

/// Processors in a group at most, as in Windows.
const GROUP_LIMIT: u32 = 64;

/// The boot's parameters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct CommandLine {
    /// `cpus=N`: how many processors to start.
    pub processors: u32,
    /// `places=G:N,G:N,...`: group and number of each processor. By default as many as
    /// `groups=A,B,...` says, numbered from zero; without that, full groups.
    pub places: Vec<Place>,
    /// `nodes=A,B,...`: node of each processor. By default one node.
    pub nodes: Vec<u16>,
    /// `parked=N`: how many of the last processors Windows would not know yet.
    pub parked: u32,
    /// `not_before=N`: the time-stamp counter before which the boot processor sets nothing up that
    /// interrupts.
    pub not_before: u64,
    /// `seed=N`: where addresses come from.
    pub seed: u64,
    /// `driver=NAME`: file name of the boot module.
    pub driver: String,
}

impl CommandLine {
    /// Reads a command line. What it doesn't know is an error of the host
    /// library, and panics.
    pub(super) fn parse(text: &str) -> Self {
        let mut processors = 1;
        let mut groups = Vec::new();
        let mut places = Vec::new();
        let mut nodes = Vec::new();
        let mut parked = 0;
        let mut not_before = 0;
        let mut seed = 0;
        let mut driver = String::from("driver.sys");
        for word in text.split_ascii_whitespace() {
            match word.split_once('=') {
                Some(("cpus", value)) => processors = number(value),
                Some(("parked", value)) => parked = number(value),
                Some(("not_before", value)) => not_before = number(value),
                Some(("seed", value)) => seed = number(value),
                Some(("driver", value)) => driver = String::from(value),
                Some(("groups", value)) => groups = value.split(',').map(number).collect(),
                Some(("nodes", value)) => nodes = value.split(',').map(number).collect(),
                Some(("places", value)) => places = value.split(',').map(place).collect(),
                _ => panic!("{word:?} on the command line is unknown"),
            }
        }
        if groups.is_empty() {
            groups = default_groups(processors);
        }
        if places.is_empty() {
            places = in_order(&groups);
        }
        assert!(
            places.len() == processors as usize,
            "{processors} processors don't fill groups of {:?}",
            sizes(&places)
        );
        assert!(
            (0..places.len()).all(|at| !places[..at].contains(&places[at])),
            "a place is given twice in {places:?}"
        );
        if nodes.is_empty() {
            nodes = vec![0; places.len()];
        }
        assert!(nodes.len() == places.len(), "each processor has a node");
        assert!(parked < processors, "the boot processor cannot be parked");
        Self {
            processors,
            places,
            nodes,
            parked,
            not_before,
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

fn place(text: &str) -> Place {
    let Some((group, member)) = text.split_once(':') else {
        panic!("{text:?} on the command line is no group and number")
    };
    let member = number(member);
    assert!(
        u32::from(member) < GROUP_LIMIT,
        "{text:?} is beyond a group"
    );
    (number(group), member)
}

/// Full groups, in order.
fn default_groups(processors: u32) -> Vec<u8> {
    (0..processors)
        .step_by(64)
        .map(|first| (processors - first).min(GROUP_LIMIT) as u8)
        .collect()
}

/// How many places there are in each group.
fn sizes(places: &[Place]) -> BTreeMap<u16, usize> {
    let mut sizes = BTreeMap::new();
    for (group, _) in places {
        *sizes.entry(*group).or_default() += 1;
    }
    sizes
}

/// One group after the other, each numbered from zero.
fn in_order(groups: &[u8]) -> Vec<Place> {
    (0..)
        .zip(groups)
        .flat_map(|(group, &size)| (0..size).map(move |number| (group, number)))
        .collect()
}
