//! The REST API. A handler extracts, calls one use case, and converts.
//!
//! Invariant: no rule of the product stands here; and every error, whatever it is, leaves as `application/problem+json`.

mod body;
mod demo;
mod dto;
mod error;
mod executions;
mod fields;
mod guard;
mod health;
mod known;
mod page;
mod params;
mod queues;
mod sources;
mod steps;
mod task_types;
mod tasks;
mod versions;
mod waits;
mod workflows;

use std::sync::Arc;

use poem::endpoint::make_sync;
use poem::http::header;
use poem::middleware::Compression;
use poem::web::CompressionAlgo;
use poem::{Endpoint, EndpointExt, IntoEndpoint, Response, Route};
use poem_openapi::{OpenApi, OpenApiService, Tags};

use crate::service::Service;
use crate::service::ports::Dispatcher;

pub use demo::demo_routes;

use executions::Executions;
use guard::{Capped, Guard};
use health::Health;
use known::Known;
use queues::Queues;
use sources::SourcesApi;
use steps::Steps;
use task_types::TaskTypes;
use tasks::Tasks;
use versions::Versions;
use waits::Waits;
use workflows::Workflows;

/// What gives the metrics as text, those of the queue as it is at that moment.
pub type MetricsRenderer = Arc<dyn Fn() -> futures::future::BoxFuture<'static, String> + Send + Sync>;

/// The largest body of a request where no setting says otherwise, in bytes.
pub const BODY_BYTES: usize = 4 * 1024 * 1024;

/// What the API is made of.
pub struct Parts {
    /// The use cases.
    pub service: Arc<Service>,
    /// The task queue, where it is outside this process: `/health` asks it.
    pub redis: Option<Arc<dyn Dispatcher>>,
    /// What gives the metrics as text.
    pub metrics: MetricsRenderer,
    /// Whether to serve the endpoints that the examples call.
    pub demo: bool,
    /// The hosts beside loopback that the server answers for, without port; none where it answers for any host and takes
    /// changes from any page. On loopback this must be a list, an empty one at least: it is what stops DNS rebinding.
    pub allowed_hosts: Option<Vec<String>>,
    /// The largest body of a request, in bytes.
    pub body_bytes: usize,
}

/// How the document groups endpoints.
#[derive(Tags)]
enum Tag {
    /// Workflows, their steps and their versions.
    Workflows,
    /// Workflow files: published, validated, watched.
    Sources,
    /// Task types, and the tasks that workers elsewhere take and carry out.
    Tasks,
    /// Executions: started, awaited, read, signalled, paused, resumed, retried, cancelled.
    Executions,
    /// What executions wait for: events from outside, and people's approvals.
    #[oai(rename = "Events and approvals")]
    Waits,
    /// Health, metrics and the task queues.
    Operations,
}

const TITLE: &str = "Stepwell";

const DESCRIPTION: &str = "Workflows as code, run durably.\n\n\
    Publish a `.flow` or `.toml` file with `PUT /api/v1/workflows/source`, start it with `POST /api/v1/executions`, and read \
    what happened at `/api/v1/executions/{id}/steps` and `/logs`.\n\n\
    Every error is `application/problem+json`: `type` is a stable name of its kind, `detail` says what happened, `errors` \
    names each wrong field, `diagnostics` each mistake of a source, `allowed` the states that allow a transition.";

fn document<T: OpenApi>(endpoints: T) -> OpenApiService<T, ()> {
    OpenApiService::new(endpoints, TITLE, env!("CARGO_PKG_VERSION")).description(DESCRIPTION).license("MIT").server("/")
}

fn endpoints(parts: &Parts) -> impl OpenApi + 'static {
    let service = &parts.service;
    let health = Health { service: service.clone(), redis: parts.redis.clone(), metrics: parts.metrics.clone() };
    (
        Workflows(service.clone()),
        Steps(service.clone()),
        Versions(service.clone()),
        SourcesApi(service.clone()),
        Executions(service.clone()),
        Waits(service.clone()),
        TaskTypes(service.clone()),
        Tasks(service.clone()),
        Queues(service.clone()),
        health,
    )
}

/// The whole server: the API, its document, Swagger UI, and with `demo` the endpoints that the examples call.
pub fn app(parts: Parts) -> impl Endpoint<Output = Response> + 'static {
    let api = document(endpoints(&parts));
    let known = Known::of(&api.spec());
    let routes = Route::new()
        .at("/", make_sync(|_| redirect("/docs")))
        .at("/docs", page(api.swagger_ui_html()))
        .at("/openapi.json", api.spec_endpoint());
    let api = Arc::new(api.into_endpoint().map_to_response());
    let routes = if parts.demo { routes.nest("/demo", demo_routes()) } else { routes };
    let routes =
        routes.nest_no_strip("/api", api.clone()).nest_no_strip("/health", api.clone()).nest_no_strip("/metrics", api);
    let compressed = Capped::new(routes, parts.body_bytes).with(Compression::new().algorithms([CompressionAlgo::GZIP]));
    Guard::new(compressed, parts.allowed_hosts.map(Into::into), known)
}

/// The OpenAPI document as JSON text, as `/openapi.json` gives it.
pub fn openapi_json() -> String {
    type Endpoints = (Workflows, Steps, Versions, SourcesApi, Executions, Waits, TaskTypes, Tasks, Queues, Health);
    let mut text = document(Described::<Endpoints>::default()).spec();
    text.push('\n');
    text
}

/// Endpoints that are described and not served: the document needs no service behind it.
struct Described<T>(std::marker::PhantomData<fn() -> T>);

impl<T> Default for Described<T> {
    fn default() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<T: OpenApi> OpenApi for Described<T> {
    fn meta() -> Vec<poem_openapi::registry::MetaApi> {
        T::meta()
    }

    fn register(registry: &mut poem_openapi::registry::Registry) {
        T::register(registry);
    }

    fn add_routes(
        self,
        _routes: &mut std::collections::HashMap<
            String,
            std::collections::HashMap<poem::http::Method, poem::endpoint::BoxEndpoint<'static>>,
        >,
    ) {
    }
}

fn redirect(to: &'static str) -> Response {
    Response::builder().status(poem::http::StatusCode::FOUND).header(header::LOCATION, to).finish()
}

fn page(html: String) -> impl Endpoint<Output = Response> + 'static {
    make_sync(move |_| Response::builder().content_type("text/html; charset=utf-8").body(html.clone()))
}
