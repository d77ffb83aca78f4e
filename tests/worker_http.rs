//! `http_request`, rule by rule, against a server on loopback.

use std::time::Duration;

use poem::http::{HeaderMap, Method, StatusCode, Uri};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Path;
use poem::{Body, IntoResponse, Response, Route, Server, handler};
use serde_json::{Value as Json, json};
use stepwell::service::{TaskContext, TaskError};
use stepwell::worker::{HttpOptions, builtin_handlers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::queue::task;

/// Shows what came.
#[handler]
fn echo(method: Method, uri: &Uri, headers: &HeaderMap, body: String) -> Response {
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    let shown: serde_json::Map<_, _> =
        headers.keys().map(|name| (name.to_string(), header(name.as_str()).into())).collect();
    let query = uri.query();
    json_response(&json!({ "method": method.as_str(), "query": query, "headers": shown, "body": body }))
}

fn json_response(json: &Json) -> Response {
    Response::builder().content_type("application/json; charset=utf-8").body(json.to_string())
}

#[handler]
fn with_status(Path(status): Path<u16>) -> Response {
    json_response(&json!({ "why": "asked for" })).with_status(StatusCode::from_u16(status).unwrap()).into_response()
}

#[handler]
fn bodies(Path(what): Path<String>) -> Response {
    let latin: &[u8] = &[b'n', 0xe9];
    match &*what {
        "plain" => Response::builder().content_type("text/plain").body("[1, 2]"),
        "latin" => Response::builder().content_type("text/plain").body(latin),
        "broken" => Response::builder().content_type("application/json").body("{"),
        "problem" => Response::builder().content_type("application/problem+json").body("[1, 2]"),
        "empty" => Response::builder().status(StatusCode::NO_CONTENT).finish(),
        "repeated" => Response::builder().header("x-part", "a").header("x-part", "b").finish(),
        _ => Response::builder().body("x".repeat(5_000)),
    }
}

/// A body whose length nobody says beforehand.
#[handler]
fn endless() -> Response {
    let parts = futures::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(1_000)));
    Response::builder().body(Body::from_bytes_stream(parts))
}

#[handler]
fn redirect(Path(left): Path<u32>) -> Response {
    let to = if left == 0 { "/echo".to_owned() } else { format!("/redirect/{}", left - 1) };
    Response::builder().status(StatusCode::FOUND).header("location", to).finish()
}

#[handler]
fn later(Path(how): Path<String>) -> Response {
    let response = Response::builder().status(StatusCode::SERVICE_UNAVAILABLE);
    match &*how {
        "seconds" => response.header("retry-after", "7"),
        "date" => response
            .header("date", "Wed, 21 Oct 2015 07:28:00 GMT")
            .header("retry-after", "Wed, 21 Oct 2015 07:29:30 GMT"),
        "past" => response
            .header("date", "Wed, 21 Oct 2015 07:28:00 GMT")
            .header("retry-after", "Wed, 21 Oct 2015 07:00:00 GMT"),
        _ => response.header("retry-after", "soon"),
    }
    .finish()
}

/// Starts the server and gives its address.
async fn server() -> String {
    let routes = Route::new()
        .at("/echo", echo)
        .at("/status/:status", with_status)
        .at("/text/:what", bodies)
        .at("/endless", endless)
        .at("/redirect/:left", redirect)
        .at("/later/:how", later);
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr()[0].as_socket_addr().copied().unwrap();
    tokio::spawn(Server::new_with_acceptor(acceptor).run(routes));
    format!("http://{address}")
}

async fn request_with(ctx: &TaskContext, config: Json) -> Result<Json, TaskError> {
    let options = HttpOptions { connect_timeout: Duration::from_secs(5), ..HttpOptions::default() };
    builtin_handlers(options).get("http_request").unwrap().execute(ctx, config).await
}

/// Makes a request to a fresh server, with `url` being a path.
async fn request(mut config: Json) -> Result<Json, TaskError> {
    let url = format!("{}{}", server().await, config["url"].as_str().unwrap());
    config["url"] = url.into();
    request_with(&TaskContext::new(&task(1)), config).await
}

/// What the server saw of a request.
async fn seen(config: Json) -> Json {
    request(config).await.unwrap()["body"].clone()
}

async fn config_error(config: Json) -> String {
    let error = request_with(&TaskContext::new(&task(1)), config).await.unwrap_err();
    assert_eq!((&*error.code, error.retryable), ("CONFIG", false));
    error.message
}

#[tokio::test]
async fn method_query_and_headers_are_sent() {
    let seen = seen(json!({
        "method": "put",
        "url": "/echo?a=1",
        "query": { "b": "x y", "c": [1, true], "d": null },
        "headers": { "X-Shop": "s1", "X-Count": 3 },
    }))
    .await;
    assert_eq!((&seen["method"], &seen["query"]), (&json!("PUT"), &json!("a=1&b=x+y&c=1&c=true")));
    assert_eq!((&seen["headers"]["x-shop"], &seen["headers"]["x-count"]), (&json!("s1"), &json!("3")));
    assert_eq!(seen["headers"]["user-agent"], format!("stepwell/{}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_body_is_sent_as_text_or_as_json() {
    for (body, sent, content_type) in [
        (json!("hi"), "hi", json!("text/plain; charset=utf-8")),
        (json!({ "n": [1] }), r#"{"n":[1]}"#, json!("application/json")),
        (json!(false), "false", json!("application/json")),
        (json!(null), "", json!(null)),
    ] {
        let seen = seen(json!({ "method": "POST", "url": "/echo", "body": body })).await;
        assert_eq!((&seen["body"], &seen["headers"]["content-type"]), (&json!(sent), &content_type));
    }
    let own = json!({ "method": "POST", "url": "/echo", "body": "<a/>", "headers": { "Content-Type": "text/xml" } });
    assert_eq!(seen(own).await["headers"]["content-type"], "text/xml");
}

#[tokio::test]
async fn credentials_are_sent() {
    for (auth, header) in [
        (json!({ "type": "bearer", "token": "t" }), "Bearer t"),
        (json!({ "bearer": "t" }), "Bearer t"),
        (json!({ "type": "basic", "username": "u", "password": "p" }), "Basic dTpw"),
        (json!({ "basic": { "username": "u", "password": "p" } }), "Basic dTpw"),
    ] {
        assert_eq!(seen(json!({ "url": "/echo", "auth": auth })).await["headers"]["authorization"], header);
    }
}

#[tokio::test]
async fn each_attempt_carries_the_steps_idempotency_key_and_trace() {
    let mut task = task(1);
    task.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    let url = format!("{}/echo", server().await);
    let ctx = TaskContext::new(&task);
    let answer = request_with(&ctx, json!({ "url": url })).await.unwrap();
    let headers = &answer["body"]["headers"];
    assert_eq!(headers["idempotency-key"], "key");
    assert_eq!(headers["traceparent"], task.traceparent.as_deref().unwrap());
    let own = json!({ "url": url, "headers": { "Idempotency-Key": "mine", "Traceparent": "t" } });
    let answer = request_with(&ctx, own).await.unwrap();
    let headers = &answer["body"]["headers"];
    assert_eq!((&headers["idempotency-key"], &headers["traceparent"]), (&json!("mine"), &json!("t")));
}

#[tokio::test]
async fn the_output_is_status_headers_and_body() {
    for (what, body) in [
        ("plain", json!("[1, 2]")),
        ("problem", json!([1, 2])),
        ("broken", json!("{")),
        ("latin", json!("n\u{fffd}")),
        ("empty", json!(null)),
    ] {
        let answer = request(json!({ "url": format!("/text/{what}") })).await.unwrap();
        assert_eq!(answer["body"], body, "{what}");
    }
    let answer = request(json!({ "url": "/text/repeated" })).await.unwrap();
    assert_eq!((&answer["status"], &answer["headers"]["x-part"]), (&json!(200), &json!("a, b")));
}

#[tokio::test]
async fn what_is_not_what_it_says_is_noted_in_the_log() {
    for what in ["broken", "latin"] {
        let ctx = TaskContext::new(&task(1));
        request_with(&ctx, json!({ "url": format!("{}/text/{what}", server().await) })).await.unwrap();
        assert_eq!(ctx.take_logs().entries().len(), 1, "{what}");
    }
}

#[tokio::test]
async fn a_status_from_400_on_is_a_failure_and_some_may_be_retried() {
    for (status, retryable) in [
        (400, false),
        (404, false),
        (409, false),
        (408, true),
        (425, true),
        (429, true),
        (500, true),
        (501, true),
        (503, true),
    ] {
        let error = request(json!({ "url": format!("/status/{status}") })).await.unwrap_err();
        assert_eq!((&*error.code, error.status, error.retryable), ("HTTP_STATUS", Some(status), retryable));
        assert_eq!(*error.details.unwrap(), json!({ "status": status, "body": { "why": "asked for" } }));
    }
}

#[tokio::test]
async fn expected_statuses_are_the_ones_that_do_not_fail() {
    for (expected, status, fails) in [
        (json!(404), 404, false),
        (json!("404"), 404, false),
        (json!([200, 404]), 404, false),
        (json!("4XX"), 404, false),
        (json!(["2xx", 409]), 204, false),
        (json!(201), 200, true),
        (json!("2xx"), 404, true),
    ] {
        let result = request(json!({ "url": format!("/status/{status}"), "expect_status": expected })).await;
        assert_eq!(result.is_err(), fails, "{expected} {status}");
    }
}

#[tokio::test]
async fn a_failures_body_is_cut_to_an_excerpt() {
    let error = request(json!({ "url": "/text/long", "expect_status": 201 })).await.unwrap_err();
    assert_eq!(error.details.unwrap()["body"].as_str().unwrap().len(), 2_048);
}

#[tokio::test]
async fn retry_after_is_read_as_seconds_or_as_a_date() {
    for (how, wait) in [("seconds", Some(7)), ("date", Some(90)), ("past", Some(0)), ("nonsense", None)] {
        let error = request(json!({ "url": format!("/later/{how}") })).await.unwrap_err();
        assert_eq!(error.retry_after, wait.map(Duration::from_secs), "{how}");
    }
}

#[tokio::test]
async fn redirects_are_followed_ten_times_or_not_at_all() {
    assert_eq!(request(json!({ "url": "/redirect/9" })).await.unwrap()["body"]["method"], "GET");
    let error = request(json!({ "url": "/redirect/10" })).await.unwrap_err();
    assert_eq!((&*error.code, error.retryable), ("REDIRECT", false));
    let stayed = request(json!({ "url": "/redirect/0", "follow_redirects": false })).await.unwrap();
    assert_eq!((&stayed["status"], &stayed["headers"]["location"]), (&json!(302), &json!("/echo")));
}

#[tokio::test]
async fn an_answer_past_the_limit_is_an_error_also_when_it_never_ends() {
    assert!(request(json!({ "url": "/text/long", "max_response_bytes": 5_000 })).await.is_ok());
    for (url, limit) in [("/text/long", 4_999), ("/endless", 100_000)] {
        let error = request(json!({ "url": url, "max_response_bytes": limit })).await.unwrap_err();
        assert_eq!((&*error.code, error.retryable), ("LIMIT", false));
        assert!(error.message.contains(&format!("more than {limit} bytes")), "{}", error.message);
    }
    assert_eq!(request(json!({ "url": "/endless" })).await.unwrap_err().code, "LIMIT");
}

#[tokio::test]
async fn a_connection_that_fails_may_be_retried_and_the_url_is_told_without_its_query() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/pay", listener.local_addr().unwrap());
    drop(listener);
    let config = json!({ "url": format!("{url}?key=hunter2"), "query": { "more": "hunter3" } });
    let error = request_with(&TaskContext::new(&task(1)), config).await.unwrap_err();
    assert_eq!((&*error.code, error.retryable), ("CONNECT_FAILED", true));
    assert!(error.message.starts_with(&format!("GET {url} did not connect: ")), "{}", error.message);
    assert!(!error.message.contains("hunter"), "{}", error.message);
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_was_sent_is_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/?key=hunter2", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1_000]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
        }
    });
    let error = request_with(&TaskContext::new(&task(1)), json!({ "url": url })).await.unwrap_err();
    assert_eq!((&*error.code, error.retryable), ("CONNECTION_LOST", true));
    assert!(!error.message.contains("hunter"), "{}", error.message);
}

#[tokio::test]
async fn a_wrong_configuration_names_its_field_and_shows_no_value() {
    let url = "http://127.0.0.1:1/";
    for (config, message) in [
        (json!([]), "`config` must be an object, not a list"),
        (json!({}), "`url` is missing"),
        (json!({ "url": 5 }), "`url` must be text, not a number"),
        (json!({ "url": "nowhere" }), "`url` is no URL: relative URL without a base"),
        (json!({ "url": "ftp://h/" }), "`url` must begin with `http://` or `https://`, not `ftp:`"),
        (json!({ "url": url, "method": "a b" }), "`method` is no HTTP method"),
        (json!({ "url": url, "headers": { "a b": "c" } }), "`headers.a b` is no header name"),
        (json!({ "url": url, "headers": { "x": "a\nb" } }), "`headers.x` holds a character that no header may have"),
        (json!({ "url": url, "headers": { "x": {} } }), "`headers.x` must be text, a number or a bool, not an object"),
        (
            json!({ "url": url, "query": { "x": {} } }),
            "`query.x` must be text, a number, a bool or a list of these, not an object",
        ),
        (json!({ "url": url, "auth": { "type": "digest" } }), "`auth.type` must be `basic` or `bearer`, not `digest`"),
        (json!({ "url": url, "auth": { "type": "bearer" } }), "`auth` has no `token`"),
        (json!({ "url": url, "auth": { "bearer": "s", "x": 1 } }), "unknown field `auth.x`"),
        (json!({ "url": url, "auth": {} }), "`auth` must have either `basic` or `bearer`"),
        (
            json!({ "url": url, "expect_status": "ok" }),
            "`expect_status` must be a status such as `201`, a class such as `2xx`, or a list of these",
        ),
        (json!({ "url": url, "follow_redirects": 1 }), "`follow_redirects` must be true or false, not a number"),
        (
            json!({ "url": url, "max_response_bytes": -1 }),
            "`max_response_bytes` must be a whole number that is not negative, not a number",
        ),
    ] {
        assert_eq!(config_error(config).await, message);
    }
    let unknown = config_error(json!({ "url": url, "timeout": 5 })).await;
    assert!(unknown.starts_with("unknown field `timeout`; `http_request` takes `url`, `method`,"), "{unknown}");
}
