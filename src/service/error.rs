//! Why a use case was not carried out: data, and its wording. No HTTP here: `api` gives each kind its status.

use std::fmt;
use std::time::Duration;

use crate::engine::{ExecutionStatus, Refusal};
use crate::lang::{Diagnostic, Source};

use super::ports::{RuntimeError, StoreError};

/// The result of a use case.
pub type ServiceResult<T> = Result<T, ServiceError>;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Where: `input_data.items[2].qty`.
    pub path: String,
    /// What is wrong there, and what is expected.
    pub message: String,
}

impl FieldError {
    /// An error of the field at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// Why a use case was not carried out.
#[derive(Clone, Debug)]
pub enum ServiceError {
    /// There is nothing of that name.
    NotFound {
        /// What there is none of: `workflow`.
        what: &'static str,
        /// What it was called.
        name: String,
        /// The way out.
        help: Option<String>,
    },
    /// It does not go together with what is there.
    Conflict {
        /// What is in the way.
        message: String,
        /// The way out.
        help: Option<String>,
    },
    /// What it was decided on was changed meanwhile, by another process: nothing was done.
    Stale {
        /// What was changed.
        message: String,
    },
    /// The state does not allow it.
    Illegal {
        /// What was asked, and what the state is.
        message: String,
        /// The states that allow it.
        allowed: Vec<&'static str>,
    },
    /// What was spoken for is somebody else's, or over.
    Lost {
        /// What, and why.
        message: String,
    },
    /// Fields of the request are wrong.
    Invalid {
        /// Each of them.
        errors: Vec<FieldError>,
    },
    /// A source does not compile.
    Diagnostics {
        /// The source.
        source: Source,
        /// Whether it was written here, from a draft, so that the caller has not seen it.
        generated: bool,
        /// What is wrong with it.
        diagnostics: Vec<Diagnostic>,
    },
    /// What a step gave does not fit its type: the attempt has failed.
    Misfit {
        /// Whose output does not fit what.
        message: String,
        /// Each place that does not fit.
        errors: Vec<FieldError>,
        /// The way out.
        help: String,
    },
    /// Something is larger than it may be.
    Limit {
        /// What, how large it is, and how large it may be.
        message: String,
    },
    /// Not now: try again.
    Unavailable {
        /// What does not answer.
        message: String,
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// Too much is asked for at once: try again.
    Busy {
        /// What there is too much of.
        message: String,
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// A bug of ours, or a damaged database.
    Internal {
        /// What happened; for the log, not for the caller.
        message: String,
    },
}

impl ServiceError {
    /// There is no `what` called `name`.
    pub fn not_found(what: &'static str, name: impl Into<String>) -> Self {
        Self::NotFound { what, name: name.into(), help: None }
    }

    /// Something is in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict { message: message.into(), help: None }
    }

    /// Says the way out, where the kind has a place for it.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        if let Self::NotFound { help, .. } | Self::Conflict { help, .. } = &mut self {
            *help = Some(text.into());
        }
        self
    }

    /// One field is wrong.
    pub fn field(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid { errors: vec![FieldError::new(path, message)] }
    }

    /// Too much at once: try again in a moment.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::Busy { message: message.into(), retry_after: Duration::from_secs(1) }
    }

    /// Try again in a moment.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::Unavailable { message: message.into(), retry_after: Duration::from_secs(1) }
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { what, name, .. } => write!(f, "there is no {what} `{name}`"),
            Self::Conflict { message, .. }
            | Self::Stale { message }
            | Self::Illegal { message, .. }
            | Self::Limit { message }
            | Self::Misfit { message, .. }
            | Self::Lost { message }
            | Self::Busy { message, .. }
            | Self::Unavailable { message, .. }
            | Self::Internal { message } => f.write_str(message),
            Self::Invalid { errors } => write_fields(errors, f),
            Self::Diagnostics { source, diagnostics, .. } => {
                let first = diagnostics.first().map_or("", |diagnostic| &diagnostic.message);
                write!(f, "`{}` does not compile: {first}", source.name)?;
                match diagnostics.len() {
                    0 | 1 => Ok(()),
                    many => write!(f, ", and {} more", many - 1),
                }
            }
        }
    }
}

fn write_fields(errors: &[FieldError], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Some(first) = errors.first() else { return f.write_str("the request is not valid") };
    match &*first.path {
        "" => f.write_str(&first.message)?,
        path => write!(f, "`{path}`: {}", first.message)?,
    }
    match errors.len() {
        1 => Ok(()),
        many => write!(f, ", and {} more", many - 1),
    }
}

impl std::error::Error for ServiceError {}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(message) => Self::conflict(message),
            StoreError::Stale(_) => Self::Stale { message: error.to_string() },
            StoreError::Unavailable(_) => Self::unavailable(error.to_string()),
            StoreError::Corrupt(_) => Self::Internal { message: error.to_string() },
        }
    }
}

impl From<RuntimeError> for ServiceError {
    fn from(error: RuntimeError) -> Self {
        match error {
            RuntimeError::NotFound(id) => Self::not_found("execution", id.to_string()),
            RuntimeError::Refused(refusal) => refused(&refusal),
            RuntimeError::Unavailable(message) => Self::unavailable(message),
        }
    }
}

fn refused(refusal: &Refusal) -> ServiceError {
    let message = refusal.to_string();
    match refusal {
        Refusal::Illegal { allowed, .. } => {
            let states = ExecutionStatus::ALL.iter().map(|status| status.as_str());
            let named = |state: &&str| allowed.split(|char: char| !char.is_alphabetic()).any(|word| word == *state);
            ServiceError::Illegal { message, allowed: states.filter(named).collect() }
        }
        Refusal::BadForm(_) => ServiceError::field("form", message),
        Refusal::Compensated => ServiceError::conflict(message)
            .help("start it again: POST /api/v1/executions with the same input and another `idempotency_key`"),
        _ => ServiceError::conflict(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_lists_the_states_that_allow_the_event() {
        let refusal = Refusal::Illegal {
            what: "a retry".into(),
            state: ExecutionStatus::Completed,
            allowed: "failed or cancelled".into(),
        };
        let ServiceError::Illegal { allowed, .. } = refused(&refusal) else { panic!("not illegal") };
        assert_eq!(allowed, ["failed", "cancelled"]);
    }

    #[test]
    fn several_field_errors_are_told_by_the_first_and_their_number() {
        let errors = vec![FieldError::new("a.b", "missing"), FieldError::new("c", "missing")];
        assert_eq!(ServiceError::Invalid { errors }.to_string(), "`a.b`: missing, and 1 more");
    }
}
