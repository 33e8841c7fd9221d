//! A snapshot as comma-separated values, for spreadsheets.

use crate::model::{Error, Obstacle, Snapshot, field::Field};

/// A line for each processor; of one without a capture the obstacle's code stands in the last
/// column.
pub(crate) fn csv(snapshot: &Snapshot, fields: &[&'static Field]) -> Result<String, Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let labels = ["index", "group", "number"].into_iter();
    writer.write_record(
        labels
            .chain(fields.iter().map(|field| field.name))
            .chain(["error"]),
    )?;
    for processor in &snapshot.processors {
        let id = processor.id;
        let cell = |field: &&Field| match &processor.result {
            Ok(capture) => field.of(capture).map(|value| field.number(value)),
            Err(_) => None,
        };
        let error = processor.result.err().map_or("", Obstacle::code);
        writer.write_record(
            [
                id.index.to_string(),
                id.group.to_string(),
                id.number.to_string(),
            ]
            .into_iter()
            .chain(fields.iter().map(|field| cell(field).unwrap_or_default()))
            .chain([error.to_owned()]),
        )?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error);
    let bytes = bytes.map_err(csv::Error::from)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
