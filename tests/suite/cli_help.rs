//! Every help text of the program, compared with the committed one. `BLESS=1` writes it anew.

use std::fmt::Write as _;

use crate::support::program::run;
use crate::support::source::root;

#[test]
fn the_help_texts_are_the_committed_ones() {
    let mut shown = String::new();
    let mut commands = vec![Vec::<String>::new()];
    while let Some(words) = commands.pop() {
        let arguments: Vec<&str> = words.iter().map(String::as_str).chain(["--help"]).collect();
        let ended = run(&arguments);
        assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.stderr);
        writeln!(shown, "$ akkoord {}\n{}", arguments.join(" "), ended.stdout).unwrap();
        for name in subcommands(&ended.stdout).into_iter().rev() {
            commands.push(words.iter().cloned().chain([name]).collect());
        }
    }
    let committed = root().join("tests/suite/cli_help.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&committed, &shown).unwrap();
    }
    let known = std::fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        shown == known,
        "the help texts changed; look at the difference after `BLESS=1 cargo test cli_help`"
    );
}

/// The names under `Commands:`, without `help`.
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_wrong_command_line_ends_with_code_2() {
    for arguments in [&["serv"][..], &["config", "show"], &["--frobnicate"], &[]] {
        let ended = run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}");
        assert!(ended.stderr.contains("Usage:"), "{}", ended.stderr);
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(
        run(&["--version"]).stdout,
        format!("akkoord {}\n", env!("CARGO_PKG_VERSION"))
    );
}
