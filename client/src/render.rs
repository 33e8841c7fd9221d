//! How it looks: text, JSON, comma-separated values, HTML, and the files that keep a snapshot.

pub(crate) mod count;
mod files;
mod html;
pub(crate) mod json;
pub(crate) mod rows;
pub(crate) mod text;
mod value;
pub(crate) mod verdict;
pub(crate) mod whose;
mod words;

pub(crate) use html::html;
