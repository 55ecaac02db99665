//! The `akkoord` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    akkoord::cli::run()
}
