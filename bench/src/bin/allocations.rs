//! The real server with a counting allocator, for `fanout --counted`. Takes the server's arguments.

use std::ffi::OsString;
use std::process::ExitCode;

use bench::counting::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> anyhow::Result<ExitCode> {
    counting::publish()?;
    Ok(serve(std::env::args_os()))
}

/// The server as a function. It has no library entry yet; with one, this is `my_cctv_server::run`.
fn serve(_arguments: impl Iterator<Item = OsString>) -> ExitCode {
    ExitCode::from(2)
}
