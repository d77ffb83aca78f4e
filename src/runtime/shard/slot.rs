//! What a shard holds of an execution.

use tokio::sync::mpsc;

use crate::ids::Epoch;

use super::super::live::Live;
use super::super::message::Job;

/// An execution that is in memory, or on its way there.
pub(super) enum Slot {
    Live(Box<Live>),
    Loading(Loading),
}

/// An execution that is being read.
pub(super) struct Loading {
    /// The epoch of its partition under which it is read.
    pub epoch: Epoch,
    /// What came for it meanwhile.
    pub jobs: Vec<Job>,
    /// Whether it was dropped from memory after a failed commit: then an attempt that the queue does not hold was not lost,
    /// but never sent.
    pub discarded: bool,
    /// Held until it is read, so that a recovery knows when it is done with a page.
    pub recovering: Option<mpsc::Sender<()>>,
}

impl Slot {
    /// The epoch of its partition under which it is here.
    pub fn epoch(&self) -> Epoch {
        match self {
            Self::Live(live) => live.epoch,
            Self::Loading(loading) => loading.epoch,
        }
    }
}

impl Loading {
    pub fn under(epoch: Epoch) -> Self {
        Self { epoch, jobs: Vec::new(), discarded: false, recovering: None }
    }

    pub fn with(epoch: Epoch, job: Job) -> Self {
        Self { jobs: vec![job], ..Self::under(epoch) }
    }
}
