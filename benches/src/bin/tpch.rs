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

/// How mimalloc gets its memory, which it must know before its first allocation. Columns are large and live for
/// milliseconds: with small pages, and freed memory given back after a second as by default, the kernel's share of a query,
/// mostly clearing pages, is a tenth to a third.
#[cfg(target_os = "linux")]
mod memory {
    use std::ffi::{c_int, c_long};

    /// `mi_option_allow_large_os_pages` of `mimalloc.h`: ask for huge pages.
    const ALLOW_LARGE_OS_PAGES: c_int = 6;
    /// `mi_option_purge_delay`: milliseconds until freed memory goes back to the system.
    const PURGE_DELAY: c_int = 15;

    unsafe extern "C" {
        fn mi_option_set_default(option: c_int, value: c_long);
    }

    #[used]
    // SAFETY: the loader calls the functions of this section with the C calling convention before `main`.
    #[unsafe(link_section = ".init_array")]
    static BEFORE_MAIN: extern "C" fn() = tune;

    extern "C" fn tune() {
        // SAFETY: options may be set at any time; it only writes numbers to the allocator's table.
        unsafe {
            mi_option_set_default(ALLOW_LARGE_OS_PAGES, 1);
            mi_option_set_default(PURGE_DELAY, 10_000);
        }
    }
}
