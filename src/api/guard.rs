//! What every request goes through: an id and a span, the host and origin check, the cap on bodies, and the last resort that
//! makes a problem of every error and every panic.
//!
//! The cap stands behind decompression, so that a small body can't become a large one.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use poem::error::ReadBodyError;
use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response};
use tracing::Instrument;

use super::error::Problem;
use super::known::Known;

/// The header that names a request.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The names of the loopback interface.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// An endpoint behind the guard.
pub struct Guard<E> {
    inner: E,
    hosts: Option<Arc<[String]>>,
    known: Known,
}

impl<E> Guard<E> {
    /// Puts an endpoint behind the guard. It answers for loopback and for these hosts (without port); for any, where there
    /// is no list.
    pub fn new(inner: E, hosts: Option<Arc<[String]>>, known: Known) -> Self {
        Self { inner, hosts, known }
    }

    /// An error as its problem; what the error carries as a whole response (a redirect) stays.
    fn respond(&self, error: poem::Error, path: &str, method: &str) -> Response {
        if error.is_from_response() {
            return error.into_response();
        }
        let mut response = Problem::of_error(&error, path, method).into_response();
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Some(methods) = self.known.methods(path)
            && let Ok(methods) = HeaderValue::from_str(&methods)
        {
            response.headers_mut().insert(header::ALLOW, methods);
        }
        response
    }
}

impl<E: Endpoint> Endpoint for Guard<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let id = request_id(request.headers());
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let span = tracing::info_span!("http", %method, %path, request_id = %id, status = tracing::field::Empty);
        let answer = AssertUnwindSafe(self.answer(request).instrument(span.clone())).catch_unwind().await;
        let mut response = match answer {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => span.in_scope(|| self.respond(error, &path, method.as_str())),
            Err(_) => {
                span.in_scope(|| tracing::error!("a handler panicked"));
                Problem::panicked().into_response()
            }
        };
        span.record("status", response.status().as_u16());
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID.clone(), id);
        }
        Ok(response)
    }
}

impl<E: Endpoint> Guard<E> {
    async fn answer(&self, request: Request) -> poem::Result<Response> {
        if let Some(hosts) = &self.hosts {
            check_host(&request, hosts)?;
            check_origin(&request)?;
        }
        let uri = request.uri();
        self.known.check_query(request.method().as_str(), uri.path(), uri.query().unwrap_or_default())?;
        Ok(self.inner.call(request).await?.into_response())
    }
}

/// An endpoint whose bodies are cut off.
pub struct Capped<E> {
    inner: E,
    most: usize,
}

impl<E> Capped<E> {
    /// Reads the body of each request up to `most` bytes, whether its length was told or it comes in chunks.
    pub fn new(inner: E, most: usize) -> Self {
        Self { inner, most }
    }
}

impl<E: Endpoint> Endpoint for Capped<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> poem::Result<E::Output> {
        let told = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if told.is_some_and(|length: usize| length > self.most) {
            return Err(Problem::body_too_large(self.most).into());
        }
        match request.take_body().into_bytes_limit(self.most).await {
            Ok(bytes) => request.set_body(Body::from(bytes)),
            Err(ReadBodyError::PayloadTooLarge) => return Err(Problem::body_too_large(self.most).into()),
            Err(error) => return Err(error.into()),
        }
        self.inner.call(request).await
    }
}

/// The id that the caller gave, where it is short and plain, else a fresh one.
fn request_id(headers: &HeaderMap) -> String {
    let plain = |id: &&str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    match headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(plain) {
        Some(id) => id.to_owned(),
        None => uuid::Uuid::new_v4().to_string(),
    }
}

/// A page that rebinds its own name to a loopback address still sends that name as `Host`.
fn check_host(request: &Request, hosts: &[String]) -> Result<(), Problem> {
    let header = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    let Some(host) = header.or_else(|| request.uri().host()) else { return Ok(()) };
    let name = without_port(host);
    let known = |known: &str| known.eq_ignore_ascii_case(name);
    if LOOPBACK.iter().any(|name| known(name)) || hosts.iter().any(|name| known(name)) {
        return Ok(());
    }
    Err(Problem::misdirected(name))
}

/// What changes something is taken from pages of this very host alone, and from programs, which send no `Origin`.
fn check_origin(request: &Request) -> Result<(), Problem> {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("?");
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match origin.split_once("://") {
        Some((_, authority)) if !host.is_empty() && authority.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Problem::foreign_origin(origin)),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make_sync;
    use poem::test::TestClient;

    use super::*;

    #[tokio::test]
    async fn a_handler_that_panics_is_a_problem_and_the_next_request_is_served() {
        let handler = make_sync(|request: Request| {
            assert!(request.uri().path() != "/bad", "a mistake of ours");
            "well"
        });
        let client = TestClient::new(Guard::new(handler, None, Known::default()));
        let response = client.get("/bad").send().await;
        response.assert_status(poem::http::StatusCode::INTERNAL_SERVER_ERROR);
        response.assert_content_type("application/problem+json");
        client.get("/good").send().await.assert_text("well").await;
    }

    #[test]
    fn a_port_is_cut_off_and_an_address_is_not() {
        assert_eq!(["a:80", "[::1]:80", "[::1]", "a"].map(without_port), ["a", "[::1]", "[::1]", "a"]);
    }
}
