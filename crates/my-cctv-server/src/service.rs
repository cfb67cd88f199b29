//! What the service manager is told, if one started us (`Type=notify` of systemd): that we listen, how it goes, and that
//! the event loop turns.

use std::{
    env,
    fmt::Write as _,
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
    sync::Arc,
    time::Duration,
};

use hub::{CameraState, Hub};
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, info};

/// How often there may be news, where nobody waits for a sign of life.
const NEWS: Duration = Duration::from_secs(10);

/// Whether it was told.
fn tell(states: &[NotifyState<'_>]) -> bool {
    send(states)
        .inspect_err(|error| debug!(%error, "the service manager cannot be told"))
        .is_ok()
}

/// The crate's own way knows no abstract sockets, and waits for a manager that hangs.
fn send(states: &[NotifyState<'_>]) -> io::Result<()> {
    let Some(place) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match place.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(&place)?,
    };
    let mut text = String::new();
    for state in states {
        let _ = writeln!(text, "{state}");
    }
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(text.as_bytes(), &address).map(drop)
}

/// It listens, or has read its configuration again.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its configuration again.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => {
            tell(&[NotifyState::Reloading, now]);
        }
        Err(error) => debug!(%error, "no monotonic clock"),
    }
}

pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Signs of life and news, if somebody listens.
///
/// A sign is sent by the loop that takes connections and moves all pictures, and by nothing else: where it hangs, there
/// is none.
pub(crate) fn watch(hub: Arc<Hub>) -> Option<impl Future<Output = ()>> {
    env::var_os("NOTIFY_SOCKET")?;
    let patience = sd_notify::watchdog_enabled();
    if let Some(patience) = patience {
        let timeout_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        info!(timeout_ms, "the service manager waits for signs of life");
    }
    // Twice would do; once may be late on a busy board.
    let period = patience.map_or(NEWS, |patience| (patience / 3).min(NEWS));
    Some(async move {
        let mut times = interval(period.max(Duration::from_millis(10)));
        times.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = String::new();
        loop {
            times.tick().await;
            let now = status(&hub);
            let news = (now != said).then_some(NotifyState::Status(&now));
            let sign = patience.map(|_| NotifyState::Watchdog);
            let states: Vec<_> = sign.into_iter().chain(news).collect();
            // A manager with too much to do gets the news with the next sign.
            let is_told = states.is_empty() || tell(&states);
            drop(states);
            if is_told {
                said = now;
            }
        }
    })
}

/// In words, for `systemctl status`.
fn status(hub: &Hub) -> String {
    let states: Vec<_> = hub.streams().iter().map(|it| it.status().state).collect();
    let count = |wanted: &[CameraState]| states.iter().filter(|it| wanted.contains(it)).count();
    let cameras = states.len();
    let plural = if cameras == 1 { "" } else { "s" };
    let mut text = format!(
        "{cameras} camera{plural}: {} live, {} idle",
        count(&[CameraState::Live]),
        count(&[CameraState::Idle])
    );
    let ill = count(&[CameraState::Stalled, CameraState::Failed]);
    if ill > 0 {
        let _ = write!(text, ", {ill} in trouble");
    }
    text
}
