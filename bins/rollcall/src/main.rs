//! Parse, build, run.

/// What a server takes memory from: a change of a person takes a tenth less of the processor's time than with the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rollcall::run()
}
