//! What a file is, by what it contains; and that nothing that it tells is lost.

mod damage;
mod dumps;
mod forms;
mod targets;
mod unrecognised;
