//! What is open is asked about again: a stream or a socket ends soon after the right to it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use accounts::{Action, Who};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Visa;
use crate::state::App;

/// From one look to the next: for what ends by its time, and what another process has changed.
const LOOK: Duration = Duration::from_secs(1);

/// Open sockets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Doors(Arc<Mutex<Vec<Weak<Standing>>>>);

#[derive(Debug)]
struct Standing {
    visa: Visa,
    from: IpAddr,
    shut: CancellationToken,
}

/// One open socket, by whom, and word of its end.
#[derive(Debug)]
pub(crate) struct Door(Arc<Standing>);

impl Doors {
    pub(crate) fn open(&self, visa: Visa, from: IpAddr) -> Door {
        let standing = Arc::new(Standing {
            visa,
            from,
            shut: CancellationToken::new(),
        });
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|door| door.strong_count() > 0);
        list.push(Arc::downgrade(&standing));
        Door(standing)
    }

    fn all(&self) -> Vec<Arc<Standing>> {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Door {
    pub(crate) fn visa(&self) -> &Visa {
        &self.0.visa
    }

    /// Ready when the socket has to end.
    pub(crate) fn shut(&self) -> impl Future<Output = ()> + Send + use<> {
        self.0.shut.clone().cancelled_owned()
    }
}

/// Follows the rights until `stop`.
pub(crate) async fn run(app: App, stop: CancellationToken) {
    let mut changes = app.accounts.watch();
    let mut lists = app.in_force.watch();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Ok(()) = changes.changed() => {}
            Ok(()) = lists.changed() => {}
            _ = looks.tick() => {
                if let Err(error) = app.accounts.look().await {
                    warn!(%error, "the accounts could not be looked at");
                }
            }
        }
        ask_again(&app);
    }
}

fn ask_again(app: &App) {
    let current = app.in_force.load();
    let rules = &current.rules;
    for viewer in app.viewers.list() {
        if !rules.is_allowed(viewer.address.ip()) {
            info!(
                viewer = viewer.id,
                "server.allow or server.deny does not let the address in any more"
            );
            app.viewers.end(viewer.id);
            continue;
        }
        let still = app.accounts.again(viewer.visa.0.key, viewer.address.ip());
        if !still.is_some_and(|who| who.may(Action::Stream, Some(viewer.camera.as_str()))) {
            info!(viewer = viewer.id, "the right to this stream is gone");
            app.viewers.end(viewer.id);
        }
    }
    for door in app.doors.all() {
        // With other rights it is another conversation: the client comes back and is greeted anew.
        let still = app.accounts.again(door.visa.0.key, door.from);
        let is_here = rules.is_allowed(door.from);
        if !is_here || !still.is_some_and(|who| is_same(&who, &door.visa.0)) {
            door.shut.cancel();
        }
    }
}

/// A session that is used lives longer; nothing else may differ.
fn is_same(now: &Who, then: &Who) -> bool {
    let until_s = then.until_s;
    Who {
        until_s,
        ..now.clone()
    } == *then
}
