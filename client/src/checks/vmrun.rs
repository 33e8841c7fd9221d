//! What VMRUN would refuse of a page, as far as the page is known.

use amd_svm::vmcb::Vmcb;
use amd_svm::vmcb::consistency::{Capabilities, Condition};

use crate::model::{Layout, Page};

/// The answer about one VMCB, on a processor that has all that the manual defines.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Vmrun {
    /// The conditions that are broken: with one, VMRUN ends with `VMEXIT_INVALID`.
    pub(crate) refused: Vec<Condition>,
    /// The conditions that rest on what is not known.
    pub(crate) not_judged: Vec<Condition>,
}

impl Vmrun {
    /// Judges a page; none if it is no VMCB.
    pub(crate) fn of(page: &Page) -> Option<Self> {
        if page.layout() != Layout::Vmcb {
            return None;
        }
        let vmcb = Vmcb::from_page(page.filled().into_owned());
        let is_known = |condition: &Condition| {
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
        let zero = Vmrun::of(&Page::whole(Layout::Vmcb, &[0; VMCB_SIZE])).unwrap();
        assert!(zero.not_judged.is_empty());
        assert!(zero.refused.contains(&Condition::AsidZero));
        let mut page = Page::new(Layout::Vmcb);
        page.put(0x58, &[0; 4]);
        let partial = Vmrun::of(&page).unwrap();
        assert_eq!(partial.refused, [Condition::AsidZero]);
        assert!(partial.is_of_something());
        let nothing = Vmrun::of(&Page::new(Layout::Vmcb)).unwrap();
        assert!(!nothing.is_of_something());
        assert_eq!(partial.not_judged.len(), Condition::ALL.len() - 1);
        assert_eq!(Vmrun::of(&Page::new(Layout::Vmsa)), None);
    }
}
