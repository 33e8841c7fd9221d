//! Whether VMSAVE is possible on every processor, and what the answer rests on.

use std::borrow::Cow;

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

/// SVM's features by the names that AMD gives their bits (APM volume 3, appendix E, `8000_000A`); empty
/// where a bit is reserved.
const FEATURES: [&str; 32] = [
    "NP",
    "LbrVirt",
    "SVML",
    "NRIPS",
    "TscRateMsr",
    "VmcbClean",
    "FlushByAsid",
    "DecodeAssists",
    "PmcVirt",
    "",
    "PauseFilter",
    "EncryptedMcodePatch",
    "PauseFilterThreshold",
    "AVIC",
    "",
    "VMSAVEvirt",
    "VGIF",
    "GMET",
    "x2AVIC",
    "SSSCheck",
    "SpecCtrl",
    "ROGPT",
    "",
    "HOST_MCE_OVERRIDE",
    "TlbiCtl",
    "VNMI",
    "IbsVirt",
    "ExtLvtAvicAccessChg",
    "SvmeAddrChk",
    "BusLockThreshold",
    "IdleHltIntercept",
    "EnhancedShutdownIntercept",
];

/// The names of the features that are present, and `bit n` of those that have none.
pub(crate) fn feature_names(features: SvmFeatures) -> Vec<Cow<'static, str>> {
    let all = (0_u32..).zip(FEATURES);
    all.filter(|(bit, _)| u32::from(features) >> bit & 1 == 1)
        .map(|(bit, name)| match name {
            "" => format!("bit {bit}").into(),
            name => name.into(),
        })
        .collect()
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
    fn every_bit_that_is_not_reserved_has_a_name_of_its_own() {
        for bit in 0..u32::BITS {
            let features = SvmFeatures::from(1 << bit);
            let names = feature_names(features);
            let is_feature = format!("{features:?}").contains("true");
            assert_eq!(names != [format!("bit {bit}")], is_feature, "{names:?}");
        }
        let mut names = feature_names(SvmFeatures::from(u32::MAX));
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 32);
    }
}
