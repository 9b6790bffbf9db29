//! Parse, build, run.

/// A change takes memory in very many small pieces, and gives all of it back: `docs/decisions/0039-memory-comes-from-mimalloc.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    rollcall::run()
}
