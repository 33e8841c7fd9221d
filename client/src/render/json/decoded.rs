//! What a page says in words, beside its fields: for readers, and left out when it is read back.

use serde::Serialize;

use crate::checks::Vmrun;
use crate::model::table::Table;
use crate::model::{Capture, Page};
use crate::render::words;

/// Words for the fields of each page, and what VMRUN refuses.
#[derive(Serialize)]
pub(super) struct DecodedMembers {
    #[serde(skip_serializing_if = "Table::is_empty")]
    vmcb: Table<&'static str, String>,
    #[serde(skip_serializing_if = "Table::is_empty")]
    vmsa: Table<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vmrun: Option<VmrunMembers>,
}

#[derive(Serialize)]
struct VmrunMembers {
    refused: Vec<ConditionMembers>,
    not_judged: Vec<&'static str>,
}

#[derive(Serialize)]
struct ConditionMembers {
    id: &'static str,
    message: &'static str,
    fields: &'static [&'static str],
    section: &'static str,
}

impl DecodedMembers {
    /// None of a capture that was read from no page.
    pub(super) fn of(capture: &Capture) -> Option<Self> {
        let pages = capture.pages.as_deref()?;
        let words = |page: &Option<Page>| page.as_ref().map(of_page).unwrap_or_default();
        Some(Self {
            vmcb: words(&pages.vmcb),
            vmsa: words(&pages.vmsa),
            vmrun: Vmrun::of(pages).map(Into::into),
        })
    }
}

fn of_page(page: &Page) -> Table<&'static str, String> {
    let fields = page.layout().fields().iter();
    let has_exit = words::has_exit(page);
    let told = fields.filter_map(|field| {
        let is_told = |value: &u64| *value != 0 || has_exit && field.name() == "exit_code";
        let value = page.number(field.range()).filter(is_told)?;
        Some((field.name(), words::field(field.name(), value, page)?))
    });
    told.collect()
}

impl From<Vmrun> for VmrunMembers {
    fn from(vmrun: Vmrun) -> Self {
        let refused = vmrun.refused.iter().map(|condition| ConditionMembers {
            id: condition.identifier(),
            message: condition.text(),
            fields: condition.fields(),
            section: condition.section(),
        });
        let not_judged = vmrun.not_judged.iter();
        Self {
            refused: refused.collect(),
            not_judged: not_judged.map(|one| one.identifier()).collect(),
        }
    }
}
