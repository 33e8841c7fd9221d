//! The record as one page of HTML, complete, without anything from the network.

use askama::Template;

use super::outcome::{Counts, Outcome, Value};
use super::record::Record;
use crate::model::Error;

/// The page, as it is filled in.
#[derive(Template)]
#[template(path = "selftest.html")]
struct Page<'a> {
    record: &'a Record,
    subject: String,
    counts: Counts,
}

impl Page<'_> {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the template hands everything over by reference"
    )]
    fn class(outcome: &Outcome) -> &'static str {
        match outcome {
            Outcome::Passed => "good",
            Outcome::Failed => "bad",
            Outcome::NotDone => "open",
        }
    }

    fn text(value: &Value) -> String {
        match value {
            Value::Number(number) => number.to_string(),
            Value::Text(text) => text.clone(),
        }
    }
}

/// The page.
pub(crate) fn html(record: &Record) -> Result<String, Error> {
    let page = Page {
        record,
        subject: record.subject(),
        counts: record.counts(),
    };
    Ok(page.render()?)
}
