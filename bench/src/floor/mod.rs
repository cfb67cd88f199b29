//! The floor: the least a program can do that shows cameras to many viewers over HTTP.
//!
//! One thread, one epoll, the camera's pipe read straight into the buffer that every viewer is sent from,
//! one `send` per viewer and frame. No checks, no login, no counters, a port for each camera. A viewer whose
//! socket is full finishes its part when there is room, then takes the newest frame: latest wins.

mod cutter;
mod frames;
mod viewer;

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::net::{SocketFlags, accept_with};

use cutter::Cutter;
use frames::Frames;
use viewer::{Viewer, Was};

const LISTENER: u64 = 0;
const CAMERA: u64 = 1;
const FIRST_VIEWER: u64 = 2;

/// The arguments the server, too, gives to the camera program for its camera of this number.
#[must_use]
pub fn camera_arguments(quality: u32, camera: usize) -> Vec<String> {
    let (quality, camera) = (quality.to_string(), camera.to_string());
    [
        "-t",
        "0",
        "-n",
        "--flush",
        "--camera",
        &camera,
        "--codec",
        "mjpeg",
        "--inline",
        "--width",
        "640",
        "--height",
        "480",
        "--framerate",
        "20",
        "--quality",
        &quality,
        "-o",
        "-",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// The running floor.
#[derive(Debug)]
pub struct Floor {
    poll: OwnedFd,
    shows: Vec<Show>,
}

impl Floor {
    /// Starts with no camera.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            poll: epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?,
            shows: Vec::new(),
        })
    }

    /// Starts a camera program, and shows it there. Gives the address.
    pub fn show(
        &mut self,
        listen: SocketAddr,
        program: &str,
        arguments: &[String],
    ) -> anyhow::Result<SocketAddr> {
        let show = Show::start(listen, program, arguments)?;
        let address = show.listener.local_addr().context("own address")?;
        let index = self.shows.len();
        let (listener, camera) = (token(index, LISTENER), token(index, CAMERA));
        epoll::add(&self.poll, &show.listener, listener, EventFlags::IN)?;
        epoll::add(&self.poll, &show.camera, camera, EventFlags::IN)?;
        self.shows.push(show);
        Ok(address)
    }

    /// Serves until a camera ends.
    pub fn run(mut self) -> anyhow::Result<()> {
        let mut events = [NO_EVENT; 256];
        loop {
            let count = match epoll::wait(&self.poll, &mut events, None) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error).context("epoll_wait"),
            };
            for event in &events[..count] {
                let number = event.data.u64();
                let index = usize::try_from(number >> SHOW_BITS)?;
                let poll = Poll {
                    poll: &self.poll,
                    show: index,
                };
                let show = &mut self.shows[index];
                match number & ((1 << SHOW_BITS) - 1) {
                    LISTENER => show.accept(poll)?,
                    CAMERA => show.read_camera(poll)?,
                    number => show.viewer(number, event.flags, poll)?,
                }
            }
        }
    }
}

/// The bits below say what of a show woke us.
const SHOW_BITS: u32 = 32;

fn token(show: usize, number: u64) -> EventData {
    EventData::new_u64((show as u64) << SHOW_BITS | number)
}

/// Where a show registers its sockets.
#[derive(Clone, Copy)]
struct Poll<'a> {
    poll: &'a OwnedFd,
    show: usize,
}

impl Poll<'_> {
    fn add(self, viewer: usize, socket: &OwnedFd) -> anyhow::Result<()> {
        let token = token(self.show, FIRST_VIEWER + viewer as u64);
        epoll::add(self.poll, socket.as_fd(), token, EventFlags::IN).context("epoll")
    }

    fn modify(self, index: usize, viewer: &Viewer, flags: EventFlags) -> anyhow::Result<()> {
        let token = token(self.show, FIRST_VIEWER + index as u64);
        epoll::modify(self.poll, viewer.socket(), token, flags).context("epoll")
    }
}

/// One camera and its viewers.
#[derive(Debug)]
struct Show {
    listener: TcpListener,
    camera: ChildStdout,
    child: Child,
    cutter: Cutter,
    frames: Frames,
    viewers: Vec<Option<Viewer>>,
}

impl Show {
    fn start(listen: SocketAddr, program: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(listen).with_context(|| format!("listen on {listen}"))?;
        listener.set_nonblocking(true).context("listener")?;
        // std listens with a backlog of 128; a crowd that connects at once needs more.
        rustix::net::listen(&listener, 4096).context("backlog")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("start {program}"))?;
        let camera = child.stdout.take().context("camera has no stdout")?;
        Ok(Self {
            listener,
            camera,
            child,
            cutter: Cutter::default(),
            frames: Frames::default(),
            viewers: Vec::new(),
        })
    }

    fn accept(&mut self, poll: Poll<'_>) -> anyhow::Result<()> {
        // One call per wake: who else waits wakes us again.
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let Ok(socket) = accept_with(&self.listener, flags) else {
            return Ok(());
        };
        rustix::net::sockopt::set_tcp_nodelay(&socket, true).context("TCP_NODELAY")?;
        let free = self.viewers.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.viewers.push(None);
            self.viewers.len() - 1
        });
        poll.add(index, &socket)?;
        self.viewers[index] = Some(Viewer::new(socket));
        Ok(())
    }

    fn read_camera(&mut self, poll: Poll<'_>) -> anyhow::Result<()> {
        let target = self.frames.filling();
        if self.cutter.read(&self.camera, target)? == 0 {
            bail!("camera program ended: {:?}", self.child.wait());
        }
        while let Some(length) = self.cutter.cut(self.frames.filling()) {
            let surplus = self.cutter.take_surplus();
            self.frames.publish(length, surplus);
            self.send_newest(poll)?;
        }
        Ok(())
    }

    fn send_newest(&mut self, poll: Poll<'_>) -> anyhow::Result<()> {
        for (index, place) in self.viewers.iter_mut().enumerate() {
            let Some(viewer) = place else {
                continue;
            };
            match viewer.newest(&mut self.frames) {
                Was::Sent => {}
                Was::Full => poll.modify(index, viewer, EventFlags::IN | EventFlags::OUT)?,
                Was::Gone => *place = None,
            }
        }
        Ok(())
    }

    fn viewer(&mut self, number: u64, flags: EventFlags, poll: Poll<'_>) -> anyhow::Result<()> {
        let index = usize::try_from(number - FIRST_VIEWER)?;
        let Some(Some(viewer)) = self.viewers.get_mut(index) else {
            return Ok(());
        };
        let readable = EventFlags::IN | EventFlags::HUP | EventFlags::ERR;
        if flags.intersects(readable) && !viewer.listen() {
            viewer.release(&mut self.frames);
            self.viewers[index] = None;
            return Ok(());
        }
        if flags.contains(EventFlags::OUT) {
            match viewer.go_on(&mut self.frames) {
                Was::Sent => poll.modify(index, viewer, EventFlags::IN)?,
                Was::Full => {}
                Was::Gone => self.viewers[index] = None,
            }
        }
        Ok(())
    }
}

const NO_EVENT: Event = Event {
    flags: EventFlags::empty(),
    data: EventData::new_u64(0),
};
