//! The real program, started as an operator starts it.

use std::process::{Command, Output};

/// `akkoord` with these arguments, and nothing of our own environment that would change what it does.
pub fn akkoord(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_akkoord"));
    command.args(arguments).env("COLUMNS", "100");
    for variable in [
        "RUST_LOG",
        "AKKOORD_ROOT_KEY",
        "AKKOORD_ROOT_KEY_FILE",
        "AKKOORD_DATABASE",
    ] {
        command.env_remove(variable);
    }
    command
}

/// How it ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Ended {
    akkoord(arguments).output().unwrap().into()
}
