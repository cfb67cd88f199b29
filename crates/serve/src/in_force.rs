//! The configuration in force: one value that everybody reads where it is needed, and that is swapped whole.

use std::sync::Arc;

use tls::Tls;
use tokio::sync::watch;

use crate::{Config, gate::Rules};

/// What holds now. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct InForce(Arc<watch::Sender<Arc<Current>>>);

/// What held when it was looked at. Whoever needs two things of it takes both from one look.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) config: Config,
    /// What the gate goes by, made of it.
    pub(crate) rules: Rules,
    /// None: connections are not encrypted.
    pub(crate) tls: Option<Arc<Tls>>,
}

impl Current {
    fn of(config: Config, tls: Option<Arc<Tls>>) -> Arc<Self> {
        Arc::new(Self {
            rules: Rules::of(&config.gate),
            config,
            tls,
        })
    }
}

impl InForce {
    /// What the server starts with.
    #[must_use]
    pub fn new(config: Config, tls: Option<Arc<Tls>>) -> Self {
        Self(Arc::new(watch::Sender::new(Current::of(config, tls))))
    }

    /// From now on this holds. Where the server listens, the path in front of its routes, its folders, and whether
    /// connections are encrypted, stay as they were at the start: whoever calls this sees to it.
    pub fn replace(&self, config: Config, tls: Option<Arc<Tls>>) {
        self.0.send_replace(Current::of(config, tls));
    }

    pub(crate) fn load(&self) -> Arc<Current> {
        self.0.borrow().clone()
    }

    /// One thing of it, for where even a counted reference is too much.
    pub(crate) fn ask<T>(&self, what: impl FnOnce(&Config) -> T) -> T {
        what(&self.0.borrow().config)
    }

    /// Tells of every swap from now on.
    pub(crate) fn watch(&self) -> watch::Receiver<Arc<Current>> {
        self.0.subscribe()
    }
}
