//! The cameras of the board, as `--list-cameras` tells them.
//!
//! Their places move: when camera 0 is not found at boot, the other one becomes 0. Their ids stay.

use std::{path::Path, pin::pin, process::Stdio, time::Duration};

use media::{Picture, jpeg::Dropped};
use tokio::{
    io::AsyncReadExt as _,
    sync::{RwLock, RwLockReadGuard},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{Failure, Kind, SensorSize, Sink, child::Child, failure};

/// How long a list may take.
const LIMIT: Duration = Duration::from_secs(5);
/// More than any list; a program that takes no notice of the option could write for ever.
const ANSWER_BYTES: u64 = 64 * 1024;
/// More than any board has, and than any id is long.
const CAMERAS: usize = 16;
const ID_BYTES: usize = 200;

/// A list takes every camera for a moment, so a camera that starts just then would find itself busy. Those that start
/// read, who asks for a list writes.
static BOARD: RwLock<()> = RwLock::const_new(());
/// A list does not wait longer for cameras that start: one of them may be dead.
const GATE: Duration = Duration::from_secs(3);

/// One camera of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// What `--camera` takes, now.
    pub(crate) index: u8,
    /// What stays the same: the sensor's place in the device tree.
    pub(crate) id: String,
    /// What the sensor is called.
    pub(crate) model: String,
    pub(crate) sensor: Option<SensorSize>,
}

/// What a program answered.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) cameras: Vec<Listed>,
    /// Why there is none, if it said so.
    pub(crate) complaint: Option<Failure>,
}

impl Listing {
    /// The ids, for messages.
    pub(crate) fn ids(&self) -> String {
        let ids: Vec<&str> = self.cameras.iter().map(|c| c.id.as_str()).collect();
        ids.join(", ")
    }
}

/// Asks the program which cameras there are. An answer that makes no sense is an empty list.
pub(crate) async fn ask(
    program: &Path,
    sink: &mut dyn Sink,
    stop: &CancellationToken,
) -> Result<Listing, Failure> {
    let mut alone = tokio::select! {
        () = stop.cancelled() => None,
        gate = timeout(GATE, BOARD.write()) => gate.ok(),
    };
    let mut child = spawn(program, "--list-cameras")?;
    let (text, answered) = answer(&mut child, stop).await;
    // It has the cameras until it is gone.
    if !answered || child.ended_within(Duration::from_secs(1)).await.is_none() {
        let mut stopped = pin!(child.stop(sink));
        if timeout(LIMIT, &mut stopped).await.is_err() {
            // The kernel holds it, and with it perhaps this camera; the others need not wait.
            alone = None;
            stopped.await;
        }
    }
    drop(alone);
    let name = &child.name;
    let complaint = text
        .lines()
        .chain(child.stderr.kept().iter().map(String::as_str))
        .find_map(|line| {
            let kind = if line.contains("No cameras available") {
                Kind::NoCamera
            } else {
                failure::kind_of(line)?
            };
            let said = failure::tidy(line);
            Some(Failure::new(kind, format!("{name} --list-cameras: {said}")))
        });
    Ok(Listing {
        cameras: parse(&text),
        complaint,
    })
}

/// What a program says to another option than that for the list, which touches no camera.
pub(crate) async fn said(
    program: &Path,
    option: &str,
    sink: &mut dyn Sink,
    stop: &CancellationToken,
) -> Result<String, Failure> {
    let mut child = spawn(program, option)?;
    let (text, answered) = answer(&mut child, stop).await;
    if !answered || child.ended_within(Duration::from_secs(1)).await.is_none() {
        // Nobody waits for one that the kernel holds.
        let _ = timeout(LIMIT, child.stop(sink)).await;
    }
    Ok(text)
}

fn spawn(program: &Path, option: &str) -> Result<Child, Failure> {
    Child::spawn_unsaid(program, &[option.to_owned()], Stdio::null())
        .map_err(|e| Failure::spawn(&program.display().to_string(), &e))
}

/// What it writes until its end, and whether it came to one.
async fn answer(child: &mut Child, stop: &CancellationToken) -> (String, bool) {
    let stdout = child.stdout.take().expect("spawned with a piped stdout");
    let mut stdout = stdout.take(ANSWER_BYTES);
    let mut text = Vec::new();
    let answered = tokio::select! {
        biased;
        () = stop.cancelled() => false,
        read = timeout(LIMIT, stdout.read_to_end(&mut text)) => read.is_ok(),
        () = child.stderr.drain() => false,
    };
    (String::from_utf8_lossy(&text).into_owned(), answered)
}

/// The lines `N : model [WxH 10-bit RGGB] (id)`; the size is missing where libcamera does not know it. All others,
/// such as those of the modes, are passed over.
fn parse(text: &str) -> Vec<Listed> {
    text.lines().filter_map(camera).take(CAMERAS).collect()
}

fn camera(line: &str) -> Option<Listed> {
    let (index, rest) = line.trim_end().split_once(" : ")?;
    let index = index.parse().ok()?;
    let (about, id) = rest.strip_suffix(')')?.rsplit_once(" (")?;
    if !is_id(id) {
        return None;
    }
    let sensor = about
        .split_once('[')
        .and_then(|(_, size)| size.split([' ', ']']).next()?.split_once('x'))
        .and_then(|(width, height)| {
            Some(SensorSize {
                width_px: width.parse().ok().filter(|n| *n > 0)?,
                height_px: height.parse().ok().filter(|n| *n > 0)?,
            })
        });
    let model = about.split(" [").next().unwrap_or_default();
    let model = model.chars().filter(|c| !c.is_control()).take(80);
    Some(Listed {
        index,
        id: id.to_owned(),
        model: model.collect(),
        sensor,
    })
}

/// Whether a text can be the id of a camera: the path of a node in the device tree, or in the ACPI tables.
pub(crate) fn is_id(text: &str) -> bool {
    text.starts_with(['/', '\\'])
        && (2..=ID_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A camera that starts: no list is asked for until its first picture.
pub(crate) struct Starting<'a> {
    sink: &'a mut dyn Sink,
    gate: Option<RwLockReadGuard<'static, ()>>,
}

impl<'a> Starting<'a> {
    /// Waits for a list that is being asked for, but not for one whose program hangs: that is another camera's trouble.
    pub(crate) async fn new(sink: &'a mut dyn Sink, stop: &CancellationToken) -> Self {
        let gate = tokio::select! {
            () = stop.cancelled() => None,
            gate = timeout(GATE + LIMIT, BOARD.read()) => gate.ok(),
        };
        Self { sink, gate }
    }
}

impl Sink for Starting<'_> {
    fn picture(&mut self, picture: Picture) {
        self.gate = None;
        self.sink.picture(picture);
    }

    fn dropped(&mut self, dropped: Dropped) {
        self.sink.dropped(dropped);
    }

    fn trouble(&mut self, failure: Failure) {
        self.sink.trouble(failure);
    }

    fn found(&mut self, class: control::Class) {
        self.sink.found(class);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Want<'a> = (u8, &'a str, Option<(u32, u32)>);

    fn check(text: &str, want: &[Want<'_>]) {
        let found: Vec<_> = parse(text)
            .into_iter()
            .map(|c| (c.index, c.id, c.sensor.map(|s| (s.width_px, s.height_px))))
            .collect();
        let want: Vec<_> = want
            .iter()
            .map(|(index, id, size)| (*index, (*id).to_owned(), *size))
            .collect();
        assert_eq!(found, want, "{text}");
    }

    #[test]
    fn lists_of_every_age() {
        check(
            "Available cameras
-----------------
0 : imx708 [4608x2592 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
                             4608x2592 [14.35 fps - (0, 0)/4608x2592 crop]

1 : imx219 [3280x2464] (/base/soc/i2c0mux/i2c@0/imx219@10)
    Modes: 'SRGGB8' : 640x480 [206.65 fps - (1000, 752)/1280x960 crop]
2 : ov64a40 (/base/soc/i2c0mux/i2c@1/ov64a40@36)
",
            &[
                (
                    0,
                    "/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a",
                    Some((4608, 2592)),
                ),
                (1, "/base/soc/i2c0mux/i2c@0/imx219@10", Some((3280, 2464))),
                (2, "/base/soc/i2c0mux/i2c@1/ov64a40@36", None),
            ],
        );
        check("No cameras available!\n", &[]);
    }

    #[test]
    fn what_is_no_list_names_no_camera() {
        check("", &[]);
        check("0 : imx708 [1x1] (not a path)\n", &[]);
        check("0 : imx708 [1x1] (/a b)\n", &[]);
        check("999 : imx708 [1x1] (/base)\n-1 : x (/base)\n0 : (/)\n", &[]);
        check("0 : x [0x7] (/base)\n", &[(0, "/base", None)]);
        check(
            "0 : x [99999999999999x7 (((] (/base)\n",
            &[(0, "/base", None)],
        );
        check(&format!("0 : x (/{})\n", "a".repeat(100_000)), &[]);
        let many = "0 : x [1x1] (/base)\n".repeat(10_000);
        assert_eq!(parse(&many).len(), CAMERAS);
    }
}
