//! Switches that take protection away, so that a test can show that it is what protects: the fences that keep a superseded
//! process from writing, and the wait for the disk.
//!
//! Invariant: they are there in builds with debug assertions alone. In a release each is the constant `false`.

use std::sync::LazyLock;

/// The variable: `no-fence` takes away the proof of the epochs and the guards of rows by `seq`; `no-sync` the wait for the disk
/// (SQLite).
const VARIABLE: &str = "STEPWELL_FAULT";

/// Whether this process writes as if no other could have taken its place.
pub(super) fn no_fence() -> bool {
    asked("no-fence")
}

/// Whether this process takes for durable what the disk may not have.
pub(super) fn no_sync() -> bool {
    asked("no-sync")
}

fn asked(fault: &str) -> bool {
    static ASKED: LazyLock<String> = LazyLock::new(|| std::env::var(VARIABLE).unwrap_or_default());
    cfg!(debug_assertions) && *ASKED == fault
}

/// The guard of a statement; nothing where the fences are away.
pub(super) fn guard(sql: &'static str) -> &'static str {
    if no_fence() { "" } else { sql }
}
