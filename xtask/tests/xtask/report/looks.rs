//! What one start of the browser notes of the pages of all machines, for all tests that ask.

use std::sync::LazyLock;

use client::Snapshot;

use super::browser::LIGHT;
use super::frames::{Frame, Shown, show};
use super::{cells, machines};

/// A window, and a telephone.
pub(super) const WIDTHS: [u32; 2] = [1440, 400];
const HEIGHT: u32 = 1000;

/// Notes what is wider than what it is in.
const WIDE: &str = r#"
        for (const part of document.querySelectorAll("details")) part.open = true;
        const wide = [document.documentElement, ...document.querySelectorAll(".grid")]
            .filter(part => part.scrollWidth > part.clientWidth)
            .map(part => `${part.className || part.nodeName} ${part.scrollWidth} ${part.clientWidth}`);
        return [innerWidth, ...wide].join("; ");
"#;

pub(super) static LOOKS: LazyLock<Looks> = LazyLock::new(Looks::take);

pub(super) struct Looks {
    pub machines: Vec<(&'static str, Snapshot)>,
    /// One in a window and one on a telephone for each machine, one after the other.
    of_machines: Vec<Shown>,
    /// One for each page that a test asks something else.
    of_others: Vec<Shown>,
}

/// A page that is asked something of its own, with nothing done to it before.
pub(super) struct Other {
    pub name: &'static str,
    pub machine: fn() -> Snapshot,
    pub script: &'static str,
}

impl Looks {
    fn take() -> Self {
        let machines = machines::all();
        let pages: Vec<String> = machines
            .iter()
            .map(|(_, machine)| machine.to_html().unwrap())
            .collect();
        let other_pages: Vec<String> = super::OTHERS
            .iter()
            .map(|other| (other.machine)().to_html().unwrap())
            .collect();
        let frame = |name, page, width, scripts| Frame {
            name,
            page,
            place: [0, 0],
            size: [width, HEIGHT],
            scripts,
        };
        let mut frames = Vec::new();
        for ((name, _), page) in machines.iter().zip(&pages) {
            for (width, scripts) in WIDTHS
                .into_iter()
                .zip([&[WIDE, cells::SCRIPT][..], &[WIDE]])
            {
                let name = format!("{name}, {width} wide");
                frames.push(frame(name, page, width, scripts.to_vec()));
            }
        }
        for (other, page) in super::OTHERS.iter().zip(&other_pages) {
            let name = other.name.to_owned();
            frames.push(frame(name, page, WIDTHS[0], vec![other.script]));
        }
        let mut of_machines = show(&frames, [WIDTHS[0], HEIGHT], &[LIGHT]);
        let of_others = of_machines.split_off(machines.len() * WIDTHS.len());
        Self {
            machines,
            of_machines,
            of_others,
        }
    }

    fn of(&self, machine: &str) -> &[Shown] {
        let mut machines = self.machines.iter();
        let at = machines.position(|(name, _)| *name == machine).unwrap();
        &self.of_machines[at * WIDTHS.len()..][..WIDTHS.len()]
    }

    /// What [`cells::SCRIPT`] notes of a machine's page.
    pub(super) fn cells(&self, machine: &str) -> &str {
        self.of(machine)[0].noted(1)
    }

    /// At each of [`WIDTHS`], the width, and what of a machine's page is wider than what it is in.
    pub(super) fn wide(&self, machine: &str) -> [&str; 2] {
        [0, 1].map(|at| self.of(machine)[at].noted(0))
    }

    /// What the script of one of the others notes.
    pub(super) fn other(&self, name: &str) -> &str {
        let mut others = super::OTHERS.iter();
        let at = others.position(|other| other.name == name).unwrap();
        self.of_others[at].noted(0)
    }
}
