//! Changes to the cameras, asked for here and made by whoever owns the configuration.
//!
//! `serve` knows no keys. It takes a request apart, sends an [`Order`], and puts the answer into HTTP.

use axum::http::StatusCode;
use control::ControlSet;
use hub::CameraId;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use crate::{problem::Problem, settings::SettingsOrder};

/// Orders that may wait; whoever comes then waits to place one.
const ORDERS: usize = 8;

/// Keys of a camera, by the names they have in the configuration.
pub type Keys = Map<String, Value>;

/// Where an answer goes.
pub type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// One thing that is asked of the owner of the configuration.
#[derive(Debug)]
pub enum Order {
    /// One more camera. Answered once its stream is in the hub.
    Add {
        /// `id` and `source` among them.
        keys: Keys,
        /// Its id.
        reply: Reply<CameraId>,
    },
    /// Other values for some keys: an RFC 7396 merge patch on what was changed so far.
    Change {
        /// The camera.
        id: CameraId,
        /// The patch.
        keys: Keys,
        /// What the camera is told from now on.
        reply: Reply<Explained>,
    },
    /// A camera that was added goes.
    Remove {
        /// The camera.
        id: CameraId,
        /// When its stream is out of the hub.
        reply: Reply<()>,
    },
    /// A set of controls gets a name, or the name is given up.
    Preset {
        /// The camera.
        id: CameraId,
        /// The name.
        name: String,
        /// Controls, checked for this camera; none to give it up.
        controls: Option<ControlSet>,
        /// When it is kept.
        reply: Reply<()>,
    },
    /// What a camera is told, and where that is written.
    Explain {
        /// The camera.
        id: CameraId,
        /// Every key.
        reply: Reply<Explained>,
    },
    /// Something about the configuration as a whole.
    Settings(SettingsOrder),
}

/// The keys of one camera.
#[derive(Clone, Debug, PartialEq)]
pub struct Explained {
    /// The camera.
    pub id: CameraId,
    /// Every key, in the order of the configuration.
    pub keys: Vec<ExplainedKey>,
}

/// One key of a camera.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedKey {
    /// Its name in the configuration.
    pub name: String,
    /// What holds; without secrets.
    pub value: Value,
    /// Where that is written.
    pub from: Layer,
}

/// Where a value is written; later ones go over earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Nowhere.
    Default,
    /// The configuration file.
    File,
    /// A variable of the environment.
    Environment,
    /// The command line.
    Flag,
    /// It was set through the API.
    Api,
}

/// Why an order was not carried out. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// One key cannot be so.
    Key {
        /// Its name.
        key: String,
        /// What was expected.
        problem: String,
    },
    /// There is no such camera.
    NoSuchCamera,
    /// There is no such preset.
    NoSuchPreset,
    /// It does not fit to what is there; the sentence says to what.
    Conflict(String),
    /// There is no such backup.
    NoSuchBackup,
    /// Somebody changed the configuration meanwhile.
    Stale,
    /// Somebody else is at it; the sentence says with what.
    Busy(&'static str),
    /// It could not be kept, because the disk is full.
    Full(String),
    /// It could not be kept; the sentence is for the operator.
    NotKept(String),
}

/// The way to the owner of the configuration.
#[derive(Clone, Debug)]
pub struct Admin {
    orders: mpsc::Sender<Order>,
}

impl Admin {
    /// The handle, and the orders that it gives.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Order>) {
        let (orders, receiver) = mpsc::channel(ORDERS);
        (Self { orders }, receiver)
    }

    /// Gives one order and waits for what becomes of it.
    pub(crate) async fn ask<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        let stopping = |()| {
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The server is stopping: ask again when it is back.",
            )
        };
        self.orders
            .send(order(reply))
            .await
            .map_err(|_| stopping(()))?;
        let answer = answer.await.map_err(|_| stopping(()))?;
        answer.map_err(Problem::from)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Key { key, problem } => Self::with_key(key, problem),
            Refusal::NoSuchCamera => Self::no_such_camera(),
            Refusal::NoSuchPreset => {
                Self::new(StatusCode::NOT_FOUND, "There is no preset of this name.")
            }
            Refusal::NoSuchBackup => Self::new(
                StatusCode::NOT_FOUND,
                "There is no such backup; the last ten are kept.",
            ),
            Refusal::Stale => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "Somebody changed the configuration meanwhile: look at it again.",
            ),
            Refusal::Busy(detail) => Self::new(StatusCode::TOO_MANY_REQUESTS, detail),
            Refusal::Conflict(detail) => Self::new(StatusCode::CONFLICT, detail),
            Refusal::Full(detail) => Self::new(StatusCode::INSUFFICIENT_STORAGE, detail),
            Refusal::NotKept(detail) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
        }
    }
}
