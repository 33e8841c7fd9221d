//! `check`: the verdict on a machine, or on each of many.

use super::{Machine, Origin, answer, many};
use crate::checks::Judge;
use crate::cli::command_line::{CheckOptions, System};
use crate::cli::exit::Exit;
use crate::cli::run::{Answer, Streams};
use crate::driver_io::Device;
use crate::model::processor_list::Owner;
use crate::model::{DeviceError, Error};
use crate::render::verdict::{Machines, Selected};
use crate::render::whose::Whose;
use crate::render::{json, text};

pub(super) fn command<'device>(
    options: &CheckOptions,
    open: impl FnOnce() -> Result<Box<dyn Device + 'device>, DeviceError>,
    streams: &mut Streams,
) -> Result<Answer, Error> {
    let source = &options.source;
    if let Some(path) = many::single(&options.files) {
        let origin = Origin::of_file(path.clone(), source.format);
        check(options, origin, streams)
    } else if options.files.paths.is_empty() {
        check(options, Origin::of(source, open)?, streams)
    } else {
        check_many(options, streams)
    }
}

fn check(options: &CheckOptions, mut origin: Origin, streams: &Streams) -> Result<Answer, Error> {
    let (mut snapshot, machine) = origin.whole()?;
    if options.anonymous {
        snapshot.make_anonymous();
    }
    let shown = machine.select(&options.source.processors)?;
    // Processors without a capture are findings. A machine without any is no machine to judge.
    if machine.refuses && !options.json && !options.jsonl {
        return Ok(answer(String::new(), &machine, &snapshot, &mut origin));
    }
    let verdict = judge(options).judge(&snapshot);
    let selected = Selected::new(&verdict, &shown);
    let whose = Whose::new(None, &snapshot);
    let palette = streams.terminal.palette();
    let output = if options.json {
        json::verdict(&verdict, &selected)?
    } else if options.jsonl {
        json::verdict_lines(&whose, &verdict, &selected)?
    } else if streams.quiet {
        text::findings(&selected, palette)
    } else {
        text::verdict(&whose, &verdict, &selected, palette)
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
        notes: origin.notes().to_vec(),
        ..Answer::text(output)
    })
}

/// The verdict on each file, and how many there are of each kind.
fn check_many(options: &CheckOptions, streams: &mut Streams) -> Result<Answer, Error> {
    if options.json {
        return Err(Error::OneSnapshot);
    }
    let judge = judge(options);
    let palette = streams.terminal.palette();
    let mut machines = Machines::default();
    let mut failed = false;
    let input = many::Input {
        files: &options.files,
        format: options.source.format,
        jsonl: options.jsonl,
        anonymous: options.anonymous,
    };
    let read = many::each(input, streams, |name, snapshot, streams| {
        let machine = Machine::of(&snapshot.processors, Owner::Snapshot);
        let (shown, missing) = machine.select_some(&options.source.processors);
        let verdict = judge.judge(&snapshot);
        let selected = Selected::new(&verdict, &shown);
        let whose = Whose::new(Some(name), &snapshot);
        if options.jsonl
            && !streams.quiet
            && let Some(missing) = &missing
        {
            many::tell(&format!("{whose}: {missing}"), streams);
        }
        let output = if options.jsonl {
            json::verdict_lines(&whose, &verdict, &selected)?
        } else if streams.quiet {
            text::machine_findings(&whose, &selected, palette)
        } else {
            text::machine(&whose, missing, &verdict, &selected, palette)
        };
        failed |= verdict.has(options.fail_on.into());
        machines.add(&verdict);
        many::write(&output, streams)
    })?;
    machines.unread = read.unread;
    let closing = if options.jsonl {
        json::machines(&machines)?
    } else if streams.quiet {
        String::new()
    } else {
        text::machines(&machines, palette)
    };
    Ok(Answer {
        exit: if failed {
            Exit::Found
        } else if machines.unread > 0 {
            Exit::BadFile
        } else if machines.incomplete > 0 || read.is_cut_off {
            Exit::Incomplete
        } else {
            Exit::Done
        },
        ..Answer::text(closing)
    })
}

fn judge(options: &CheckOptions) -> Judge {
    let judge = Judge::default().ignoring(options.ignore.iter().copied());
    match options.system {
        Some(System::Windows) => judge.as_windows(),
        None => judge,
    }
}
