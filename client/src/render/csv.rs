//! A snapshot as comma-separated values, for spreadsheets.

use super::value;
use crate::model::kernel_module::printable;
use crate::model::{Error, Field, Snapshot, Unavailable};

/// A line for each processor; of one without a capture the reason's code stands in the last
/// column. A value that the driver hid, or that is not there, is empty.
pub(crate) fn csv(snapshot: &Snapshot, fields: &[Field]) -> Result<String, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let labels = ["index", "group", "number"].into_iter();
    writer.write_record(
        labels
            .chain(fields.iter().map(|field| field.name()))
            .chain(["error"]),
    )?;
    for processor in &snapshot.processors {
        let id = processor.id;
        let cell = |field: &Field| match &processor.result {
            Ok(capture) => snapshot
                .value(*field, capture)
                .map(|value| value::number(*field, value)),
            Err(_) => None,
        };
        let error = processor
            .result
            .as_ref()
            .err()
            .map_or("", Unavailable::code);
        writer.write_record(
            [
                id.index.to_string(),
                id.group.to_string(),
                id.number.to_string(),
            ]
            .into_iter()
            .chain(fields.iter().map(|field| cell(field).unwrap_or_default()))
            .chain([printable(error)]),
        )?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error);
    let bytes = bytes.map_err(csv::Error::from)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
