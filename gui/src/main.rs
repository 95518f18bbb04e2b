//! The `mailboat-gui` program.

fn main() -> std::process::ExitCode {
    gui::main()
}
