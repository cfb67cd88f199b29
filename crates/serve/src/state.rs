//! What every handler can reach.

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use hub::Hub;

use crate::{Config, viewers::Viewers};

/// Shared by all requests.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) hub: Arc<Hub>,
    pub(crate) viewers: Arc<Viewers>,
    pub(crate) config: Arc<Config>,
    pub(crate) started: Instant,
    pub(crate) started_at: SystemTime,
}
