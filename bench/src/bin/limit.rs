//! The floor as a program: starts the camera program, prints its address, shows the pictures to whoever asks.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use bench::floor::{Floor, camera_arguments};
use bench::load::raise_file_limit;
use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "The least a program can do that shows one camera to many viewers")]
struct Arguments {
    /// The camera program
    #[arg(long)]
    program: String,
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// JPEG quality asked from the camera program
    #[arg(long, default_value_t = 85)]
    quality: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    raise_file_limit(4096);
    let floor = Floor::start(
        arguments.listen,
        &arguments.program,
        &camera_arguments(arguments.quality),
    )?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", floor.address()?)?;
    out.flush()?;
    drop(out);
    floor.run()
}
