//! Errors over HTTP: the only place where a kind of error has a status. Every one is `application/problem+json`.

use std::time::Duration;

use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError};
use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;

use crate::lang::report;
use crate::service::{FieldError, ServiceError};

use super::dto::DiagnosticDto;

/// What is wrong with a field.
#[derive(Clone, Debug, Serialize, Object)]
#[oai(rename = "FieldProblem")]
pub struct FieldProblem {
    /// Where: `input_data.items[2].qty`.
    pub path: String,
    /// What is wrong there, and what is expected.
    pub message: String,
}

/// What went wrong (RFC 9457).
#[derive(Clone, Debug, Serialize, Object)]
#[oai(rename = "Problem", example)]
pub struct ProblemDto {
    /// What kind of problem: `urn:stepwell:problem:` and a word that does not change.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened.
    pub detail: String,
    /// The way out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub help: Option<String>,
    /// Each field that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(skip_serializing_if_is_empty)]
    pub errors: Vec<FieldProblem>,
    /// Each mistake of a source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(skip_serializing_if_is_empty)]
    pub diagnostics: Vec<DiagnosticDto>,
    /// The source that the diagnostics' lines and columns are of, where it was written here: from the steps of a draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    pub source: Option<String>,
    /// The states that allow what was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(skip_serializing_if_is_empty)]
    pub allowed: Vec<String>,
}

impl poem_openapi::types::Example for ProblemDto {
    fn example() -> Self {
        let mut problem = Problem::new(Kind::Invalid, "`input_data.amount`: expected `number`, found text \"ten\"");
        problem.dto.errors.push(FieldProblem {
            path: "input_data.amount".to_owned(),
            message: "expected `number`, found text \"ten\"".to_owned(),
        });
        *problem.dto
    }
}

/// The kinds of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Malformed,
    Forbidden,
    NotFound,
    NoEndpoint,
    MethodNotAllowed,
    Conflict,
    IllegalTransition,
    LeaseLost,
    TooMany,
    TooLarge,
    UnsupportedMediaType,
    Misdirected,
    Invalid,
    OutputMisfit,
    DoesNotCompile,
    Internal,
    Unavailable,
}

impl Kind {
    /// The status, the word, and the title.
    fn told(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The request can't be read"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The request comes from another site"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is nothing of that name"),
            Self::NoEndpoint => (StatusCode::NOT_FOUND, "no-endpoint", "There is no such endpoint"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "The endpoint has no such method")
            }
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "It does not go together with what is there"),
            Self::IllegalTransition => (StatusCode::CONFLICT, "illegal-transition", "The state does not allow it"),
            Self::LeaseLost => (StatusCode::CONFLICT, "lease-lost", "The task is not this worker's any more"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests", "Too much at once: try again"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Something is larger than it may be"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The content type is not understood")
            }
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected", "The request is for another host"),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Fields of the request are wrong"),
            Self::OutputMisfit => {
                (StatusCode::UNPROCESSABLE_ENTITY, "output-misfit", "The output does not fit its type")
            }
            Self::DoesNotCompile => {
                (StatusCode::UNPROCESSABLE_ENTITY, "does-not-compile", "The source does not compile")
            }
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server made a mistake"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now: try again"),
        }
    }
}

/// A problem on its way out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", dto.detail)]
pub struct Problem {
    dto: Box<ProblemDto>,
    retry_after: Option<Duration>,
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, word, title) = kind.told();
        let dto = ProblemDto {
            kind: format!("urn:stepwell:problem:{word}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            help: None,
            errors: Vec::new(),
            diagnostics: Vec::new(),
            source: None,
            allowed: Vec::new(),
        };
        Self { dto: Box::new(dto), retry_after: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.dto.help = Some(help.into());
        self
    }

    /// The body can't be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(Kind::Malformed, detail)
    }

    /// The body is in a content type that is not understood.
    pub fn unsupported_media_type(content_type: &str) -> Self {
        let detail = match content_type {
            "" => "the request has no `Content-Type`".to_owned(),
            given => format!("the content type `{given}` is not understood here"),
        };
        Self::new(Kind::UnsupportedMediaType, detail).help("send JSON with `Content-Type: application/json`")
    }

    /// The body is larger than it may be.
    pub fn body_too_large(most: usize) -> Self {
        Self::new(Kind::TooLarge, format!("the body is larger than {most} bytes, which is the most"))
    }

    /// The request names a host that this server is not.
    pub fn misdirected(host: &str) -> Self {
        Self::new(Kind::Misdirected, format!("this server does not answer for the host `{host}`"))
            .help("use `localhost` or `127.0.0.1`, or allow the host in the settings")
    }

    /// A page of another site sent a request that would change something.
    pub fn foreign_origin(origin: &str) -> Self {
        Self::new(Kind::Forbidden, format!("a page of `{origin}` may not change anything here"))
    }

    /// A handler panicked.
    pub fn panicked() -> Self {
        Self::new(Kind::Internal, "the server made a mistake; its log has more")
    }

    /// The problem that an error of the framework is.
    pub fn of_error(error: &poem::Error, path: &str, method: &str) -> Self {
        if let Some(problem) = error.downcast_ref::<Self>() {
            return problem.clone();
        }
        if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
            return Self::parameter(name, reason);
        }
        if let Some(ParsePathError { reason, .. }) = error.downcast_ref() {
            // In a path the framework knows parameters by their position; the type's name is what we call it.
            let name = reason.strip_prefix("failed to parse \"").and_then(|rest| rest.split('"').next());
            return Self::parameter(name.unwrap_or("path"), reason);
        }
        if let Some(ContentTypeError::NotSupported { content_type }) = error.downcast_ref() {
            return Self::unsupported_media_type(content_type);
        }
        if error.is::<NotFoundError>() {
            return Self::new(Kind::NoEndpoint, format!("there is nothing at `{path}`")).help("see /docs");
        }
        if error.is::<MethodNotAllowedError>() {
            return Self::new(Kind::MethodNotAllowed, format!("`{path}` has no {method}")).help("see /docs");
        }
        if let Some(error) = error.downcast_ref::<ReadBodyError>() {
            return Self::malformed(format!("the body can't be read: {error}"));
        }
        Self::of_status(error)
    }

    fn of_status(error: &poem::Error) -> Self {
        match error.status() {
            StatusCode::NOT_FOUND => Self::new(Kind::NotFound, error.to_string()),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::unsupported_media_type(""),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(Kind::TooLarge, error.to_string()),
            status if status.is_client_error() => Self::malformed(error.to_string()),
            _ => {
                tracing::error!(%error, "a request failed");
                Self::panicked()
            }
        }
    }

    /// The query has a parameter that the endpoint does not.
    pub fn unknown_parameter(name: &str, close: Option<&str>) -> Self {
        let name: String = name.chars().take(60).collect();
        match close {
            Some(close) => Self::parameter(&name, &format!("unknown here; did you mean `{close}`?")),
            None => Self::parameter(&name, "unknown here").help("see /docs"),
        }
    }

    fn parameter(name: &str, reason: &str) -> Self {
        // The framework puts the type's name in front of what the type says, and a query parameter's `Option` behind it.
        let reason = reason
            .strip_prefix("failed to parse \"")
            .and_then(|rest| rest.split_once("\": "))
            .map_or(reason, |(_, told)| told);
        let reason = reason.split(" (occurred while parsing").next().unwrap_or(reason);
        let mut problem = Self::malformed(format!("parameter `{name}`: {reason}"));
        problem.dto.errors.push(FieldProblem { path: name.to_owned(), message: reason.to_owned() });
        problem
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        let detail = error.to_string();
        match error {
            ServiceError::NotFound { help, .. } => Self::new(Kind::NotFound, detail).maybe_help(help),
            ServiceError::Conflict { help, .. } => Self::new(Kind::Conflict, detail).maybe_help(help),
            ServiceError::Stale { .. } => Self::new(Kind::Conflict, detail).help("look at it, and try again"),
            ServiceError::Illegal { allowed, .. } => {
                let mut problem = Self::new(Kind::IllegalTransition, detail);
                problem.dto.allowed = allowed.into_iter().map(str::to_owned).collect();
                problem
            }
            ServiceError::Invalid { errors } => {
                let mut problem = Self::new(Kind::Invalid, detail);
                problem.dto.errors = errors.into_iter().map(FieldProblem::from).collect();
                problem
            }
            ServiceError::Misfit { errors, help, .. } => {
                let mut problem = Self::new(Kind::OutputMisfit, detail).help(help);
                problem.dto.errors = errors.into_iter().map(FieldProblem::from).collect();
                problem
            }
            ServiceError::Diagnostics { source, generated, diagnostics } => {
                let mut problem = Self::new(Kind::DoesNotCompile, detail);
                problem.dto.source = generated.then(|| source.text.to_string());
                problem.dto.diagnostics = report(&source, &diagnostics).into_iter().map(DiagnosticDto::from).collect();
                problem
            }
            ServiceError::Lost { .. } => {
                Self::new(Kind::LeaseLost, detail).help("drop it: another attempt may be under way")
            }
            ServiceError::Busy { retry_after, .. } => {
                Self { retry_after: Some(retry_after), ..Self::new(Kind::TooMany, detail) }
            }
            ServiceError::Limit { .. } => Self::new(Kind::TooLarge, detail),
            ServiceError::Unavailable { retry_after, .. } => {
                Self { retry_after: Some(retry_after), ..Self::new(Kind::Unavailable, detail) }
            }
            ServiceError::Internal { message } => {
                tracing::error!(%message, "a request failed");
                Self::panicked()
            }
        }
    }
}

impl Problem {
    /// What is told of it.
    pub fn into_dto(self) -> ProblemDto {
        *self.dto
    }

    fn maybe_help(mut self, help: Option<String>) -> Self {
        self.dto.help = help;
        self
    }
}

impl From<FieldError> for FieldProblem {
    fn from(error: FieldError) -> Self {
        Self { path: error.path, message: error.message }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.dto.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder()
            .status(status)
            .content_type("application/problem+json")
            .body(serde_json::to_vec(&self.dto).unwrap_or_default());
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().max(1);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl poem::error::ResponseError for Problem {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.dto.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn as_response(&self) -> Response
    where
        Self: std::error::Error + Send + Sync + 'static,
    {
        self.clone().into_response()
    }
}

fn described(status: u16) -> &'static str {
    match status {
        400 => "The request can't be read: a parameter, or a body that is no JSON.",
        403 => "A page of another site may not change anything here.",
        404 => "There is nothing of that name.",
        409 => "It does not go together with what is there, or the state does not allow it.",
        413 => "The body, or the input in it, is larger than it may be.",
        415 => "The content type is not understood.",
        421 => "This server does not answer for that host.",
        422 => {
            "Fields are wrong, each named; the source does not compile, with its diagnostics; or an output does not fit its type."
        }
        429 => "Too much at once: try again after `Retry-After`.",
        503 => "Not now: try again after `Retry-After`.",
        _ => "The server made a mistake.",
    }
}

/// The failures that a group of endpoints may give, so that the document lists them.
macro_rules! failures {
    ($($(#[$doc:meta])* $name:ident: $($status:literal)+;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(Problem);

        impl From<ServiceError> for $name {
            fn from(error: ServiceError) -> Self {
                Self(error.into())
            }
        }

        impl From<Problem> for $name {
            fn from(problem: Problem) -> Self {
                Self(problem)
            }
        }

        impl From<$name> for poem::Error {
            fn from(failure: $name) -> Self {
                failure.0.into()
            }
        }

        impl ApiResponse for $name {
            fn meta() -> MetaResponses {
                let response = |status: u16| MetaResponse {
                    description: described(status),
                    status: Some(status),
                    status_range: None,
                    content: vec![MetaMediaType {
                        content_type: "application/problem+json",
                        schema: ProblemDto::schema_ref(),
                    }],
                    headers: Vec::new(),
                };
                MetaResponses { responses: [$($status),+].map(response).into() }
            }

            fn register(registry: &mut Registry) {
                ProblemDto::register(registry);
            }
        }
    )+};
}

failures! {
    /// Of lists without a name in the path.
    ListFailure: 400 404 421 500 503;
    /// Of reads by a name.
    ReadFailure: 400 404 421 500 503;
    /// Of changes with a JSON body.
    ChangeFailure: 400 403 404 409 413 415 421 422 500 503;
    /// Of changes without a body.
    ControlFailure: 400 403 404 409 413 415 421 422 500 503;
    /// Of published sources.
    PublishFailure: 400 403 409 413 421 422 500 503;
    /// Of workers' requests for tasks.
    TaskFailure: 400 403 404 409 413 415 421 422 429 500 503;
}
