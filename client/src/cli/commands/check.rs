//! `check`: the verdict on a machine.

use super::{Origin, answer};
use crate::checks::Judge;
use crate::cli::Terminal;
use crate::cli::command_line::{CheckOptions, System};
use crate::cli::exit::Exit;
use crate::cli::run::Answer;
use crate::model::Error;
use crate::render::verdict::Selected;
use crate::render::{json, text};

pub(super) fn check(
    options: &CheckOptions,
    mut origin: Origin,
    terminal: Terminal,
) -> Result<Answer, Error> {
    let (mut snapshot, machine) = origin.whole()?;
    if options.anonymous {
        snapshot.make_anonymous();
    }
    let shown = machine.select(&options.source.processors)?;
    // Processors without a capture are findings. A machine without any is no machine to judge.
    if machine.refuses && !options.json && !options.jsonl {
        return Ok(answer(String::new(), &machine, &snapshot, &mut origin));
    }
    let mut judge = Judge::default().ignoring(options.ignore.iter().copied());
    if options.system == Some(System::Windows) {
        judge = judge.as_windows();
    }
    let verdict = judge.judge(&snapshot);
    let selected = Selected::new(&verdict, &shown);
    let output = if options.json {
        json::verdict(&verdict, &selected)?
    } else if options.jsonl {
        json::verdict_lines(&verdict, &selected)?
    } else {
        text::findings(&verdict, &selected, terminal.palette())
    };
    if machine.refuses {
        // Programs learn the reason from what they read.
        return Ok(answer(output, &machine, &snapshot, &mut origin));
    }
    Ok(Answer {
        exit: if verdict.has(options.fail_on.into()) {
            Exit::Found
        } else if verdict.is_complete() {
            Exit::Done
        } else {
            Exit::Incomplete
        },
        ..Answer::text(output)
    })
}
