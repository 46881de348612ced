//! Runs the TPC-H queries; `tpch --help` tells how.

use std::process::ExitCode;

use quokka_benches::tpch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match tpch::main(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tpch: {}", error.report());
            ExitCode::from(error.exit_code())
        },
    }
}
