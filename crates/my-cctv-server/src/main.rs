//! The binary; everything is in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    my_cctv_server::run(std::env::args_os())
}
