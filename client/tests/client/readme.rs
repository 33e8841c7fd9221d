//! The README's transcripts of the client, replayed.

use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_transcript_of_the_client_is_what_its_command_prints() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(package.join("../README.md")).unwrap();
    // What the commands write shall not lie in the repository.
    let folder = tempfile::tempdir().unwrap();
    for file in [
        "examples/healthy.json",
        "examples/tampered.json",
        "tests/cases/kvm-dmesg.txt",
    ] {
        let copy = folder.path().join("client").join(file);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(package.join(file), copy).unwrap();
    }
    let mut commands = Vec::new();
    for block in readme.split("```console\n").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        let (command, expected) = block.split_once('\n').unwrap();
        let Some(arguments) = command.strip_prefix("$ client ") else {
            continue;
        };
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let output = Command::new(env!("CARGO_BIN_EXE_client"))
            .args(&arguments)
            .current_dir(folder.path())
            .env_remove("COLUMNS")
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        // The time that a watch took is the machine's.
        assert_eq!(
            without_times(&printed),
            without_times(expected),
            "{command}"
        );
        assert_eq!(output.stderr, b"", "{command}");
        commands.push(arguments[0].to_owned());
    }
    commands.sort();
    commands.dedup();
    let all = [
        "bench", "check", "decode", "diff", "explain", "report", "save", "show", "status", "watch",
    ];
    assert_eq!(commands, all);
}

fn without_times(text: &str) -> String {
    let words: Vec<_> = text.split(' ').collect();
    let mut result = words.clone();
    for (at, pair) in words.windows(2).enumerate() {
        if pair[1].starts_with('s')
            && pair[0].parse::<f64>().is_ok()
            && pair[1].trim_end_matches(',') == "s"
        {
            result[at] = "...";
        }
    }
    result.join(" ")
}
