//! Whether VMSAVE is possible on every processor, and what the answer rests on.

use amd_svm::cpuid::{SvmFeatures, SvmIdentity};
use amd_svm::msr::Efer;

use super::processor::AboutProcessor;
use super::{Driver, ProcessorId, ProcessorSnapshot, Snapshot, Unavailable};

/// The driver's answer about the whole machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// The driver that answered; none if the answer comes out of bare VMCB pages.
    pub driver: Option<Driver>,
    /// Logical processors that are active now, in all groups.
    pub active_processors: u32,
    /// Logical processors that the system can have, were all of them added.
    pub maximum_processors: u32,
    /// Whether this was made of a snapshot, which knows no more than `EFER` and reasons.
    pub recorded: bool,
    /// The processors, by index.
    pub processors: Vec<ProcessorStatus>,
}

/// One processor of a [`Status`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProcessorStatus {
    /// The processor.
    pub id: ProcessorId,
    /// The name by which the processor's maker signs.
    pub vendor: Option<String>,
    /// The name by which the hypervisor signs that the processor runs under, if there is one.
    pub hypervisor: Option<String>,
    /// What the processor says about its SVM, if it says that it has one.
    pub svm: Option<SvmIdentity>,
    /// `EFER` as found; none if the support check ended before it was read.
    pub efer: Option<Efer>,
    /// Whether VMSAVE is possible, or why not; none where only a VMCB page is there to tell.
    pub result: Option<Result<(), Unavailable>>,
}

type IsPresent = fn(&SvmFeatures) -> bool;

/// SVM's features by the names that the APM gives them (volume 3, appendix E, `8000_000A`).
const FEATURES: [(&str, IsPresent); 17] = [
    ("NP", SvmFeatures::nested_paging),
    ("LbrVirt", SvmFeatures::lbr_virtualization),
    ("SVML", SvmFeatures::svm_lock),
    ("NRIPS", SvmFeatures::next_rip_save),
    ("TscRateMsr", SvmFeatures::tsc_rate_msr),
    ("VmcbClean", SvmFeatures::vmcb_clean),
    ("FlushByAsid", SvmFeatures::flush_by_asid),
    ("DecodeAssists", SvmFeatures::decode_assists),
    ("PauseFilter", SvmFeatures::pause_filter),
    ("PauseFilterThreshold", SvmFeatures::pause_filter_threshold),
    ("AVIC", SvmFeatures::avic),
    ("VMSAVEvirt", SvmFeatures::virtual_vmsave_vmload),
    ("VGIF", SvmFeatures::virtual_gif),
    ("GMET", SvmFeatures::guest_mode_execute_trap),
    ("x2AVIC", SvmFeatures::x2avic),
    ("SpecCtrl", SvmFeatures::spec_ctrl),
    ("SvmeAddrChk", SvmFeatures::address_check),
];

/// The names of the features that are present.
pub(crate) fn feature_names(features: SvmFeatures) -> impl Iterator<Item = &'static str> {
    FEATURES
        .into_iter()
        .filter(move |(_, present)| present(&features))
        .map(|(name, _)| name)
}

impl Status {
    /// What a snapshot tells of the same: whether VMSAVE was possible, and `EFER`.
    #[must_use]
    pub fn recorded(snapshot: &Snapshot) -> Self {
        let count = snapshot.processors.len() + snapshot.absent().len();
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            driver: snapshot.driver,
            active_processors: count,
            maximum_processors: count,
            recorded: true,
            processors: snapshot
                .processors
                .iter()
                .map(|processor| ProcessorStatus::recorded(processor, snapshot.driver.is_some()))
                .collect(),
        }
    }

    /// The hypervisor that the machine runs under, by its name: processors share it.
    #[must_use]
    pub fn hypervisor(&self) -> Option<&str> {
        let mut names = self.processors.iter().map(|one| one.hypervisor.as_deref());
        names.find_map(|name| name)
    }
}

impl AboutProcessor for ProcessorStatus {
    fn id(&self) -> ProcessorId {
        self.id
    }

    fn unavailable(&self) -> Option<Unavailable> {
        self.result.clone()?.err()
    }
}

impl ProcessorStatus {
    /// What a snapshot tells. That a driver took it tells that VMSAVE was possible.
    fn recorded(processor: &ProcessorSnapshot, by_driver: bool) -> Self {
        let capture = processor.result.as_ref();
        let details = capture.ok().and_then(|capture| capture.details);
        let result = capture.map(|_| ()).map_err(Clone::clone);
        Self {
            id: processor.id,
            vendor: None,
            hypervisor: None,
            svm: None,
            efer: details.map(|details| details.efer_found),
            result: (by_driver || result.is_err()).then_some(result),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_a_bit_and_a_name_of_its_own() {
        let names: Vec<Vec<_>> = (0..u32::BITS)
            .map(|bit| feature_names(SvmFeatures::from(1 << bit)).collect())
            .collect();
        assert!(names.iter().all(|names| names.len() <= 1));
        let in_order: Vec<_> = names.into_iter().flatten().collect();
        assert_eq!(in_order, FEATURES.map(|(name, _)| name));
    }
}
