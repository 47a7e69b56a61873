//! The agent's program; see the library.

fn main() -> std::process::ExitCode {
    plumbline_agent::main()
}
