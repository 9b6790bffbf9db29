//! Parse, build, run.

fn main() -> std::process::ExitCode {
    rollcall::run()
}
