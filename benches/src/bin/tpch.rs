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

/// Lets mimalloc ask for huge pages, which it must know before its first allocation: columns are large and live for
/// milliseconds, so with small pages a tenth to a quarter of a query's time is the kernel clearing and mapping them.
#[cfg(target_os = "linux")]
mod huge_pages {
    use std::ffi::{c_int, c_long};

    /// `mi_option_allow_large_os_pages` of `mimalloc.h`; the environment's `MIMALLOC_ALLOW_LARGE_OS_PAGES`.
    const ALLOW_LARGE_OS_PAGES: c_int = 6;

    unsafe extern "C" {
        fn mi_option_set_default(option: c_int, value: c_long);
    }

    #[used]
    // SAFETY: the loader calls the functions of this section with the C calling convention before `main`.
    #[unsafe(link_section = ".init_array")]
    static BEFORE_MAIN: extern "C" fn() = allow;

    extern "C" fn allow() {
        // SAFETY: setting an option is allowed at any time; it only writes a number in the allocator's table.
        unsafe { mi_option_set_default(ALLOW_LARGE_OS_PAGES, 1) };
    }
}
