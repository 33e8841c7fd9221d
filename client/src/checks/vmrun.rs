//! What VMRUN would refuse of a page, as far as the page is known.

use amd_svm::vmcb::Vmcb;
use amd_svm::vmcb::consistency::{Capabilities, Condition};

use crate::model::{Format, Layout, Page, Pages};

/// The answer about one VMCB, on a processor that has all that the manual defines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Vmrun {
    /// The conditions that are broken: with one, VMRUN ends with `VMEXIT_INVALID`.
    pub(crate) refused: Vec<Condition>,
    /// The conditions that rest on what is not known.
    pub(crate) not_judged: Vec<Condition>,
    /// Whether the save area is an SEV-ES guest's, encrypted and elsewhere: what the page has in its
    /// place says nothing.
    pub(crate) is_encrypted: bool,
}

impl Vmrun {
    /// Judges the VMCB of some pages; none if there is none. QEMU's `info registers` are the guest's own
    /// registers, in which no hypervisor's VMCB is.
    pub(crate) fn of(pages: &Pages) -> Option<Self> {
        let page = pages.vmcb.as_ref()?;
        (pages.source != Format::Qemu).then(|| Self::of_page(page))?
    }

    fn of_page(page: &Page) -> Option<Self> {
        if page.layout() != Layout::Vmcb {
            return None;
        }
        let vmcb = Vmcb::from_page(page.filled().into_owned());
        let nested = vmcb.control.nested_control;
        let is_encrypted = nested.sev() && nested.sev_es();
        let is_known = |condition: &Condition| {
            if is_encrypted && condition.rests_on_save_area() {
                return false;
            }
            let mut fields = condition.fields().iter();
            fields.all(|name| page.field(name).is_some())
        };
        let (known, not_judged): (Vec<_>, Vec<_>) = Condition::ALL.into_iter().partition(is_known);
        let broken = known
            .into_iter()
            .filter(|condition| condition.is_broken(&vmcb, &Capabilities::ANY));
        Some(Self {
            refused: broken.collect(),
            not_judged,
            is_encrypted,
        })
    }
}

impl Vmrun {
    /// Whether anything was judged at all.
    pub(crate) fn is_of_something(&self) -> bool {
        self.not_judged.len() < Condition::ALL.len()
    }
}

#[cfg(test)]
mod tests {
    use amd_svm::vmcb::VMCB_SIZE;

    use super::*;

    #[test]
    fn what_is_not_known_is_not_judged() {
        let zero = Vmrun::of_page(&Page::whole(Layout::Vmcb, &[0; VMCB_SIZE])).unwrap();
        assert!(zero.not_judged.is_empty());
        assert!(zero.refused.contains(&Condition::AsidZero));
        let mut page = Page::new(Layout::Vmcb);
        page.put(0x58, &[0; 4]);
        let partial = Vmrun::of_page(&page).unwrap();
        assert_eq!(partial.refused, [Condition::AsidZero]);
        assert!(partial.is_of_something());
        let nothing = Vmrun::of_page(&Page::new(Layout::Vmcb)).unwrap();
        assert!(!nothing.is_of_something());
        assert_eq!(partial.not_judged.len(), Condition::ALL.len() - 1);
        assert_eq!(Vmrun::of_page(&Page::new(Layout::Vmsa)), None);
    }
}
