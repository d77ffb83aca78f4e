//! The configuration of `http_request`, read with errors that name the field.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Map, Value as Json, json};

use crate::engine::code;
use crate::service::TaskError;

/// The fields, for the error about an unknown one.
const FIELDS: &str =
    "`url`, `method`, `headers`, `query`, `body`, `auth`, `expect_status`, `follow_redirects`, `max_response_bytes`";

/// A request to be made.
pub(super) struct Config {
    /// The method; GET where none is named.
    pub(super) method: Method,
    /// The URL, with the query.
    pub(super) url: Url,
    /// The headers that the step sets.
    pub(super) headers: HeaderMap,
    /// The body.
    pub(super) body: Body,
    /// Credentials.
    pub(super) auth: Option<Auth>,
    /// Which statuses are no failure.
    pub(super) expected: Expected,
    /// Whether redirects are followed.
    pub(super) follow_redirects: bool,
    /// How large the answer may be.
    pub(super) max_response_bytes: u64,
}

/// A body.
pub(super) enum Body {
    /// None.
    None,
    /// Text, sent as it is.
    Text(String),
    /// Anything else, sent as JSON.
    Json(Json),
}

/// Credentials.
pub(super) enum Auth {
    /// A token.
    Bearer(String),
    /// A name and a password.
    Basic { username: String, password: String },
}

/// Which statuses are no failure.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    /// Any below 400.
    Success,
    /// These alone, from the first to the last of each pair.
    Only(Vec<(u16, u16)>),
}

impl Expected {
    /// Whether `status` is no failure.
    pub(super) fn accepts(&self, status: StatusCode) -> bool {
        let status = status.as_u16();
        match self {
            Self::Success => status < 400,
            Self::Only(ranges) => ranges.iter().any(|(first, last)| (*first..=*last).contains(&status)),
        }
    }
}

fn wrong(message: impl Into<String>) -> TaskError {
    TaskError::fatal(code::CONFIG, message)
}

/// What a value is, for a message: never the value, which may be a secret.
fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

fn misfit(field: &str, wanted: &str, got: &Json) -> TaskError {
    wrong(format!("`{field}` must be {wanted}, not {}", kind(got)))
}

/// The fields that are not read yet.
struct Fields(Map<String, Json>);

impl Fields {
    /// A field; null is as good as absent.
    fn take(&mut self, name: &str) -> Option<Json> {
        self.0.shift_remove(name).filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, TaskError> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(misfit(name, "text", &other)),
        }
    }

    fn object(&mut self, name: &str) -> Result<Map<String, Json>, TaskError> {
        match self.take(name) {
            None => Ok(Map::new()),
            Some(Json::Object(map)) => Ok(map),
            Some(other) => Err(misfit(name, "an object", &other)),
        }
    }
}

impl Config {
    /// Reads a configuration. `max_response_bytes` is the limit where the step names none.
    pub(super) fn parse(config: Json, max_response_bytes: u64) -> Result<Self, TaskError> {
        let Json::Object(fields) = config else { return Err(misfit("config", "an object", &config)) };
        let mut fields = Fields(fields);
        let config = Self {
            method: method(fields.text("method")?)?,
            url: url(fields.text("url")?, fields.object("query")?)?,
            headers: headers(fields.object("headers")?)?,
            body: body(fields.take("body")),
            auth: auth(fields.take("auth"))?,
            expected: expected(fields.take("expect_status"))?,
            follow_redirects: match fields.take("follow_redirects") {
                None => true,
                Some(Json::Bool(follow)) => follow,
                Some(other) => return Err(misfit("follow_redirects", "true or false", &other)),
            },
            max_response_bytes: match fields.take("max_response_bytes") {
                None => max_response_bytes,
                Some(json) => json
                    .as_u64()
                    .ok_or_else(|| misfit("max_response_bytes", "a whole number that is not negative", &json))?,
            },
        };
        match fields.0.keys().next() {
            Some(unknown) => Err(wrong(format!("unknown field `{unknown}`; `http_request` takes {FIELDS}"))),
            None => Ok(config),
        }
    }
}

fn method(name: Option<String>) -> Result<Method, TaskError> {
    let Some(name) = name else { return Ok(Method::GET) };
    Method::from_bytes(name.to_ascii_uppercase().as_bytes()).map_err(|_| wrong("`method` is no HTTP method"))
}

fn url(text: Option<String>, query: Map<String, Json>) -> Result<Url, TaskError> {
    let text = text.ok_or_else(|| wrong("`url` is missing"))?;
    let mut url = Url::parse(&text).map_err(|error| wrong(format!("`url` is no URL: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("`url` must begin with `http://` or `https://`, not `{}:`", url.scheme())));
    }
    if !query.is_empty() {
        let mut pairs = url.query_pairs_mut();
        for (name, value) in query {
            for value in query_values(&name, value)? {
                pairs.append_pair(&name, &value);
            }
        }
    }
    Ok(url)
}

/// The values of a query parameter: a list repeats it, null leaves it out.
fn query_values(name: &str, value: Json) -> Result<Vec<String>, TaskError> {
    let values = match value {
        Json::Array(items) => items,
        other => vec![other],
    };
    let text = |value: &Json| {
        scalar(value)
            .ok_or_else(|| misfit(&format!("query.{name}"), "text, a number, a bool or a list of these", value))
    };
    values.iter().filter(|value| !value.is_null()).map(text).collect()
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

fn headers(map: Map<String, Json>) -> Result<HeaderMap, TaskError> {
    let mut headers = HeaderMap::with_capacity(map.len());
    for (name, value) in map.into_iter().filter(|(_, value)| !value.is_null()) {
        let field = format!("headers.{name}");
        let text = scalar(&value).ok_or_else(|| misfit(&field, "text, a number or a bool", &value))?;
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(format!("`{field}` is no header name")))?;
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| wrong(format!("`{field}` holds a character that no header may have")))?;
        value.set_sensitive(true);
        headers.append(name, value);
    }
    Ok(headers)
}

fn body(json: Option<Json>) -> Body {
    match json {
        None => Body::None,
        Some(Json::String(text)) => Body::Text(text),
        Some(json) => Body::Json(json),
    }
}

/// `{ bearer: token }` or `{ basic: { username, password } }`; also with the kind as `type` beside its fields.
fn auth(json: Option<Json>) -> Result<Option<Auth>, TaskError> {
    let Some(json) = json else { return Ok(None) };
    let Json::Object(map) = json else { return Err(misfit("auth", "an object", &json)) };
    let mut fields = Fields(map);
    let auth = match fields.text("type")?.as_deref() {
        Some("bearer") => Auth::Bearer(required(&mut fields, "token")?),
        Some("basic") => basic(&mut fields)?,
        Some(other) => return Err(wrong(format!("`auth.type` must be `basic` or `bearer`, not `{other}`"))),
        None => auth_by_key(&mut fields)?,
    };
    match fields.0.keys().next() {
        Some(unknown) => Err(wrong(format!("unknown field `auth.{unknown}`"))),
        None => Ok(Some(auth)),
    }
}

fn auth_by_key(fields: &mut Fields) -> Result<Auth, TaskError> {
    match (fields.take("bearer"), fields.take("basic")) {
        (Some(Json::String(token)), None) => Ok(Auth::Bearer(token)),
        (Some(other), None) => Err(misfit("auth.bearer", "text", &other)),
        (None, Some(Json::Object(basic_fields))) => basic(&mut Fields(basic_fields)),
        (None, Some(other)) => Err(misfit("auth.basic", "an object with `username` and `password`", &other)),
        _ => Err(wrong("`auth` must have either `basic` or `bearer`")),
    }
}

fn basic(fields: &mut Fields) -> Result<Auth, TaskError> {
    Ok(Auth::Basic { username: required(fields, "username")?, password: fields.text("password")?.unwrap_or_default() })
}

fn required(fields: &mut Fields, name: &str) -> Result<String, TaskError> {
    fields.text(name)?.ok_or_else(|| wrong(format!("`auth` has no `{name}`")))
}

/// A status, a class such as `2xx`, or a list of these.
fn expected(json: Option<Json>) -> Result<Expected, TaskError> {
    let Some(json) = json else { return Ok(Expected::Success) };
    let items = match json {
        Json::Array(items) => items,
        one => vec![one],
    };
    items.iter().map(status_range).collect::<Result<_, _>>().map(Expected::Only)
}

fn status_range(json: &Json) -> Result<(u16, u16), TaskError> {
    let text = scalar(json).unwrap_or_default().to_ascii_lowercase();
    let class = text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok());
    match (class, text.parse::<u16>()) {
        (Some(class @ 1..=5), _) => Ok((class * 100, class * 100 + 99)),
        (None, Ok(status @ 100..=599)) => Ok((status, status)),
        _ => Err(wrong("`expect_status` must be a status such as `201`, a class such as `2xx`, or a list of these")),
    }
}

/// The JSON Schema of a configuration.
pub(super) fn schema() -> Json {
    let scalar = json!({ "type": ["string", "number", "boolean", "null"] });
    let status = json!({ "anyOf": [
        { "type": "integer", "minimum": 100, "maximum": 599 },
        { "type": "string", "pattern": "^([1-5][0-9][0-9]|[1-5]xx)$" }
    ] });
    json!({
        "type": "object",
        "required": ["url"],
        "additionalProperties": false,
        "properties": {
            "url": { "type": "string", "description": "an http or https URL" },
            "method": { "type": "string", "default": "GET" },
            "headers": { "type": "object", "additionalProperties": scalar },
            "query": { "type": "object", "additionalProperties": true, "description": "a list repeats its parameter" },
            "body": { "description": "text is sent as it is, anything else as JSON" },
            "auth": { "type": "object", "description": "{ bearer: token } or { basic: { username, password } }" },
            "expect_status": {
                "description": "the statuses that are no failure; without it, any below 400",
                "anyOf": [status, { "type": "array", "items": status }]
            },
            "follow_redirects": { "type": "boolean", "default": true },
            "max_response_bytes": { "type": "integer", "minimum": 0, "default": 1_048_576 }
        }
    })
}
