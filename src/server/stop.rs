//! Being told to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Waits for SIGTERM or SIGINT, and gives its name. A second one ends the process at once.
///
/// # Errors
/// The system's, when it does not let us listen.
pub async fn stop_signal() -> std::io::Result<&'static str> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let name = tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    };
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        // The user has no more patience. Everything is durable: what was under way is found again at the next start.
        std::process::exit(130);
    });
    Ok(name)
}
