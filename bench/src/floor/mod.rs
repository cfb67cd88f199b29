//! The floor: the least a program can do that shows one camera to many viewers over HTTP.
//!
//! One thread, one epoll, the camera's pipe read straight into the buffer that every viewer is sent from,
//! one `send` per viewer and frame. No checks, no login, no counters, no second camera. A viewer whose
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

/// The arguments the server, too, gives to the camera program.
#[must_use]
pub fn camera_arguments(quality: u32) -> Vec<String> {
    let quality = quality.to_string();
    [
        "-t",
        "0",
        "-n",
        "--flush",
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
    listener: TcpListener,
    camera: ChildStdout,
    child: Child,
    cutter: Cutter,
    frames: Frames,
    viewers: Vec<Option<Viewer>>,
}

impl Floor {
    /// Listens, starts the camera program.
    pub fn start(listen: SocketAddr, program: &str, arguments: &[String]) -> anyhow::Result<Self> {
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
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?;
        epoll::add(
            &poll,
            &listener,
            EventData::new_u64(LISTENER),
            EventFlags::IN,
        )?;
        epoll::add(&poll, &camera, EventData::new_u64(CAMERA), EventFlags::IN)?;
        Ok(Self {
            poll,
            listener,
            camera,
            child,
            cutter: Cutter::default(),
            frames: Frames::default(),
            viewers: Vec::new(),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("own address")
    }

    /// Serves until the camera ends.
    pub fn run(mut self) -> anyhow::Result<()> {
        let mut events = [NO_EVENT; 256];
        loop {
            let count = match epoll::wait(&self.poll, &mut events, None) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error).context("epoll_wait"),
            };
            for event in &events[..count] {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    CAMERA => self.read_camera()?,
                    number => self.viewer(number, event.flags)?,
                }
            }
        }
    }

    fn accept(&mut self) -> anyhow::Result<()> {
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
        let token = EventData::new_u64(FIRST_VIEWER + index as u64);
        epoll::add(&self.poll, socket.as_fd(), token, EventFlags::IN).context("epoll")?;
        self.viewers[index] = Some(Viewer::new(socket));
        Ok(())
    }

    fn read_camera(&mut self) -> anyhow::Result<()> {
        let target = self.frames.filling();
        if self.cutter.read(&self.camera, target)? == 0 {
            bail!("camera program ended: {:?}", self.child.wait());
        }
        while let Some(length) = self.cutter.cut(self.frames.filling()) {
            let surplus = self.cutter.take_surplus();
            self.frames.publish(length, surplus);
            self.send_newest()?;
        }
        Ok(())
    }

    fn send_newest(&mut self) -> anyhow::Result<()> {
        for index in 0..self.viewers.len() {
            let Some(viewer) = &mut self.viewers[index] else {
                continue;
            };
            match viewer.newest(&mut self.frames) {
                Was::Sent => {}
                Was::Full => self.watch(index, EventFlags::IN | EventFlags::OUT)?,
                Was::Gone => self.viewers[index] = None,
            }
        }
        Ok(())
    }

    fn viewer(&mut self, number: u64, flags: EventFlags) -> anyhow::Result<()> {
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
                Was::Sent => self.watch(index, EventFlags::IN)?,
                Was::Full => {}
                Was::Gone => self.viewers[index] = None,
            }
        }
        Ok(())
    }

    fn watch(&self, index: usize, flags: EventFlags) -> anyhow::Result<()> {
        let Some(viewer) = &self.viewers[index] else {
            return Ok(());
        };
        let token = EventData::new_u64(FIRST_VIEWER + index as u64);
        epoll::modify(&self.poll, viewer.socket(), token, flags).context("epoll")
    }
}

const NO_EVENT: Event = Event {
    flags: EventFlags::empty(),
    data: EventData::new_u64(0),
};
