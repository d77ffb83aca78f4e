//! The stub endpoints that the examples call: a shop, its payment, its carrier, and some that misbehave on request.
//!
//! Invariant: deterministic. The same call gives the same answer, also after a restart; what counts calls counts them by
//! `Idempotency-Key` or by id. Nothing is stored but a bounded number of answers and counts, and nothing is called.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poem::http::{HeaderMap, Method, StatusCode, Uri};
use poem::web::{Data, Json, Path, Query};
use poem::{EndpointExt, IntoResponse, Response, Route, get, handler, post};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How many answers, and how many counts, are remembered; the oldest go first.
const MAX_REMEMBERED: usize = 10_000;
/// The longest that `/slow` takes.
const MAX_SLOW: Duration = Duration::from_secs(60);

/// The demo's endpoints, to be nested at `/demo`.
///
/// - `POST /validate {order_id}`: `{ok, reason}`; ids that begin with `bad` are not valid
/// - `POST /charges {order, amount}`: `{id, state, amount, order}`; `review` from 1,000 on, 402 from 100,000 on
/// - `POST /charges/{id}/refund`: `{id, charge, state}`
/// - `GET|POST /labels/{id}`: `{id, order}`
/// - `GET /carrier/{id}?after=N`: `{id, done, polls}`; done at the poll after `N` (3) others
/// - `GET /orders/{id}`: `{id, customer, items, total}`
/// - `GET /users`: `{users}`; `POST /users {name, email}`: 201 `{id, name, email}`
/// - `GET /weather/{city}`: `{city, celsius, sky}`
/// - any `/flaky?times=N`: 503 the first `N` (2) times for each `Idempotency-Key`, then `{ok, calls}`
/// - any `/slow?ms=N`: waits, then `{ms}`
/// - any `/echo`: `{method, path, query, headers, body}`
pub fn demo_routes() -> Route {
    let routes = Route::new()
        .at("/validate", post(validate))
        .at("/charges", post(charge_make))
        .at("/charges/:id/refund", post(refund))
        .at("/labels/:id", get(label_print).post(label_print))
        .at("/carrier/:id", get(carrier_poll))
        .at("/orders/:id", get(order_find))
        .at("/users", get(user_list).post(user_add))
        .at("/weather/:city", get(weather_show))
        .at("/flaky", flaky)
        .at("/slow", slow)
        .at("/echo", echo);
    Route::new().nest("/", routes.data(Arc::new(Demo::default())))
}

type Answer = (StatusCode, Value);

/// What the demo remembers.
#[derive(Default)]
struct Demo {
    answers: Mutex<Remembered<Answer>>,
    counts: Mutex<Remembered<u64>>,
}

/// A map that forgets its oldest entries.
struct Remembered<T> {
    entries: HashMap<String, T>,
    order: VecDeque<String>,
}

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<T> Remembered<T> {
    fn entry(&mut self, key: String, first: impl FnOnce() -> T) -> &mut T {
        if !self.entries.contains_key(&key) {
            self.order.push_back(key.clone());
            if self.order.len() > MAX_REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
        }
        self.entries.entry(key).or_insert_with(first)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Demo {
    /// The answer of the first call with this `Idempotency-Key` to this place; without a key, a fresh one.
    fn once(&self, place: &str, headers: &HeaderMap, answer: impl FnOnce() -> Answer) -> Response {
        let (status, body) = match key(headers) {
            Some(key) => lock(&self.answers).entry(format!("{place} {key}"), answer).clone(),
            None => answer(),
        };
        Json(body).with_status(status).into_response()
    }

    /// How often this was called for `what`, this call counted.
    fn count(&self, what: String) -> u64 {
        let mut counts = lock(&self.counts);
        let count = counts.entry(what, || 0);
        *count += 1;
        *count
    }
}

fn key(headers: &HeaderMap) -> Option<&str> {
    headers.get("idempotency-key").and_then(|key| key.to_str().ok())
}

/// A short id that is a function of what it names.
fn id(prefix: &str, of: &str) -> String {
    let digest = Sha256::digest(of.as_bytes());
    digest.iter().take(6).fold(format!("{prefix}_"), |id, byte| format!("{id}{byte:02x}"))
}

/// A number below `below` that is a function of `of`.
fn pick(of: &str, below: u8) -> u8 {
    Sha256::digest(of.as_bytes())[0] % below
}

/// A field as text, whether it came as text or as a number.
fn text(body: &Value, field: &str) -> String {
    match body.get(field) {
        Some(Value::String(text)) => text.clone(),
        Some(other) if !other.is_null() => other.to_string(),
        _ => String::new(),
    }
}

#[handler]
fn validate(Json(body): Json<Value>) -> Json<Value> {
    let order = text(&body, "order_id");
    let reason = match &*order {
        "" => Some("no order_id".to_owned()),
        bad if bad.starts_with("bad") => Some(format!("order {bad} is not known")),
        _ => None,
    };
    Json(json!({ "ok": reason.is_none(), "order_id": order, "reason": reason }))
}

#[handler]
fn charge_make(Data(demo): Data<&Arc<Demo>>, headers: &HeaderMap, Json(body): Json<Value>) -> Response {
    demo.once("charges", headers, || {
        let order = text(&body, "order");
        let amount = body.get("amount").and_then(Value::as_f64).unwrap_or(0.0);
        if amount >= 100_000.0 {
            return (StatusCode::PAYMENT_REQUIRED, json!({ "error": "card_declined", "order": order }));
        }
        let state = if amount >= 1_000.0 { "review" } else { "ok" };
        let id = id("ch", &format!("{order} {}", key(headers).unwrap_or_default()));
        (StatusCode::OK, json!({ "id": id, "order": order, "amount": body.get("amount"), "state": state }))
    })
}

#[handler]
fn refund(Data(demo): Data<&Arc<Demo>>, headers: &HeaderMap, Path(charge): Path<String>) -> Response {
    demo.once("refund", headers, || {
        (StatusCode::OK, json!({ "id": id("re", &charge), "charge": charge, "state": "refunded" }))
    })
}

#[handler]
fn label_print(Path(order): Path<String>) -> Json<Value> {
    Json(json!({ "id": id("lb", &order), "order": order }))
}

#[derive(Deserialize)]
struct CarrierQuery {
    /// How many polls find it under way.
    #[serde(default = "three")]
    after: u64,
}

fn three() -> u64 {
    3
}

#[handler]
fn carrier_poll(
    Data(demo): Data<&Arc<Demo>>,
    Path(parcel): Path<String>,
    Query(query): Query<CarrierQuery>,
) -> Json<Value> {
    let polls = demo.count(format!("carrier {parcel}"));
    Json(json!({ "id": parcel, "done": polls > query.after, "polls": polls }))
}

#[handler]
fn order_find(Path(order): Path<String>) -> Response {
    if order.starts_with("missing") {
        let body = json!({ "error": format!("there is no order {order}") });
        return Json(body).with_status(StatusCode::NOT_FOUND).into_response();
    }
    let items: Vec<Value> = (1..=u64::from(1 + pick(&order, 3)))
        .map(|n| json!({ "sku": format!("sku-{n}"), "qty": n, "price": 5 * n }))
        .collect();
    let total: u64 = (1..=items.len() as u64).map(|n| 5 * n * n).sum();
    Json(json!({ "id": order, "customer": id("cu", &order), "items": items, "total": total })).into_response()
}

#[handler]
fn user_list() -> Json<Value> {
    let names = ["Ada", "Grace", "Edsger", "Barbara", "Niklaus"];
    let user = |name: &str| {
        let email = format!("{}@example.com", name.to_ascii_lowercase());
        json!({ "id": id("us", &email), "name": name, "email": email, "active": name != "Niklaus" })
    };
    Json(json!({ "users": names.map(user) }))
}

#[handler]
fn user_add(Data(demo): Data<&Arc<Demo>>, headers: &HeaderMap, Json(body): Json<Value>) -> Response {
    demo.once("users", headers, || {
        let email = text(&body, "email");
        let user = json!({ "id": id("us", &email), "name": body.get("name"), "email": email, "active": true });
        (StatusCode::CREATED, user)
    })
}

#[handler]
fn weather_show(Path(city): Path<String>) -> Json<Value> {
    let sky = ["clear", "cloudy", "rain", "snow"][usize::from(pick(&format!("{city} sky"), 4))];
    Json(json!({ "city": city, "celsius": pick(&city, 35), "sky": sky }))
}

#[derive(Deserialize)]
struct FlakyQuery {
    /// How many calls fail.
    #[serde(default = "two")]
    times: u64,
}

fn two() -> u64 {
    2
}

#[handler]
fn flaky(Data(demo): Data<&Arc<Demo>>, headers: &HeaderMap, Query(query): Query<FlakyQuery>) -> Response {
    let calls = demo.count(format!("flaky {}", key(headers).unwrap_or_default()));
    if calls > query.times {
        return Json(json!({ "ok": true, "calls": calls })).into_response();
    }
    let body = json!({ "error": format!("call {calls} of {} that fail", query.times) });
    Json(body).with_status(StatusCode::SERVICE_UNAVAILABLE).with_header("retry-after", "0").into_response()
}

#[derive(Deserialize)]
struct SlowQuery {
    /// How long to wait, in milliseconds.
    #[serde(default)]
    ms: u64,
}

#[handler]
async fn slow(Query(query): Query<SlowQuery>) -> Json<Value> {
    tokio::time::sleep(Duration::from_millis(query.ms).min(MAX_SLOW)).await;
    Json(json!({ "ms": query.ms }))
}

#[handler]
fn echo(
    method: Method,
    uri: &Uri,
    headers: &HeaderMap,
    Query(query): Query<HashMap<String, String>>,
    body: String,
) -> Json<Value> {
    let headers: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned().into()))
        .collect();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap_or(Value::String(body)) };
    Json(json!({ "method": method.as_str(), "path": uri.path(), "query": query, "headers": headers, "body": body }))
}

#[cfg(test)]
mod tests {
    use poem::test::TestClient;

    use super::*;

    async fn json_of(response: poem::test::TestResponse) -> Value {
        response.json().await.value().deserialize()
    }

    #[tokio::test]
    async fn the_same_idempotency_key_gives_the_same_answer() {
        let client = TestClient::new(demo_routes());
        let charge = |key: &'static str, amount: u32| {
            client.post("/charges").header("idempotency-key", key).body_json(&json!({ "order": "o", "amount": amount }))
        };
        let first = json_of(charge("k1", 10).send().await).await;
        assert_eq!(first, json_of(charge("k1", 5000).send().await).await);
        assert_eq!("review", json_of(charge("k2", 5000).send().await).await["state"]);
        charge("k3", 200_000).send().await.assert_status(StatusCode::PAYMENT_REQUIRED);
    }

    #[tokio::test]
    async fn flaky_fails_as_often_as_asked_for_each_key() {
        let client = TestClient::new(demo_routes());
        for (key, status) in [("a", 503), ("b", 503), ("a", 200), ("b", 200)] {
            let response = client.get("/flaky").query("times", &1).header("idempotency-key", key).send().await;
            assert_eq!(response.0.status(), status, "{key}");
        }
    }

    #[tokio::test]
    async fn the_carrier_is_done_after_some_polls() {
        let client = TestClient::new(demo_routes());
        for done in [false, false, true, true] {
            let answer = json_of(client.get("/carrier/p1").query("after", &2).send().await).await;
            assert_eq!(answer["done"], done);
        }
        assert_eq!(json_of(client.get("/carrier/p2").send().await).await["done"], false);
    }

    #[tokio::test]
    async fn echo_shows_the_request() {
        let client = TestClient::new(demo_routes());
        let answer = json_of(client.put("/echo?a=1").body_json(&json!({ "b": 2 })).send().await).await;
        assert_eq!(
            (&answer["method"], &answer["query"]["a"], &answer["body"]["b"]),
            (&json!("PUT"), &json!("1"), &json!(2))
        );
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut remembered = Remembered::default();
        for n in 0..=MAX_REMEMBERED {
            remembered.entry(n.to_string(), || n);
        }
        assert_eq!(remembered.entries.len(), MAX_REMEMBERED);
        assert!(!remembered.entries.contains_key("0"));
    }
}
