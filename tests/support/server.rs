//! A whole server in memory of the test: the API over a database of its own, a node and the in-process queue.

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::StatusCode;
use poem::test::{TestClient, TestRequestBuilder};
use poem::{Endpoint, EndpointExt};
use serde_json::{Map, Value, json};
use stepwell::queue::LocalQueue;
use stepwell::runtime::{Node, Options, Ports, SystemClock, SystemEntropy};
use stepwell::service::ports::{Dispatcher, NoFaults, NoNudges, Store};
use stepwell::service::{Limits, Parts, Service};
use stepwell::{api, lang, store};

/// A server and what keeps it.
pub struct Server {
    pub service: Arc<Service>,
    pub node: Arc<Node>,
    client: TestClient<BoxEndpoint<'static>>,
    _folder: Option<tempfile::TempDir>,
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: poem::http::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// A problem of this status; its detail, and its errors as `path: message`.
    #[track_caller]
    pub fn problem(&self, status: u16) -> (String, Vec<String>) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let json = self.json();
        assert_eq!(json["status"], status);
        assert!(json["type"].as_str().unwrap().starts_with("urn:stepwell:problem:"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        let errors = errors.iter().map(|error| format!("{}: {}", text(&error["path"]), text(&error["message"])));
        (text(&json["detail"]), errors.collect())
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with_settings(Map::new()).await
    }

    pub async fn with_settings(settings: Map<String, Value>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = store::Database::open(&store::Options::new(url)).await.unwrap();
        Self { _folder: Some(folder), ..Self::over(store, None, settings).await }
    }

    /// A server whose use cases have these limits.
    pub async fn with_limits(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let store = store::Database::open(&store::Options::new(url)).await.unwrap();
        Self { _folder: Some(folder), ..Self::made_of(store, None, Map::new(), limits).await }
    }

    /// A server over a store, which `/health` asks, and a queue that it asks beside.
    pub async fn over(store: Arc<dyn Store>, redis: Option<Arc<dyn Dispatcher>>, settings: Map<String, Value>) -> Self {
        Self::made_of(store, redis, settings, Limits::default()).await
    }

    async fn made_of(
        store: Arc<dyn Store>,
        redis: Option<Arc<dyn Dispatcher>>,
        settings: Map<String, Value>,
        limits: Limits,
    ) -> Self {
        let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy));
        let queue = LocalQueue::new();
        let ports = Ports {
            store: store.clone(),
            queue: queue.clone(),
            clock: clock.clone(),
            nudges: Arc::new(NoNudges),
            entropy: entropy.clone(),
            faults: Arc::new(NoFaults),
        };
        let node = Node::start(Options::default(), ports).await.unwrap();
        let task_types = lang::builtin_task_types();
        let runtime = node.clone();
        let (leases, queue) = (queue.clone(), redis.clone().unwrap_or(queue));
        let parts = Parts { store, runtime, queue, leases, clock, entropy, task_types, settings, limits };
        let service = Arc::new(Service::new(parts));
        let app = api::app(api::Parts {
            service: service.clone(),
            redis,
            metrics: Arc::new(|| Box::pin(async { "stepwell_up 1\n".to_owned() })),
            demo: false,
            allowed_hosts: Some(Vec::new()),
            body_bytes: api::BODY_BYTES,
        });
        Self { service, node, client: TestClient::new(app.boxed()), _folder: None }
    }

    pub async fn send(&self, request: TestRequestBuilder<'_, impl Endpoint>) -> Answer {
        let response = request.send().await.0;
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.into_body().into_string().await.unwrap() }
    }

    pub fn client(&self) -> &TestClient<BoxEndpoint<'static>> {
        &self.client
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.client.get(path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.client.post(path).body_json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.client.patch(path).body_json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.client.delete(path)).await
    }

    /// Publishes a source in the flat notation.
    pub async fn publish(&self, text: &str) -> Answer {
        self.send(self.client.put("/api/v1/workflows/source?notation=toml").body(text.to_owned())).await
    }

    /// Starts a workflow and gives the execution's id.
    pub async fn run(&self, workflow: &str, input: Value) -> String {
        let started = self.post("/api/v1/executions", json!({ "workflow": workflow, "input_data": input })).await;
        started.ok(201)["id"].as_str().unwrap().to_owned()
    }
}
