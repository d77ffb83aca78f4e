//! Hints that something changed: events of the file system, and a look at which folder stands under the name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::RecursiveMode;
use notify_debouncer_full::{DebounceEventResult, Debouncer, NoCache, new_debouncer_opt};
use tokio::sync::mpsc;

use super::Options;

/// How often the folder itself is looked at. Its removal, and a swap of the link that leads to it, send no event that can
/// be relied on.
const LOOK: Duration = Duration::from_secs(1);

/// The way to scan where events can't be had.
const FALLBACK: Duration = Duration::from_secs(2);

type Events = Debouncer<notify::RecommendedWatcher, NoCache>;

/// What says that a scan is due.
pub struct Hints {
    dir: PathBuf,
    /// Whether folders below are listened to.
    reach: RecursiveMode,
    /// None where the folder is polled.
    events: Option<Events>,
    /// Whether events were wanted and can't be had.
    fallback: bool,
    hints: mpsc::Receiver<()>,
    /// The folder that is listened to.
    followed: Option<Identity>,
    /// How often the folder itself is looked at.
    look: Duration,
}

/// Which folder it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity(u64, u64);

impl Hints {
    /// Hints for a folder, which need not be there yet.
    pub fn new(options: &Options) -> Self {
        let (sender, hints) = mpsc::channel(1);
        let events = options.poll.is_none().then(|| listen(options.debounce, sender));
        let fallback = matches!(events, Some(None));
        let (dir, reach) = (options.dir.clone(), RecursiveMode::Recursive);
        Self { dir, reach, events: events.flatten(), fallback, hints, followed: None, look: LOOK }
    }

    /// The same for what stands in the folder itself, but not in those below.
    #[must_use]
    pub fn shallow(self) -> Self {
        Self { reach: RecursiveMode::NonRecursive, ..self }
    }

    /// Listens to the folder that stands under the name now, unless it is listened to already.
    pub fn follow(&mut self) {
        let reach = self.reach;
        let Some(events) = &mut self.events else { return };
        let now = identity(&self.dir);
        if now == self.followed {
            return;
        }
        // The old one may be gone, and its watch with it.
        let _ = events.unwatch(&self.dir);
        self.followed = now;
        if now.is_some()
            && let Err(error) = events.watch(&self.dir, reach)
        {
            tracing::warn!(dir = %self.dir.display(), %error, "can't listen to the folder; it is scanned now and then");
            self.events = None;
            self.fallback = true;
        }
    }

    /// Waits for a hint.
    pub async fn next(&mut self) {
        if self.fallback {
            return tokio::time::sleep(FALLBACK).await;
        }
        if self.events.is_none() {
            return std::future::pending().await;
        }
        loop {
            match tokio::time::timeout(self.look, self.hints.recv()).await {
                Ok(_) => return,
                Err(_) if identity(&self.dir) != self.followed => return,
                Err(_) => {}
            }
        }
    }
}

/// Events, gathered until it was quiet for `debounce`. None where the system gives none.
fn listen(debounce: Duration, hints: mpsc::Sender<()>) -> Option<Events> {
    let told = move |_: DebounceEventResult| {
        // One that waits is enough: a scan sees everything. Errors are hints too: events were lost.
        let _ = hints.try_send(());
    };
    let debounce = debounce.max(Duration::from_millis(1));
    new_debouncer_opt(debounce, None, told, NoCache, notify::Config::default())
        .inspect_err(|error| tracing::warn!(%error, "no events of the file system; folders are scanned now and then"))
        .ok()
}

#[cfg(unix)]
fn identity(dir: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(dir).ok().filter(std::fs::Metadata::is_dir).map(|found| Identity(found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(dir: &Path) -> Option<Identity> {
    let made = std::fs::metadata(dir).ok().filter(std::fs::Metadata::is_dir)?.created().ok()?;
    let since = made.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Identity(since.as_secs(), u64::from(since.subsec_nanos())))
}
