//! A status in JSON.

use std::borrow::Cow;

use serde::Serialize;

use super::Hex;
use crate::model::status::feature_names;
use crate::model::{Driver, Error, ProcessorStatus, Status, Unavailable};

#[derive(Serialize)]
struct StatusMembers<'a> {
    driver: Option<Driver>,
    active_processors: u32,
    maximum_processors: u32,
    processors: Vec<ProcessorMembers<'a>>,
}

#[derive(Serialize)]
struct ProcessorMembers<'a> {
    index: u32,
    group: u16,
    number: u8,
    vendor: Option<&'a str>,
    hypervisor: Option<&'a str>,
    svm: Option<SvmMembers>,
    efer: Option<Hex<u64>>,
    /// None if it is not known.
    vmsave_possible: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Unavailable>,
}

#[derive(Serialize)]
struct SvmMembers {
    revision: u8,
    asids: u32,
    features: Vec<Cow<'static, str>>,
    feature_bits: Hex<u32>,
}

/// The status as a document.
pub(crate) fn status(status: &Status) -> Result<String, Error> {
    super::document(&StatusMembers {
        driver: status.driver,
        active_processors: status.active_processors,
        maximum_processors: status.maximum_processors,
        processors: status.processors.iter().map(Into::into).collect(),
    })
}

impl<'a> From<&'a ProcessorStatus> for ProcessorMembers<'a> {
    fn from(processor: &'a ProcessorStatus) -> Self {
        Self {
            index: processor.id.index,
            group: processor.id.group,
            number: processor.id.number,
            vendor: processor.vendor.as_deref(),
            hypervisor: processor.hypervisor.as_deref(),
            svm: processor.svm.map(|svm| SvmMembers {
                revision: svm.revision,
                asids: svm.asids,
                features: feature_names(svm.features),
                feature_bits: Hex(svm.features.into()),
            }),
            efer: processor.efer.map(|efer| Hex(efer.into())),
            vmsave_possible: processor.result.as_ref().map(Result::is_ok),
            error: processor
                .result
                .as_ref()
                .and_then(|result| result.as_ref().err()),
        }
    }
}
