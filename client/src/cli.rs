//! The program: the words that are typed, the commands, the exit codes.

mod advice;
mod command_line;
mod commands;
mod exit;
#[cfg(feature = "generate")]
mod generate;
mod run;
mod terminal;

#[cfg(feature = "generate")]
pub use generate::generate;
pub use run::run;
pub use terminal::Terminal;
