//! What went wrong with a request, and whether another attempt may help.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::{Value as Json, json};

use crate::engine::code;
use crate::service::TaskError;

use super::{Target, answer};

/// The answer's status is a failure.
const HTTP_STATUS: &str = "HTTP_STATUS";
/// The other side was never reached.
const CONNECT_FAILED: &str = "CONNECT_FAILED";
/// The connection broke after the request was (in part) sent: it may have been acted on.
const CONNECTION_LOST: &str = "CONNECTION_LOST";
/// More redirects than are followed, or one that can't be.
const REDIRECT: &str = "REDIRECT";

/// How much of a failure's body is kept.
const EXCERPT: usize = 2 * 1024;

/// The innermost reason: the outer ones only say that a request failed.
pub(super) fn reason(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    // reqwest's own text names the whole URL, whose query may hold a secret.
    match innermost.downcast_ref::<reqwest::Error>() {
        Some(own) if own.url().is_some() => "the request failed".to_owned(),
        _ => innermost.to_string(),
    }
}

/// No answer, or not all of it.
pub(super) fn of_transport(target: &Target, error: &reqwest::Error) -> TaskError {
    let reason = reason(error);
    if error.is_builder() {
        TaskError::fatal(code::CONFIG, format!("{target} can't be sent: {reason}"))
    } else if error.is_redirect() {
        TaskError::fatal(REDIRECT, format!("{target} was redirected too often: {reason}"))
    } else if error.is_connect() {
        TaskError::retryable(CONNECT_FAILED, format!("{target} did not connect: {reason}"))
    } else if error.is_timeout() {
        TaskError::unknown(code::TIMEOUT, format!("{target} took too long: {reason}"))
    } else {
        TaskError::unknown(CONNECTION_LOST, format!("{target} lost its connection: {reason}"))
    }
}

/// An answer whose status is a failure.
pub(super) async fn of_status(target: &Target, response: Response) -> TaskError {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let body = excerpt(response).await;
    TaskError {
        code: HTTP_STATUS.to_owned(),
        message: format!("{target} answered {status}"),
        retryable: is_retryable(status),
        unknown: false,
        retry_after,
        status: Some(status.as_u16()),
        details: Some(Box::new(json!({ "status": status.as_u16(), "body": body }))),
    }
}

fn is_retryable(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// `Retry-After`: seconds, or a date. A date is read against the answer's own `Date`, so that clocks need not agree.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wait = text(RETRY_AFTER)?;
    if let Ok(seconds) = wait.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(wait).ok()?;
    let now = text(DATE).and_then(|date| DateTime::parse_from_rfc2822(date).ok()).unwrap_or_else(|| Utc::now().into());
    Some((until - now).to_std().unwrap_or_default())
}

/// The beginning of a failure's body. JSON that is whole stays JSON. What can't be read is left out: the status says enough.
async fn excerpt(mut response: Response) -> Json {
    let is_json = answer::is_json(response.headers());
    let mut bytes = Vec::new();
    while bytes.len() <= EXCERPT {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    if bytes.is_empty() {
        return Json::Null;
    }
    if is_json
        && bytes.len() <= EXCERPT
        && let Ok(json) = serde_json::from_slice(&bytes)
    {
        return json;
    }
    bytes.truncate(EXCERPT);
    String::from_utf8_lossy(&bytes).into_owned().into()
}
