//! What VMSAVE stored on every processor.

use std::collections::BTreeMap;

use amd_svm::fields::VmsaveField;
use amd_svm::msr::Efer;
use amd_svm::vmcb::VmsaveState;
use amd_svm::witness::{self, Witness};

use super::processor::AboutProcessor;
use super::{
    Driver, Field, KernelModule, Machine, Pages, ProcessorId, Timestamp, Unavailable, kernel_module,
};

/// The machine at about one moment: each processor as it was when its own VMSAVE was executed.
///
/// Members may be added: make one by [`Snapshot::take`], [`Snapshot::parse`] or
/// [`Snapshot::default`], and change what is to be another.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The driver that took it; none if it was read from bare VMCB pages.
    pub driver: Option<Driver>,
    /// Version of the client that asked the driver for it; none if the source does not tell.
    pub client: Option<String>,
    /// The machine, as far as it is known.
    pub machine: Machine,
    /// When it was taken, by the machine's clock.
    pub taken_at: Option<Timestamp>,
    /// Whether it was made anonymous: see [`Snapshot::make_anonymous`].
    pub anonymous: bool,
    /// Whether its processors may be moments of one: dumps that name a processor again, or do not say
    /// of which processors they are.
    pub moments: bool,
    /// The fields of VMSAVE's state that the driver set to zero, because they hold addresses and
    /// the caller does not hold `SeDebugPrivilege`. Mostly there are none. A value of such a field
    /// that is not zero is not hidden: see [`Snapshot::hides`].
    pub redacted: Vec<Field>,
    /// What the system had loaded into the kernel's address space, in the system's order; empty if
    /// the system does not tell.
    pub modules: Vec<KernelModule>,
    /// Logical processors that were active on the machine, in all groups; none if the source does
    /// not tell. A snapshot that was saved of some of them has fewer.
    pub active_processors: Option<u32>,
    /// The processors, by index.
    pub processors: Vec<ProcessorSnapshot>,
    /// Contradictions between VMSAVE and the registers that a file lists, by processor index. A
    /// file that was made for reading lists them instead of the values that were compared. A
    /// processor without an entry has no such list.
    pub listed: BTreeMap<u32, Vec<Disagreement>>,
}

/// One processor of a [`Snapshot`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessorSnapshot {
    /// The processor.
    pub id: ProcessorId,
    /// The capture, or why there is none.
    pub result: Result<Capture, Unavailable>,
}

/// A completed capture.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Capture {
    /// What the driver noted around VMSAVE; a bare VMCB page does not tell.
    pub details: Option<CaptureDetails>,
    /// What VMSAVE stored.
    pub vmsave: VmsaveState,
    /// The same state, read by the driver without VMSAVE, or why it could not be read; none if
    /// the snapshot was saved without it.
    pub witness: Option<Result<Witness, Unavailable>>,
    /// What else a VMCB page says of the guest that it belongs to; none if the page has nothing
    /// but what VMSAVE stores, or if this is no page.
    pub guest: Option<Guest>,
    /// The pages that this was read from; none if the driver took it. What `vmsave` has of a field
    /// that they do not have is zero, and says nothing: [`Field::of`] tells.
    pub pages: Option<Box<Pages>>,
}

/// What the driver noted around VMSAVE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CaptureDetails {
    /// Time-stamp counter right before VMSAVE, in cycles.
    pub tsc: u64,
    /// `EFER` as found before the capture.
    pub efer_found: Efer,
    /// `EFER` as read after the capture.
    pub efer_left: Efer,
    /// What the parts took; none if the snapshot was saved without it.
    pub cycles: Option<Cycles>,
}

/// What the parts of a processor's work took, in cycles of its time-stamp counter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cycles {
    /// The support check: asking whether VMSAVE may be used, and setting `EFER.SVME` if it was
    /// clear.
    pub support_check: u32,
    /// VMSAVE.
    pub vmsave: u32,
    /// Putting `EFER` back, and reading it.
    pub restore: u32,
    /// Reading the same state without VMSAVE.
    pub witness: u32,
}

/// The mode that a guest was in, as the control area and VMRUN's part of the save area say it.
///
/// Source: APM volume 2, appendix B.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Guest {
    /// Current privilege level, 0 to 3.
    pub cpl: u8,
    /// `EFER`, in which VMRUN demands SVME.
    pub efer: Efer,
    /// CR0.
    pub cr0: u64,
    /// CR4.
    pub cr4: u64,
    /// SEV-ES is enabled: the registers are encrypted, and elsewhere.
    pub encrypted: bool,
    /// The page is no VMCB but the save area of an encrypted guest, the VMSA, which has a layout of
    /// its own.
    pub vmsa: bool,
}

/// A value that VMSAVE stored and that was read differently without it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Disagreement {
    /// The field.
    pub field: Field,
    /// As VMSAVE stored it.
    pub vmsave: u64,
    /// As it was read without VMSAVE.
    pub witness: u64,
}

impl Guest {
    /// CR0.PE: protected mode.
    const PROTECTED: u64 = 1;
    /// CR4.LA57: linear addresses of 57 bits.
    const LA57: u64 = 1 << 12;

    /// Whether the guest runs in real mode, as far as CR0 is there to tell.
    #[must_use]
    pub fn is_in_real_mode(&self) -> bool {
        self.cr0 != 0 && self.cr0 & Self::PROTECTED == 0
    }

    /// Whether the guest runs in long mode, as far as EFER and CR0 are there to tell.
    #[must_use]
    pub fn is_in_long_mode(&self) -> bool {
        self.efer.long_mode_active() || self.efer == Efer::default() && self.cr0 == 0
    }

    /// Bits of a linear address; none if CR4 is not there to tell.
    pub(crate) fn address_bits(&self) -> Option<u32> {
        (self.cr4 != 0).then_some(if self.cr4 & Self::LA57 == 0 { 48 } else { 57 })
    }
}

impl Capture {
    /// The values in which VMSAVE and the witness contradict each other. Nothing but an emulation
    /// of VMSAVE that is wrong, or a descriptor table that changed after it was loaded, explains
    /// them.
    pub fn disagreements(&self) -> impl Iterator<Item = Disagreement> + use<> {
        let compared = self
            .witness()
            .map(|witness| witness::compare(&self.vmsave, witness));
        compared
            .into_iter()
            .flatten()
            .filter(|comparison| !comparison.agrees)
            .map(|comparison| Disagreement {
                field: comparison.field.into(),
                vmsave: comparison.vmsave,
                witness: comparison.witness,
            })
    }

    /// Whether a disagreement that is listed beside the values can be one of them: of a field that is
    /// read twice, with the values that are here, unless the driver hid them. What an older client
    /// took for one is.
    pub(crate) fn may_have(&self, listed: &Disagreement, redacted: &[Field]) -> bool {
        let Disagreement {
            field,
            vmsave,
            witness,
        } = *listed;
        let hidden_part = [Field::LdtrAttrib, Field::LdtrLimit, Field::LdtrBase];
        let is_read_twice = field.is_stored() && !hidden_part.contains(&field);
        let known = self.witness().and_then(|witness| {
            let mut compared = witness::compare(&self.vmsave, witness);
            compared.find(|one| Field::from(one.field) == field)
        });
        let is_hidden = |value| value == 0 && redacted.contains(&field);
        let is_it = |value, listed| value == listed || is_hidden(value);
        is_read_twice
            && vmsave != witness
            && field.of(self).is_some_and(|value| is_it(value, vmsave))
            && known.is_none_or(|known| is_it(known.witness, witness))
    }

    /// What was read without VMSAVE, if it was.
    pub(crate) fn witness(&self) -> Option<&Witness> {
        self.witness.as_ref()?.as_ref().ok()
    }

    /// What a VMCB says of its guest, if this is one.
    pub(crate) fn vmcb(&self) -> Option<&Guest> {
        self.guest.as_ref().filter(|guest| !guest.vmsa)
    }

    /// What is known of the guest's mode: from the page's field of a name, or as a file notes it.
    pub(crate) fn of_guest(&self, name: &str, noted: fn(&Guest) -> u64) -> Option<u64> {
        let guest = self.guest.as_ref()?;
        match &self.pages {
            Some(pages) => pages.iter().find_map(|page| page.field(name)),
            None => (!guest.vmsa).then(|| noted(guest)),
        }
    }

    /// Whether the guest runs in long mode, as far as the source tells: what a page lacks of EFER or
    /// CR0 is not zero.
    pub(crate) fn is_in_long_mode(&self) -> bool {
        const PAGING: u64 = 1 << 31;
        self.vmcb().is_none_or(|guest| {
            let may_be = guest.cr0 & PAGING != 0 && Field::Efer.of(self).is_none();
            may_be || guest.is_in_long_mode()
        })
    }

    /// Whether the source tells what VMSAVE stores in a field.
    pub(crate) fn tells(&self, field: Field) -> bool {
        self.pages.is_none() || field.of(self).is_some()
    }

    /// Whether the source tells all that VMSAVE stores.
    pub(crate) fn tells_everything(&self) -> bool {
        VmsaveField::ALL
            .into_iter()
            .all(|field| self.tells(field.into()))
    }

    /// Whether VMSAVE stored nothing but zeros.
    pub(crate) fn is_empty(&self) -> bool {
        self.vmsave == VmsaveState::default()
    }
}

impl Snapshot {
    /// The module that an address lies in, and how far from its start, as
    /// `ntoskrnl.exe+0x1234`, in printable ASCII; none if no module is known there.
    #[must_use]
    pub fn symbolic(&self, address: u64) -> Option<String> {
        kernel_module::symbolic(&self.modules, address)
    }

    /// Processors of the machine that are not in the snapshot, as far as the number of active ones
    /// and the gaps between indices tell, by index. A hostile file may claim any number: no more
    /// are named than a machine can have.
    pub(crate) fn absent(&self) -> Vec<ProcessorId> {
        const MOST: usize = 16384;
        let behind_last = self.processors.last().map(|last| last.id.index);
        let behind_last = behind_last.map_or(0, |last| last.saturating_add(1));
        let end = behind_last.max(self.active_processors.unwrap_or(0));
        let mut present = self.processors.iter().map(|one| one.id.index).peekable();
        (0..end)
            .filter(|index| present.next_if_eq(index).is_none())
            .take(MOST)
            .map(ProcessorId::in_full_groups)
            .collect()
    }

    /// The captures that there are.
    pub(crate) fn captures(&self) -> impl Iterator<Item = (ProcessorId, &Capture)> {
        self.processors
            .iter()
            .filter_map(|processor| Some((processor.id, processor.result.as_ref().ok()?)))
    }

    /// How many cycles lie between the first capture and the last, as far as the processors'
    /// time-stamp counters agree; none if there are not two captures that tell.
    #[must_use]
    pub fn skew(&self) -> Option<u64> {
        let details = || self.captures().filter_map(|(_, one)| one.details);
        let stamps = || details().map(|details| details.tsc);
        let (first, last) = stamps().min().zip(stamps().max())?;
        (stamps().count() > 1).then_some(last - first)
    }

    /// Whether the driver took out the value of a field: it is among the redacted, and zero. The
    /// driver takes it out of what was read without VMSAVE too: where that is not zero, nothing is
    /// hidden.
    #[must_use]
    pub fn hides(&self, field: Field, capture: &Capture) -> bool {
        self.redacted.contains(&field)
            && field.of(capture) == Some(0)
            && field.of_witness(capture).is_none_or(|value| value == 0)
    }

    /// The value of a field, if the capture has it and the driver did not take it out.
    #[must_use]
    pub fn value(&self, field: Field, capture: &Capture) -> Option<u64> {
        field
            .of(capture)
            .filter(|value| *value != 0 || !self.hides(field, capture))
    }

    /// What contradicts VMSAVE on a processor: what is seen in the values, and what a file lists
    /// beside them. None if there is neither a witness nor a list.
    pub(crate) fn disagreements(
        &self,
        id: ProcessorId,
        capture: &Capture,
    ) -> Option<Vec<Disagreement>> {
        let listed = self.listed.get(&id.index);
        if listed.is_none() && capture.witness().is_none() {
            return None;
        }
        let mut all: Vec<Disagreement> = capture.disagreements().collect();
        for one in listed.into_iter().flatten() {
            if all.iter().all(|seen| seen.field != one.field) {
                all.push(*one);
            }
        }
        Some(all)
    }
}

impl AboutProcessor for ProcessorSnapshot {
    fn id(&self) -> ProcessorId {
        self.id
    }

    fn unavailable(&self) -> Option<Unavailable> {
        self.result.as_ref().err().cloned()
    }
}
