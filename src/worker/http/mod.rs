//! `http_request`: one request, its answer read up to a limit, and failures sorted into those that another attempt may help.
//!
//! Invariant: values of headers, credentials and queries stand in no message and no log.

mod answer;
mod config;
mod failure;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, RequestBuilder, Url};
use serde_json::{Value as Json, json};

use crate::engine::code;
use crate::service::{TaskContext, TaskError, TaskHandler};

use config::{Auth, Body, Config};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;

/// What holds for every `http_request` of a process.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How large an answer may be, in bytes, where the step names no `max_response_bytes`.
    pub max_response_bytes: u64,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(10), max_response_bytes: 1024 * 1024 }
    }
}

/// The handler of `http_request`.
pub struct HttpRequest {
    /// None where no client could be made; the error says why.
    clients: Result<Clients, Arc<str>>,
    options: HttpOptions,
}

struct Clients {
    following: Client,
    staying: Client,
}

impl HttpRequest {
    /// A handler with connections of its own.
    pub fn new(options: HttpOptions) -> Self {
        // Without a provider the client can't be made; one that the program has chosen is left in place.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let clients = Clients::new(&options).map_err(|error| failure::reason(&error).into());
        Self { clients, options }
    }

    fn clients(&self) -> Result<&Clients, TaskError> {
        self.clients.as_ref().map_err(|reason| TaskError::fatal(code::CONFIG, format!("no HTTP client: {reason}")))
    }
}

impl Clients {
    fn new(options: &HttpOptions) -> reqwest::Result<Self> {
        let builder = || {
            Client::builder()
                .user_agent(concat!("stepwell/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(options.connect_timeout)
        };
        Ok(Self {
            following: builder().redirect(Policy::limited(MAX_REDIRECTS)).build()?,
            staying: builder().redirect(Policy::none()).build()?,
        })
    }
}

#[async_trait]
impl TaskHandler for HttpRequest {
    fn task_type(&self) -> &'static str {
        "http_request"
    }

    fn description(&self) -> &'static str {
        "Sends an HTTP request and gives the answer's status, headers and body."
    }

    fn config_schema(&self) -> Json {
        config::schema()
    }

    fn output_schema(&self) -> Json {
        json!({
            "type": "object",
            "required": ["status", "headers", "body"],
            "properties": {
                "status": { "type": "integer" },
                "headers": { "type": "object", "additionalProperties": { "type": "string" } },
                "body": true
            }
        })
    }

    async fn execute(&self, ctx: &TaskContext, config: Json) -> Result<Json, TaskError> {
        let config = Config::parse(config, self.options.max_response_bytes)?;
        let clients = self.clients()?;
        let client = if config.follow_redirects { &clients.following } else { &clients.staying };
        let target = Target { method: config.method.to_string(), url: place(&config.url) };
        let (expected, limit) = (config.expected.clone(), config.max_response_bytes);
        let request = request(client, config, ctx)?;
        let response = client.execute(request).await.map_err(|error| failure::of_transport(&target, &error))?;
        if expected.accepts(response.status()) {
            answer::read(ctx, &target, response, limit).await
        } else {
            Err(failure::of_status(&target, response).await)
        }
    }
}

/// What a message may say of a request: method, host and path.
struct Target {
    method: String,
    url: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// The URL without credentials, query and fragment: those may hold secrets.
fn place(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

fn request(client: &Client, config: Config, ctx: &TaskContext) -> Result<Request, TaskError> {
    let mut headers = config.headers;
    default_header(&mut headers, "idempotency-key", &ctx.idempotency_key);
    let trace = super::trace::current();
    if let Some(trace) = trace.as_deref().or(ctx.traceparent.as_deref()) {
        default_header(&mut headers, "traceparent", trace);
    }
    let builder = client.request(config.method, config.url);
    let builder = with_body(builder, config.body, &mut headers)?;
    let builder = match config.auth {
        Some(Auth::Bearer(token)) => builder.bearer_auth(token),
        Some(Auth::Basic { username, password }) => builder.basic_auth(username, Some(password)),
        None => builder,
    };
    // The step's own headers come last: they replace what is set above.
    builder.headers(headers).build().map_err(|error| TaskError::fatal(code::CONFIG, failure::reason(&error)))
}

fn with_body(builder: RequestBuilder, body: Body, headers: &mut HeaderMap) -> Result<RequestBuilder, TaskError> {
    Ok(match body {
        Body::None => builder,
        Body::Text(text) => {
            default_header(headers, "content-type", "text/plain; charset=utf-8");
            builder.body(text)
        }
        Body::Json(json) => {
            default_header(headers, "content-type", "application/json");
            let bytes = serde_json::to_vec(&json)
                .map_err(|error| TaskError::fatal(code::CONFIG, format!("`body` is no JSON: {error}")))?;
            builder.body(bytes)
        }
    })
}

/// Sets a header that the step has not set.
fn default_header(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.entry(HeaderName::from_static(name)).or_insert(value);
    }
}
