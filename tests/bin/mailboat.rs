//! The shipped `mailboat`, where the tests find it.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent::cli::main()
}
