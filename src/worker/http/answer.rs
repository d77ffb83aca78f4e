//! An answer, made into a step's output.

use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::{Map, Value as Json, json};

use crate::engine::{LogLevel, code};
use crate::service::{TaskContext, TaskError};

use super::{Target, failure};

/// Reads an answer of at most `limit` bytes: `{ status, headers, body }`.
pub(super) async fn read(
    ctx: &TaskContext,
    target: &Target,
    response: Response,
    limit: u64,
) -> Result<Json, TaskError> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let bytes = bytes(target, response, limit).await?;
    Ok(json!({ "status": status, "headers": header_map(&headers), "body": body(ctx, &headers, &bytes) }))
}

async fn bytes(target: &Target, mut response: Response, limit: u64) -> Result<Vec<u8>, TaskError> {
    let too_large = || {
        let message = format!("{target} answered with more than {limit} bytes (`max_response_bytes`)");
        // It was answered, so that it had its effect.
        TaskError { unknown: true, ..TaskError::fatal(code::LIMIT, message) }
    };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure::of_transport(target, &error))? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The headers by their names in lower case; a repeated one's values are joined by commas.
fn header_map(headers: &HeaderMap) -> Json {
    let mut map = Map::new();
    for name in headers.keys() {
        let values: Vec<_> =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        map.insert(name.as_str().to_owned(), values.join(", ").into());
    }
    Json::Object(map)
}

/// Nothing is null; JSON is what it says, if it is any; all else is text.
fn body(ctx: &TaskContext, headers: &HeaderMap, bytes: &[u8]) -> Json {
    if bytes.is_empty() {
        return Json::Null;
    }
    if is_json(headers) {
        match serde_json::from_slice(bytes) {
            Ok(json) => return json,
            Err(error) => ctx.log(LogLevel::Warn, format!("the answer is not the JSON that it says it is: {error}")),
        }
    }
    let text = String::from_utf8_lossy(bytes);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        ctx.log(LogLevel::Warn, "the answer is not UTF-8; what is not was replaced by `\u{fffd}`");
    }
    Json::String(text.into_owned())
}

/// Whether the content type is `application/json`, or another that ends in `+json`.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}
