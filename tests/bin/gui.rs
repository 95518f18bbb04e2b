//! `mailboat-gui` as it is shipped, for the tests of this package.

fn main() -> std::process::ExitCode {
    gui::main()
}
