//! The `stepwell` binary.

fn main() -> std::process::ExitCode {
    stepwell::cli::main()
}
