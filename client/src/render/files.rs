//! Snapshots as they are written to files: JSON, or the bare VMCB pages.

use amd_svm::vmcb::VMCB_SIZE;

use super::json;
use crate::model::{Capture, Error, FileError, Pages, ProcessorId, Snapshot};

impl Snapshot {
    /// The JSON form: what `show --json --full` prints, with nothing left out.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], if memory is short.
    pub fn to_json(&self) -> Result<String, Error> {
        json::snapshot(self, json::Detail::Full)
    }

    /// A page for each processor, by index: of one that was read from a page the same, of others
    /// with zeros where VMSAVE does not write.
    ///
    /// # Errors
    ///
    /// [`FileError::NoPage`] if a processor has no capture, [`FileError::HiddenValues`] if the driver
    /// hid some of its values, [`FileError::UnknownBytes`] if it was read from a dump that has not the
    /// whole page.
    pub fn to_pages(&self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::with_capacity(self.processors.len() * VMCB_SIZE);
        for processor in &self.processors {
            let capture = processor
                .result
                .as_ref()
                .map_err(|_| FileError::NoPage(processor.id))?;
            // A zero there would be read as the register's.
            if self
                .redacted
                .iter()
                .any(|field| self.hides(*field, capture))
            {
                return Err(FileError::HiddenValues(processor.id));
            }
            bytes.extend_from_slice(&page(processor.id, capture)?);
        }
        Ok(bytes)
    }
}

fn page(id: ProcessorId, capture: &Capture) -> Result<[u8; VMCB_SIZE], FileError> {
    let Some(Pages { vmcb, vmsa, .. }) = capture.pages.as_deref() else {
        let mut page = [0; VMCB_SIZE];
        capture.vmsave.write_to(&mut page);
        return Ok(page);
    };
    match (vmcb, vmsa) {
        (Some(page), None) | (None, Some(page)) if page.is_whole() => {
            Ok(page.filled().into_owned())
        }
        _ => Err(FileError::UnknownBytes(id)),
    }
}
