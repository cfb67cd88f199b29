//! A connection to a network camera with a bound on what may come between two frames.
//!
//! The RTSP library reads as long as a message or an access unit goes on, and has no limit for either. It is given this
//! in place of the camera: what passes is counted, and a camera that sends without end is cut off.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

/// The library connects at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Read at a time.
const PIECE_BYTES: usize = 32 * 1024;

/// Open while it exists.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    /// Bytes since the last frame.
    passed: Arc<AtomicUsize>,
    most: usize,
    _task: AbortOnDropHandle<()>,
}

impl Relay {
    /// Connects to `camera`. At most `most` bytes pass before [`Relay::frame`] is called.
    pub(crate) async fn open(camera: SocketAddr, most: usize) -> io::Result<Self> {
        let camera = TcpStream::connect(camera).await?;
        camera.set_nodelay(true)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let passed = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(pass(listener, camera, passed.clone(), most));
        Ok(Self {
            address,
            passed,
            most,
            _task: AbortOnDropHandle::new(task),
        })
    }

    /// Where the library finds the camera.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A frame is complete: what comes now belongs to the next.
    pub(crate) fn frame(&self) {
        self.passed.store(0, Relaxed);
    }

    /// The camera was cut off, because it sent too much.
    pub(crate) fn is_cut(&self) -> bool {
        self.passed.load(Relaxed) > self.most
    }
}

/// Errors end the connection, which is all that the other side needs to know.
async fn pass(listener: TcpListener, camera: TcpStream, passed: Arc<AtomicUsize>, most: usize) {
    let Ok(Ok((library, _))) = timeout(PATIENCE, listener.accept()).await else {
        return;
    };
    drop(listener);
    let _ = library.set_nodelay(true);
    let (mut from_camera, mut to_camera) = camera.into_split();
    let (mut from_library, mut to_library) = library.into_split();
    let up = async {
        let _ = tokio::io::copy(&mut from_library, &mut to_camera).await;
    };
    let down = async {
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(n @ 1..) = from_camera.read(&mut piece).await {
            if passed.fetch_add(n, Relaxed) + n > most
                || to_library.write_all(&piece[..n]).await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        () = up => {}
        () = down => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_never_becomes_a_frame_is_cut_off() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let relay = Relay::open(listener.local_addr().unwrap(), 1000)
            .await
            .unwrap();
        let (mut camera, _) = listener.accept().await.unwrap();
        let mut library = TcpStream::connect(relay.address()).await.unwrap();
        let mut buf = [0; 600];
        library.write_all(b"PLAY").await.unwrap();
        camera.read_exact(&mut buf[..4]).await.unwrap();
        assert_eq!(&buf[..4], b"PLAY");
        for _ in 0..10 {
            camera.write_all(&[7; 600]).await.unwrap();
            library.read_exact(&mut buf).await.unwrap();
            relay.frame();
        }
        assert!(!relay.is_cut());
        camera.write_all(&[7; 2000]).await.unwrap();
        let mut rest = Vec::new();
        let _ = library.read_to_end(&mut rest).await;
        assert!(rest.len() <= 1000 && relay.is_cut(), "{}", rest.len());
    }
}
