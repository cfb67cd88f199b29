//! The real server with a counting allocator, for `fanout --counted`. Takes the server's arguments.

use std::process::ExitCode;

use bench::counting::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> anyhow::Result<ExitCode> {
    counting::publish()?;
    Ok(my_cctv_server::run(std::env::args_os()))
}
