//! The `client` program: [`client::run`] with this process' arguments, streams and driver.

use std::process::ExitCode;
use std::{env, io};

use client::Terminal;

fn main() -> ExitCode {
    ExitCode::from(client::run(
        env::args_os(),
        client::open,
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
        Terminal::of_stdout(),
    ))
}
