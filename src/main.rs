//! The `stepwell` binary.

/// A quarter more steps a second than with the system's allocator; SQLite's allocations go through it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    stepwell::cli::main()
}
