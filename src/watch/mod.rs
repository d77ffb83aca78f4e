//! The watcher: keeps the workflows of a folder of files as the files have them.
//!
//! Events of the file system are hints, and hints get lost; what decides is a scan of the folder and the hashes of what it
//! holds. So a scan follows on each hint, and every half minute without one.
//!
//! Invariant: a file that can't be read or does not compile changes nothing: the last good version stays active. A folder
//! that is gone as a whole (unmounted, swapped) changes nothing either.

mod hints;
mod keeper;
mod scan;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::service::Service;

pub use hints::Hints;
use keeper::{Keeper, Pass};

/// How long it may take at most until a change is seen of which no hint came.
const RESCAN: Duration = Duration::from_secs(30);

/// How long to wait before what the database did not take is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How a folder is watched.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder.
    pub dir: PathBuf,
    /// Scan this often, and listen for no events: for file systems that send none.
    pub poll: Option<Duration>,
    /// How long it must be quiet before a change is applied.
    pub debounce: Duration,
}

/// A watched folder.
pub struct Watcher {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Watcher {
    /// Applies the files that are there, then watches. Returns when they are applied.
    pub async fn start(options: Options, service: Arc<Service>) -> Self {
        let stop = CancellationToken::new();
        // Listening begins before the first scan, so that no change falls between.
        let mut hints = Hints::new(&options);
        hints.follow();
        let registrations = service.registrations();
        let mut keeper = Keeper::new(options.clone(), service);
        let first = keeper.pass().await;
        let task = tokio::spawn(run(options, keeper, Told { hints, registrations }, first, stop.clone()));
        Self { task, stop }
    }

    /// Stops watching; what is being applied is finished.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.task.await;
    }
}

/// What tells that there may be something to do.
struct Told {
    hints: Hints,
    registrations: watch::Receiver<u64>,
}

async fn run(options: Options, mut keeper: Keeper, told: Told, first: Pass, stop: CancellationToken) {
    let Told { mut hints, mut registrations } = told;
    let mut last = first;
    loop {
        let wait = match last {
            // A file that is missing may be on its way: look again before its workflows are deactivated.
            Pass::Missing => options.debounce,
            Pass::Unfinished => AGAIN,
            Pass::Done => options.poll.unwrap_or(RESCAN),
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
            () = hints.next() => {}
            Ok(()) = registrations.changed() => {}
        }
        // A folder that was made again, or swapped for another, has to be listened to anew.
        hints.follow();
        last = keeper.pass().await;
    }
}
