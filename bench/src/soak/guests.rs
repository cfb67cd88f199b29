//! Viewers that come and go, slow and stalled ones, snapshots, and programs that poll the API.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::camera::Camera;
use super::client::{self, Parts};
use super::{GLANCE, Shared};
use crate::clock::pause;

const ADDRESSES: [&str; 6] = [
    "/",
    "/health",
    "/api/v1/cameras",
    "/api/v1/session",
    "/api/v1/incidents",
    "/api-docs/openapi.json",
];

/// One guest after the other, until the run is over.
pub(super) fn come_and_go(shared: &Shared, cameras: &[Camera], mut rng: Rng) {
    while !shared.is_over() {
        let camera = &cameras[rng.usize(..cameras.len())].id;
        if let Err(error) = visit(shared, camera, &mut rng) {
            shared.complain(format!("{camera}: a guest: {error}"));
        }
        shared.outcome().guests += 1;
        shared.rest(Duration::from_millis(rng.u64(0..200)));
    }
}

fn visit(shared: &Shared, camera: &str, rng: &mut Rng) -> io::Result<()> {
    let address = shared.address;
    let stream = format!("/api/v1/cameras/{camera}/stream");
    match rng.u32(0..10) {
        0..=2 => {
            let mut parts = Parts::open(address, &stream)?;
            let end = Instant::now() + Duration::from_millis(rng.u64(0..3000));
            while Instant::now() < end && !shared.is_over() {
                parts.next()?;
            }
        }
        3 => drop(Parts::open(address, &stream)?),
        4 => leave_with_a_reset(client::ask(address, &stream, "1.1")?, rng)?,
        5 => {
            let mut socket = client::connect(address)?;
            socket.write_all(&b"GET /stream HTTP/1.1\r\nHost: x\r\n"[..rng.usize(1..30)])?;
            shared.rest(Duration::from_millis(rng.u64(0..1000)));
        }
        6 => {
            let (status, body) =
                client::get(address, &format!("/api/v1/cameras/{camera}/snapshot"))?;
            let whole = body.starts_with(b"\xFF\xD8") && body.ends_with(b"\xFF\xD9");
            // A camera that is in trouble has no picture to give.
            if !(status == 200 && whole || status == 503) {
                return Err(io::Error::other(format!("snapshot: status {status}")));
            }
        }
        7 => read_slowly(shared, client::ask(address, &stream, "1.1")?, rng)?,
        8 => {
            let _stalled = client::ask(address, &stream, "1.1")?;
            shared.rest(Duration::from_millis(rng.u64(0..15_000)));
        }
        _ => {
            let path = ADDRESSES[rng.usize(..ADDRESSES.len())];
            let (status, _) = client::get(address, path)?;
            if status != 200 {
                return Err(io::Error::other(format!("{path}: status {status}")));
            }
        }
    }
    Ok(())
}

/// Somewhere in a picture, without a word.
fn leave_with_a_reset(mut socket: TcpStream, rng: &mut Rng) -> io::Result<()> {
    let mut some = vec![0; rng.usize(1..10_000)];
    let _ = socket.read(&mut some)?;
    rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    Ok(())
}

/// Less than the stream has; the server may end it.
fn read_slowly(shared: &Shared, mut socket: TcpStream, rng: &mut Rng) -> io::Result<()> {
    let end = Instant::now() + Duration::from_millis(rng.u64(0..10_000));
    let mut some = [0; 1000];
    while Instant::now() < end && !shared.is_over() {
        if socket.read(&mut some)? == 0 {
            break;
        }
        pause(GLANCE * 5);
    }
    Ok(())
}
