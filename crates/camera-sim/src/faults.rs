//! Faults on command: `kind[@when][:arguments]`, separated by `;` or one to a line.
//!
//! `when` counts frames from 0: `exit@50` lets 50 frames out. `@+10` is ten frames after the fault was read,
//! `@10/5` repeats every five frames. Without `@` a fault strikes at the next frame. A first word `camera=1`
//! limits it to one camera.

use std::time::Duration;

/// One fault, and whom and when it strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Only this camera; all if none.
    pub camera: Option<u32>,
    /// What happens.
    pub kind: Kind,
    /// From which frame on.
    pub when: When,
    /// Again every so many frames.
    pub every: Option<u64>,
}

/// Which frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The one with this number; frames are counted from 0.
    At(u64),
    /// So many after the one that is next when the fault is read.
    After(u64),
}

/// What can go wrong. Those of the first group strike at start, the others at a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The camera cannot be opened for a reason, with the text of the `ERROR: ***` line.
    Refuse(Refusal),
    /// The program is too old to know this option.
    Unknown(String),
    /// The first frame comes this much later.
    SlowStart(Duration),
    /// SIGINT, SIGTERM and SIGHUP do nothing: only SIGKILL ends it.
    Stuck,

    /// Ends with this code, and says why if there is a text.
    Exit(u8, Option<String>),
    /// SIGABRT.
    Abort,
    /// Killed by this signal.
    Signal(i32),
    /// No frame and no word for this long, or for ever.
    Freeze(Option<Duration>),
    /// The time-out loop of a lost camera, for this long, or for ever.
    Timeout(Option<Duration>),
    /// So many bytes that are no JPEG, before the frame.
    Garbage(usize),
    /// Only the first bytes of the frame, half of it if none.
    Truncate(Option<usize>),
    /// Scan data without an end, at full speed.
    Endless,
    /// Closes stdout and stays.
    CloseOutput,
    /// So many lines of about 100 bytes on stderr at once.
    StderrFlood(u32),
    /// Ends every fault that is under way or waits.
    Heal,
}

/// Why a camera cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another process has it.
    Busy,
    /// None is connected.
    NoCamera,
    /// No media devices at all.
    NoMedia,
    /// No contiguous memory left.
    DmaHeap,
    /// Not allowed to open the DMA heap.
    Permission,
    /// Bullseye's legacy stack.
    Legacy,
    /// Not a Raspberry Pi.
    NotAPi,
    /// The sensor does not start.
    StartFailed,
    /// The program cannot be started at all: as a shell reports it, 126 and silence.
    NoExec,
}

const REFUSALS: &[(&str, Refusal)] = &[
    ("busy", Refusal::Busy),
    ("nocamera", Refusal::NoCamera),
    ("nomedia", Refusal::NoMedia),
    ("dmaheap", Refusal::DmaHeap),
    ("permission", Refusal::Permission),
    ("legacy", Refusal::Legacy),
    ("notapi", Refusal::NotAPi),
    ("startfailed", Refusal::StartFailed),
    ("noexec", Refusal::NoExec),
];

/// Faults separated by `;` or line ends.
pub fn parse_list(text: &str) -> Result<Vec<Fault>, String> {
    let items = text
        .split([';', '\n'])
        .map(str::trim)
        .filter(|item| !item.is_empty());
    items.map(parse).collect()
}

/// One fault.
pub fn parse(text: &str) -> Result<Fault, String> {
    let (camera, rest) = match text
        .trim()
        .strip_prefix("camera=")
        .and_then(|t| t.split_once(' '))
    {
        Some((index, rest)) => (Some(parsed(index, text)?), rest.trim()),
        None => (None, text.trim()),
    };
    let (head, arguments) = match rest.split_once(':') {
        Some((head, arguments)) => (head, Some(arguments)),
        None => (rest, None),
    };
    let (name, when) = head.split_once('@').unwrap_or((head, "+0"));
    let (when, every) = match when.split_once('/') {
        Some((when, every)) => (when, Some(parsed::<u64>(every, text)?.max(1))),
        None => (when, None),
    };
    let when = match when.strip_prefix('+') {
        Some(frames) => When::After(parsed(frames, text)?),
        None => When::At(parsed(when, text)?),
    };
    let kind = kind(name, arguments, text)?;
    Ok(Fault {
        camera,
        kind,
        when,
        every,
    })
}

fn kind(name: &str, arguments: Option<&str>, text: &str) -> Result<Kind, String> {
    if let Some((_, refusal)) = REFUSALS.iter().find(|(known, _)| *known == name) {
        return Ok(Kind::Refuse(*refusal));
    }
    let span = || arguments.map(duration).transpose();
    Ok(match name {
        "unknown" => Kind::Unknown(arguments.ok_or("unknown: which option?")?.to_owned()),
        "slowstart" => Kind::SlowStart(span()?.unwrap_or(Duration::from_secs(3))),
        "stuck" => Kind::Stuck,
        "exit" => {
            let (code, why) = match arguments.and_then(|a| a.split_once(':')) {
                Some((code, why)) => (Some(code), Some(why.to_owned())),
                None => (arguments, None),
            };
            Kind::Exit(code.map_or(Ok(0), |code| parsed(code, text))?, why)
        }
        "abort" => Kind::Abort,
        "signal" => Kind::Signal(parsed(arguments.unwrap_or("11"), text)?),
        "freeze" => Kind::Freeze(span()?),
        "timeout" => Kind::Timeout(span()?),
        "garbage" => Kind::Garbage(parsed(arguments.unwrap_or("100"), text)?),
        "truncate" => Kind::Truncate(arguments.map(|bytes| parsed(bytes, text)).transpose()?),
        "endless" => Kind::Endless,
        "eof" => Kind::CloseOutput,
        "stderrflood" => Kind::StderrFlood(parsed(arguments.unwrap_or("2000"), text)?),
        "heal" => Kind::Heal,
        _ => return Err(format!("'{text}': no such fault")),
    })
}

fn parsed<T: std::str::FromStr>(number: &str, text: &str) -> Result<T, String> {
    number
        .trim()
        .parse()
        .map_err(|_| format!("'{text}': '{number}' is not a number that fits"))
}

/// `3s`, `250ms`, or milliseconds.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit_ms) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) => (number, 1000.0),
        (None, None) => (text, 1.0),
    };
    let ms = number
        .parse::<f64>()
        .map_err(|_| format!("'{text}' is not a time"))?
        * unit_ms;
    Duration::try_from_secs_f64(ms / 1000.0).map_err(|_| format!("'{text}' is not a time"))
}

/// Faults that wait for their frame.
#[derive(Debug, Default)]
pub struct Waiting {
    faults: Vec<(u64, Fault)>,
}

impl Waiting {
    /// Adds a fault read while frame `next` is the next one.
    pub fn add(&mut self, fault: Fault, next: u64) {
        let at = match fault.when {
            When::At(frame) => frame,
            When::After(frames) => next.saturating_add(frames),
        };
        self.faults.push((at, fault));
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.faults.clear();
    }

    /// Takes out what strikes at frame `number`, in the order it was added.
    pub fn due(&mut self, number: u64) -> Vec<Kind> {
        if self.faults.is_empty() {
            return Vec::new();
        }
        let mut due = Vec::new();
        self.faults.retain_mut(|(at, fault)| {
            if *at > number {
                return true;
            }
            due.push(fault.kind.clone());
            match fault.every {
                Some(every) => *at = number + every,
                None => return false,
            }
            true
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kind: Kind, when: When) {
        assert_eq!(
            parse(text),
            Ok(Fault {
                camera: None,
                kind,
                when,
                every: None
            }),
            "{text}"
        );
    }

    #[test]
    fn spelling() {
        check("busy", Kind::Refuse(Refusal::Busy), When::After(0));
        check("exit@50", Kind::Exit(0, None), When::At(50));
        check("exit@50:255", Kind::Exit(255, None), When::At(50));
        check(
            "exit@0:255:failed to start camera",
            Kind::Exit(255, Some("failed to start camera".into())),
            When::At(0),
        );
        check("freeze@50", Kind::Freeze(None), When::At(50));
        check(
            "freeze@50:3s",
            Kind::Freeze(Some(Duration::from_secs(3))),
            When::At(50),
        );
        check(
            "timeout@+5:2.5s",
            Kind::Timeout(Some(Duration::from_millis(2500))),
            When::After(5),
        );
        check("garbage@10:64", Kind::Garbage(64), When::At(10));
        check("truncate", Kind::Truncate(None), When::After(0));
        check(
            "slowstart:300ms",
            Kind::SlowStart(Duration::from_millis(300)),
            When::After(0),
        );
        check(
            "unknown:--flush",
            Kind::Unknown("--flush".into()),
            When::After(0),
        );
        for wrong in [
            "",
            "explode",
            "exit@x",
            "exit@1:999",
            "freeze@1:soon",
            "unknown",
            "camera=x busy",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let list = parse_list("camera=1 busy; truncate@4/2\n").unwrap();
        assert_eq!(list[0].camera, Some(1));
        assert_eq!(list[1].every, Some(2));
    }

    #[test]
    fn strikes_when_due() {
        let mut waiting = Waiting::default();
        for fault in parse_list("garbage@2/3:1; abort@+4; freeze@0").unwrap() {
            waiting.add(fault, 1);
        }
        let struck: Vec<usize> = (1..10).map(|number| waiting.due(number).len()).collect();
        // freeze at 1 (late), garbage at 2, 5 and 8, abort at 5.
        assert_eq!(struck, [1, 1, 0, 0, 2, 0, 0, 1, 0]);
        waiting.clear();
        assert!(waiting.due(100).is_empty());
    }
}
