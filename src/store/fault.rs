//! A switch that takes the fences away, so that a test can show that they are what keeps a superseded process from writing.
//!
//! Invariant: it is there in builds with debug assertions alone. In a release it is the constant `false`.

use std::sync::LazyLock;

/// The variable: `no-fence` takes away the proof of the epochs and the guards of rows by `seq`.
const VARIABLE: &str = "STEPWELL_FAULT";

/// Whether this process writes as if no other could have taken its place.
pub(super) fn no_fence() -> bool {
    static ASKED: LazyLock<bool> = LazyLock::new(|| std::env::var(VARIABLE).is_ok_and(|fault| fault == "no-fence"));
    cfg!(debug_assertions) && *ASKED
}

/// The guard of a statement; nothing where the fences are away.
pub(super) fn guard(sql: &'static str) -> &'static str {
    if no_fence() { "" } else { sql }
}
