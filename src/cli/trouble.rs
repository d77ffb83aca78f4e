//! Why a command did not do what it was asked for.

use super::Exit;
use super::output;

/// What went wrong.
pub(super) enum Trouble {
    /// The command line is wrong: a message, and the way out.
    Usage(String, Option<String>),
    /// It failed: a message, and the way out.
    Failed(String, Option<String>),
    /// It failed, and what is to be said of it has been said.
    Told,
}

impl Trouble {
    /// Says it, and ends the command.
    pub fn tell(self) -> Exit {
        match self {
            Self::Usage(message, help) => output::usage(&message, help.as_deref()),
            Self::Failed(message, help) => output::fail(&message, help.as_deref()),
            Self::Told => Exit::Failed,
        }
    }
}
