//! How it looks: text, JSON, comma-separated values, HTML, and the files that keep a snapshot.

pub(crate) mod count;
mod csv;
mod files;
mod html;
pub(crate) mod json;
pub(crate) mod text;
mod value;
pub(crate) mod verdict;
mod words;

pub(crate) use csv::csv;
pub(crate) use html::html;
