//! Standard output, which may be a pipe that somebody has closed.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use super::Exit;
use super::color::{self, Paint};

/// Writes to standard output. A reader that has gone away (`stepwell openapi | head`) is no failure; a full disk is.
pub(super) fn print(text: &str) -> Exit {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => fail(&format!("can't write the output: {error}"), None),
    }
}

/// Says on standard error what went wrong, and the way out.
pub(super) fn fail(message: &(impl Display + ?Sized), help: Option<&str>) -> Exit {
    let color = color::stderr();
    let mut text = format!("{} {message}\n", Paint::Red.on("error:", color));
    if let Some(help) = help {
        text.push_str(&format!("  {} {help}\n", Paint::Blue.on("help:", color)));
    }
    // Nobody can be told that telling failed.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    Exit::Failed
}

/// Says something on standard error, as it is.
pub(super) fn note(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Says what is wrong with the settings or the command line.
pub(super) fn usage(message: &(impl Display + ?Sized), help: Option<&str>) -> Exit {
    fail(message, help);
    Exit::Usage
}
