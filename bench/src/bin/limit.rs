//! The floor as a program: starts the camera program, once for each camera, prints their addresses, shows the pictures
//! to whoever asks.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use bench::floor::{Floor, camera_arguments};
use bench::load::raise_file_limit;
use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "The least a program can do that shows cameras to many viewers")]
struct Arguments {
    /// The camera program
    #[arg(long)]
    program: String,
    /// How many cameras
    #[arg(long, default_value_t = 1)]
    cameras: usize,
    /// Where to listen for viewers of the first camera; port 0 takes a free one, as every further camera does
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// JPEG quality asked from the camera program
    #[arg(long, default_value_t = 85)]
    quality: u32,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    raise_file_limit(4096);
    let mut floor = Floor::new()?;
    let mut out = io::stdout().lock();
    let mut listen = arguments.listen;
    for camera in 0..arguments.cameras {
        let options = camera_arguments(arguments.quality, camera);
        writeln!(out, "{}", floor.show(listen, &arguments.program, &options)?)?;
        listen.set_port(0);
    }
    out.flush()?;
    drop(out);
    floor.run()
}
