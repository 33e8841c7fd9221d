//! Where the images of two snapshots are, and whether two addresses mean the same in them.

use std::cell::Cell;

use crate::checks::coverage::Kernel;
use crate::checks::{is_upper_half, modules};
use crate::model::anonymous::LOWEST;
use crate::model::field::redactable;
use crate::model::{Field, KernelModule, Snapshot};

/// The images of both snapshots.
pub(super) struct Images<'a> {
    sides: [&'a [KernelModule]; 2],
    /// Both kernels, where each is known for certain.
    kernels: Option<[&'a KernelModule; 2]>,
    /// Whether the kernel was loaded at another address, as far as addresses are true.
    pub(super) is_relocated: bool,
    /// Whether the addresses of a side are made up.
    is_anonymous: bool,
    /// Whether both have the same images at the same addresses, so that equal numbers are the same.
    is_same_list: bool,
    /// What was asked last, and the answer.
    last: Cell<Option<Answer>>,
}

/// What two values of a field mean, once it was looked up.
#[derive(Clone, Copy)]
struct Answer {
    field: Field,
    values: [u64; 2],
    meaning: Meaning,
}

/// What two values of a field have to do with each other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Meaning {
    Same,
    Other,
    /// One of them is a made-up address, which nothing but its place could be compared of.
    MadeUp,
    /// Both are in the kernel, which is of another build.
    OtherBuild,
}

impl Meaning {
    const fn of(is_same: bool) -> Self {
        if is_same { Self::Same } else { Self::Other }
    }
}

/// Whether an address is in the kernel, the name of its module and its offset there.
type Place = (bool, String, u64);

impl<'a> Images<'a> {
    pub(super) fn of(before: &'a Snapshot, after: &'a Snapshot) -> Self {
        let sides = [&*before.modules, &*after.modules];
        let is_anonymous = before.anonymous || after.anonymous;
        let kernels = match sides.map(kernel) {
            [Some(before), Some(after)] => Some([before, after]),
            _ => None,
        };
        Self {
            sides,
            kernels,
            is_relocated: !is_anonymous
                && kernels.is_some_and(|[before, after]| before.base != after.base),
            is_anonymous,
            is_same_list: before.modules == after.modules,
            last: Cell::new(None),
        }
    }

    /// The two kernels, if they are not of one build.
    pub(super) fn other_kernel(&self) -> Option<[String; 2]> {
        let name = |kernel: &KernelModule| {
            format!("{} of {:#x} bytes", kernel.printable_name(), kernel.size)
        };
        self.is_other_build()
            .then_some(self.kernels)
            .flatten()
            .map(|kernels| kernels.map(name))
    }

    fn is_other_build(&self) -> bool {
        self.kernels.is_some_and(|[before, after]| {
            before.size != after.size || !before.name.eq_ignore_ascii_case(&after.name)
        })
    }

    /// Whether equal numbers of a field mean the same, whichever numbers they are.
    pub(super) fn are_told_by_number(&self, field: Field) -> bool {
        !self.is_anonymous && (self.is_same_list || !field.is_entry_point())
    }

    /// What two values of a field mean: the same place of a module, or, on a machine that was started
    /// again, an address of the same shape.
    pub(super) fn meaning(&self, field: Field, values: [u64; 2]) -> Meaning {
        // Processors have their entry points in common.
        let last = self.last.get();
        let known = last.filter(|last| last.field == field && last.values == values);
        let meaning = known.map_or_else(|| self.look_up(field, values), |known| known.meaning);
        self.last.set(Some(Answer {
            field,
            values,
            meaning,
        }));
        meaning
    }

    fn look_up(&self, field: Field, values: [u64; 2]) -> Meaning {
        let [before, after] = values;
        if before == after && self.are_told_by_number(field) {
            return Meaning::Same;
        }
        if field.is_entry_point() && self.sides.iter().all(|modules| !modules.is_empty()) {
            let places = [0, 1].map(|side| self.place(side, values[side]));
            return match places {
                [None, None] => self.without_place(field, values),
                _ if before == after && self.is_unmoved(before) => Meaning::Same,
                [Some((true, ..)), Some((true, ..))] if self.is_other_build() => {
                    Meaning::OtherBuild
                }
                [Some(one), Some(other)] => Meaning::of(one == other),
                _ => Meaning::Other,
            };
        }
        self.without_place(field, values)
    }

    fn without_place(&self, field: Field, [before, after]: [u64; 2]) -> Meaning {
        let is_same = before == after;
        if self.is_anonymous && redactable().any(|address| address == field) {
            // What is no address is left as it is.
            return if before < LOWEST || after < LOWEST {
                Meaning::of(is_same)
            } else if shape(before) == shape(after) {
                Meaning::MadeUp
            } else {
                Meaning::Other
            };
        }
        if field.is_entry_point() {
            return Meaning::of(is_same && self.is_unmoved(before));
        }
        let is_placed_at_boot = matches!(
            field,
            Field::GsBase | Field::TrBase | Field::LdtrBase | Field::SysenterEsp
        );
        let is_moved = is_placed_at_boot && self.is_relocated;
        Meaning::of(is_same || is_moved && shape(before) == shape(after))
    }

    /// Whether an address has around it what it had before: the same image at the same place, or
    /// none. Without a list on one side nothing tells that it has not.
    fn is_unmoved(&self, address: u64) -> bool {
        let [before, after] = self.sides;
        let is_around = |module: &&KernelModule| module.contains(address);
        let is_in_none = |modules: &[KernelModule]| !modules.iter().any(|one| is_around(&one));
        let mut around = before.iter().filter(is_around);
        before.is_empty()
            || after.is_empty()
            || is_in_none(before) && is_in_none(after)
            || around.any(|module| after.contains(module))
    }

    /// The place of an address in a module of a side; none where the list leaves a doubt, which
    /// module that is.
    fn place(&self, side: usize, address: u64) -> Option<Place> {
        let modules = self.sides[side];
        let mut around = modules.iter().filter(|module| module.contains(address));
        let module = around.next()?;
        let is_kernel = self
            .kernels
            .is_some_and(|kernels| std::ptr::eq(kernels[side], module));
        let is_known = is_kernel || namesakes(modules, module).count() == 1;
        let is_certain = is_known && around.next().is_none() && is_upper_half(module.base);
        is_certain.then(|| {
            let offset = address - module.base;
            (is_kernel, module.name.to_ascii_lowercase(), offset)
        })
    }
}

/// The kernel, if no other module of its name is as large, and if it is where a kernel is.
fn kernel(modules: &[KernelModule]) -> Option<&KernelModule> {
    let Kernel::Known(kernel) = modules::kernel(modules) else {
        return None;
    };
    let rivals = namesakes(modules, kernel).filter(|other| other.size >= kernel.size);
    (rivals.count() == 1 && is_upper_half(kernel.base)).then_some(kernel)
}

/// The modules of a module's name, itself among them.
fn namesakes<'a>(
    modules: &'a [KernelModule],
    module: &'a KernelModule,
) -> impl Iterator<Item = &'a KernelModule> {
    let name = &module.name;
    modules
        .iter()
        .filter(move |other| other.name.eq_ignore_ascii_case(name))
}

/// What is the same of an address that is chosen anew with each start: whether it is there, in
/// which half, and how it lies in its page.
fn shape(address: u64) -> (bool, bool, u64) {
    (address == 0, is_upper_half(address), address & 0xFFF)
}
