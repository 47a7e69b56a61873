//! The collector's program; see the library.

fn main() -> std::process::ExitCode {
    plumbline_collector::main()
}
