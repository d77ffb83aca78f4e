//! What operates a server asks of it: TLS, spans, metrics, workers that stop.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use poem::endpoint::make;
use poem::listener::TcpAcceptor;
use poem::{EndpointExt, Request};
use serde_json::json;
use tokio_util::task::AbortOnDropHandle;

use crate::e2e::server::{Backend, Program, Setup, TestServer};

/// Writes a certificate for 127.0.0.1 and its key, signed by itself.
fn certificate(folder: &Path) -> reqwest::Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_speaks_https_alone() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let certificate = certificate(folder.path());
    std::fs::write(folder.path().join("stepwell.toml"), "[tls]\ncert = \"cert.pem\"\nkey = \"key.pem\"\n").unwrap();
    let (program, said) = Program::start(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let api = said.iter().find_map(|line| line.trim().strip_prefix("API")).unwrap().trim().to_owned();
    assert!(api.starts_with("https://127.0.0.1:"), "{api}");
    let client = reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap();
    let answer = client.get(format!("{api}/workflows")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_2));
    assert!(client.get(api.replace("https", "http")).send().await.is_err(), "plain HTTP was answered");
    program.signal("TERM");
    assert_eq!(program.wait(), 0);
}

/// What a collector was sent.
type Received = Arc<Mutex<Vec<u8>>>;

/// A collector of spans; its address.
async fn collector() -> (String, Received, AbortOnDropHandle<()>) {
    let received = Received::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let kept = received.clone();
    let endpoint = make(move |mut request: Request| {
        let kept = kept.clone();
        async move {
            assert_eq!(request.uri().path(), "/v1/traces");
            let body = request.take_body().into_vec().await.unwrap();
            kept.lock().unwrap().extend(body);
        }
    });
    let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
    let serving = tokio::spawn(async move {
        poem::Server::new_with_acceptor(acceptor).run(endpoint.boxed()).await.unwrap();
    });
    (address, received, AbortOnDropHandle::new(serving))
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_executions_and_attempts_reach_the_collector_and_requests_carry_their_trace() {
    let (address, received, _collector) = collector().await;
    let mut server = Setup::on(Backend::Embedded).args(&["--otlp", &address]).start().await;
    let text = format!(
        "workflow traced {{\n step call: http_request {{ url = \"{}/echo\" }}\n return call.body.headers\n}}\n",
        server.demo()
    );
    assert_eq!(server.publish(&text).await.0, 201);
    let id = server.execute("traced", json!({})).await;
    let ended = server.ended(&id).await;
    let traceparent = ended["output_data"]["traceparent"].as_str().unwrap_or_else(|| panic!("{ended}"));
    assert!(traceparent.starts_with("00-") && traceparent.len() == 55, "{traceparent}");
    assert_eq!(server.terminate(), 0);
    let received = received.lock().unwrap();
    let holds = |bytes: &[u8]| received.windows(bytes.len()).any(|window| window == bytes);
    let trace: Vec<u8> =
        (3..35).step_by(2).map(|at| u8::from_str_radix(&traceparent[at..at + 2], 16).unwrap()).collect();
    assert!(holds(b"execution") && holds(b"attempt") && holds(b"traced"), "{} bytes", received.len());
    assert!(holds(id.as_bytes()) && holds(&trace), "the execution's id, or the trace of its request, is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_told_to_stop_finishes_what_it_has() {
    let mut server = TestServer::start(Backend::Servers).await;
    let text =
        format!("workflow slow {{\n step wait: http_request {{ url = \"{}/slow?ms=1500\" }}\n}}\n", server.demo());
    assert_eq!(server.publish(&text).await.0, 201);
    let id = server.execute("slow", json!({})).await;
    while server.steps(&id).await.first().is_none_or(|step| step["status"] != "running") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.terminate_workers(), [0, 0]);
    assert_eq!(server.ended(&id).await["status"], "completed");
    let steps = server.steps(&id).await;
    assert_eq!((steps.len(), &steps[0]["attempt_number"]), (1, &json!(1)), "{steps:?}");
}

/// The metrics' values, added up over their labels.
async fn metrics(server: &TestServer) -> BTreeMap<String, f64> {
    let text = reqwest::get(server.url("/metrics")).await.unwrap().text().await.unwrap();
    let mut values = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let name = name.split('{').next().unwrap();
        *values.entry(name.to_owned()).or_default() += value.parse::<f64>().unwrap();
    }
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_there_and_counts_what_happened_once() {
    let server = TestServer::start(Backend::Embedded).await;
    let text = format!(
        "workflow counted {{\n step call: http_request {{ url = \"{}/echo\" }}\n step say: log {{ message = \"m\" }}\n}}\n",
        server.demo()
    );
    assert_eq!(server.publish(&text).await.0, 201);
    let start = json!({ "workflow": "counted", "idempotency_key": "k" });
    let id = server.post("/executions", start.clone()).await.1["id"].as_str().unwrap().to_owned();
    server.ended(&id).await;
    // A start that is there already starts nothing, though it is decided upon before that is known.
    assert_eq!(server.post("/executions", start).await.0, 200);
    server.ended(&server.execute("counted", json!({})).await).await;
    let found = metrics(&server).await;
    let value = |name: &str| found.get(name).copied().unwrap_or_else(|| panic!("no {name}: {found:?}"));
    assert_eq!(value("stepwell_executions_started_total"), 2.0);
    assert_eq!(value("stepwell_start_seconds_count"), 3.0);
    for name in ["stepwell_executions_ended_total", "stepwell_execution_seconds_count"] {
        assert_eq!(value(name), 2.0, "{name}");
    }
    for name in ["stepwell_steps_total", "stepwell_step_seconds_count"] {
        assert_eq!(value(name), 4.0, "{name}");
    }
    let commits = value("stepwell_commit_seconds_count");
    assert!(commits >= 4.0, "{commits}");
    assert_eq!((value("stepwell_commit_rows_count"), value("stepwell_commit_events_count")), (commits, commits));
    for name in [
        "stepwell_queue_depth",
        "stepwell_queue_claimed",
        "stepwell_queue_oldest_seconds",
        "stepwell_live_executions",
        "stepwell_worker_busy",
    ] {
        assert!(value(name) >= 0.0, "{name}");
    }
}
