//! How a [`Refusal`] travels: four bytes instead of a Rust enumeration.

use amd_svm::Fault;
use amd_svm::msr::Msr;
use amd_svm::support::{Refusal, Step};
use bytemuck::{Pod, Zeroable};

/// What became of a processor: all zeros for success, otherwise a [`Refusal`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct Outcome {
    /// Kind of the refusal.
    kind: u8,
    /// The step that faulted, or what else the kind needs.
    detail: u8,
    /// The exception, where one was raised.
    fault: u8,
    /// What becomes of the page, where VMSAVE was refused for it: [`PAGES`], counted from 1.
    page: u8,
}

/// What becomes of a page that VMSAVE raised `#GP` for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RefusedPage {
    /// The processor gets another one before the next snapshot.
    Replaced,
    /// It was refused before, and no other one could be had since.
    Kept,
}

const PAGES: [RefusedPage; 2] = [RefusedPage::Replaced, RefusedPage::Kept];

const DONE: u8 = 0;
const NOT_AMD: u8 = 1;
const NO_SVM: u8 = 2;
const DISABLED: u8 = 3;
const SVME_DOES_NOT_STICK: u8 = 4;
const FAULT: u8 = 5;
const NOT_REACHED: u8 = 6;

const FAULTS: [Fault; 3] = [Fault::InvalidOpcode, Fault::GeneralProtection, Fault::Other];

/// The steps that read no register; those that do follow, in the order of [`READS`].
const STEPS: [Step; 5] = [
    Step::SetSvme,
    Step::ConfirmSvme,
    Step::Vmsave,
    Step::RestoreEfer,
    Step::ConfirmEfer,
];

/// Only ever extended at the end.
const READS: [Msr; 12] = [
    Msr::VmCr,
    Msr::Efer,
    Msr::Star,
    Msr::Lstar,
    Msr::Cstar,
    Msr::Sfmask,
    Msr::KernelGsBase,
    Msr::SysenterCs,
    Msr::SysenterEsp,
    Msr::SysenterEip,
    Msr::FsBase,
    Msr::GsBase,
];

/// The detail that stands for the first of [`READS`].
const FIRST_READ: u8 = 0x10;

impl Outcome {
    /// The processor did what was asked.
    pub const DONE: Self = Self::of_kind(DONE, 0);

    /// The processor was not asked: it went away, or the system refused to queue work for it.
    pub const NOT_REACHED: Self = Self::of_kind(NOT_REACHED, 0);

    /// Whether the processor did what was asked.
    #[must_use]
    pub fn is_done(self) -> bool {
        self == Self::DONE
    }

    /// Whether the processor was not asked.
    #[must_use]
    pub fn is_not_reached(self) -> bool {
        self == Self::NOT_REACHED
    }

    /// The refusal, if this is one that this version knows.
    #[must_use]
    pub fn refusal(self) -> Option<Refusal> {
        Some(match self.kind {
            NOT_AMD => Refusal::NotAmd,
            NO_SVM => Refusal::NoSvm {
                hypervisor: self.detail != 0,
            },
            DISABLED => Refusal::Disabled {
                locked: self.detail != 0,
            },
            SVME_DOES_NOT_STICK => Refusal::SvmeDoesNotStick,
            FAULT => Refusal::Fault {
                step: step_of(self.detail)?,
                fault: *FAULTS.get(usize::from(self.fault))?,
            },
            _ => return None,
        })
    }

    /// The same refusal, of VMSAVE for a page, with what becomes of that.
    #[must_use]
    pub fn with_page(self, page: RefusedPage) -> Self {
        Self {
            page: match page {
                RefusedPage::Replaced => 1,
                RefusedPage::Kept => 2,
            },
            ..self
        }
    }

    /// What becomes of the page, if VMSAVE was refused for it.
    #[must_use]
    pub fn refused_page(self) -> Option<RefusedPage> {
        let page = self.page.checked_sub(1)?;
        PAGES.get(usize::from(page)).copied()
    }

    const fn of_kind(kind: u8, detail: u8) -> Self {
        Self {
            kind,
            detail,
            fault: 0,
            page: 0,
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotAmd => Self::of_kind(NOT_AMD, 0),
            Refusal::NoSvm { hypervisor } => Self::of_kind(NO_SVM, hypervisor.into()),
            Refusal::Disabled { locked } => Self::of_kind(DISABLED, locked.into()),
            Refusal::SvmeDoesNotStick => Self::of_kind(SVME_DOES_NOT_STICK, 0),
            Refusal::Fault { step, fault } => Self {
                fault: match fault {
                    Fault::InvalidOpcode => 0,
                    Fault::GeneralProtection => 1,
                    Fault::Other => 2,
                },
                ..Self::of_kind(FAULT, detail_of(step))
            },
        }
    }
}

fn step_of(detail: u8) -> Option<Step> {
    match detail.checked_sub(FIRST_READ) {
        Some(read) => READS.get(usize::from(read)).map(|msr| Step::Read(*msr)),
        None => STEPS.get(usize::from(detail)).copied(),
    }
}

fn detail_of(step: Step) -> u8 {
    match step {
        Step::SetSvme => 0,
        Step::ConfirmSvme => 1,
        Step::Vmsave => 2,
        Step::RestoreEfer => 3,
        Step::ConfirmEfer => 4,
        Step::Read(msr) => {
            FIRST_READ
                + match msr {
                    Msr::VmCr => 0,
                    Msr::Efer => 1,
                    Msr::Star => 2,
                    Msr::Lstar => 3,
                    Msr::Cstar => 4,
                    Msr::Sfmask => 5,
                    Msr::KernelGsBase => 6,
                    Msr::SysenterCs => 7,
                    Msr::SysenterEsp => 8,
                    Msr::SysenterEip => 9,
                    Msr::FsBase => 10,
                    Msr::GsBase => 11,
                }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn every_refusal() -> Vec<Refusal> {
        let mut all = std::vec![
            Refusal::NotAmd,
            Refusal::NoSvm { hypervisor: false },
            Refusal::NoSvm { hypervisor: true },
            Refusal::Disabled { locked: false },
            Refusal::Disabled { locked: true },
            Refusal::SvmeDoesNotStick,
        ];
        for step in STEPS.into_iter().chain(Msr::ALL.map(Step::Read)) {
            all.extend(FAULTS.map(|fault| Refusal::Fault { step, fault }));
        }
        all
    }

    #[test]
    fn every_refusal_survives_the_way_to_the_client() {
        for refusal in every_refusal() {
            let outcome = Outcome::from(refusal);
            assert_eq!(outcome.refusal(), Some(refusal));
            assert!(!outcome.is_done() && !outcome.is_not_reached());
        }
    }

    #[test]
    fn what_becomes_of_a_page_is_said_beside_the_refusal() {
        let refusal = Refusal::Fault {
            step: Step::Vmsave,
            fault: Fault::GeneralProtection,
        };
        let plain = Outcome::from(refusal);
        assert_eq!(plain.refused_page(), None);
        for page in PAGES {
            let outcome = plain.with_page(page);
            assert_eq!(outcome.refused_page(), Some(page));
            assert_eq!(outcome.refusal(), Some(refusal));
            assert!(!outcome.is_done());
        }
        let of_another_age = Outcome { page: 3, ..plain };
        assert_eq!(of_another_age.refused_page(), None);
        assert_eq!(of_another_age.refusal(), Some(refusal));
    }

    #[test]
    fn no_two_refusals_share_their_bytes() {
        let bytes: Vec<_> = every_refusal()
            .into_iter()
            .map(|refusal| bytemuck::bytes_of(&Outcome::from(refusal)).to_vec())
            .collect();
        for (at, one) in bytes.iter().enumerate() {
            assert!(!bytes[at + 1..].contains(one));
        }
    }

    #[test]
    fn bytes_of_another_age_are_no_refusal_and_no_success() {
        for kind in 7..=u8::MAX {
            let outcome = Outcome::of_kind(kind, 0);
            assert_eq!(outcome.refusal(), None);
            assert!(!outcome.is_done());
        }
        for unknown_step in [5, FIRST_READ - 1, FIRST_READ + 12, u8::MAX] {
            assert_eq!(Outcome::of_kind(FAULT, unknown_step).refusal(), None);
        }
    }
}
