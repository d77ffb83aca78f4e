//! Undos over HTTP: newest first and once each though the server dies among them, and one that fails shows and is tried again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use poem::http::{HeaderMap, StatusCode};
use poem::listener::TcpAcceptor;
use poem::web::{Data, Path};
use poem::{EndpointExt, Route, Server, handler};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::server::TestServer;

on_both![
    undos_run_newest_first_and_once_each_over_a_restart_in_the_middle,
    an_undo_that_fails_shows_and_is_made_again_when_it_is_told_to,
];

/// What is booked and given back, in this process, which outlives the servers.
pub(super) struct Agency {
    pub url: String,
    desk: Arc<Desk>,
    serving: AbortHandle,
}

/// What was asked, and what becomes of it.
#[derive(Default)]
struct Desk {
    /// Each request: what it asks, and its `Idempotency-Key`.
    asked: Mutex<Vec<(String, String)>>,
    /// What gets no answer for now.
    held: Mutex<BTreeSet<String>>,
    /// What is refused.
    refused: Mutex<BTreeSet<String>>,
}

impl Agency {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let desk = Arc::new(Desk::default());
        let app = Route::new().at("/:what", answer.data(desk.clone()));
        let server = Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap());
        let serving = tokio::spawn(async move { server.run(app).await.unwrap() }).abort_handle();
        Self { url, desk, serving }
    }

    /// From now on this is given no answer.
    pub fn hold(&self, what: &str) {
        self.desk.held.lock().unwrap().insert(what.to_owned());
    }

    /// From now on this is refused.
    pub fn refuse(&self, what: &str) {
        self.desk.refused.lock().unwrap().insert(what.to_owned());
    }

    /// From now on everything is answered, and what waits for an answer gets one.
    pub fn do_all(&self) {
        // In this order: what was held is not to be refused.
        self.desk.refused.lock().unwrap().clear();
        self.desk.held.lock().unwrap().clear();
    }

    /// How often this was asked, whatever its key.
    pub fn times(&self, what: &str) -> usize {
        self.desk.asked.lock().unwrap().iter().filter(|(asked, _)| asked == what).count()
    }

    /// What was asked, in order; a request that came again with its key counts once.
    fn asked(&self) -> Vec<String> {
        let mut keys = BTreeSet::new();
        let asked = self.desk.asked.lock().unwrap();
        asked.iter().filter(|(_, key)| keys.insert(key.clone())).map(|(what, _)| what.clone()).collect()
    }
}

impl Drop for Agency {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[handler]
async fn answer(Path(what): Path<String>, Data(desk): Data<&Arc<Desk>>, headers: &HeaderMap) -> StatusCode {
    let key = headers.get("idempotency-key").unwrap().to_str().unwrap().to_owned();
    desk.asked.lock().unwrap().push((what.clone(), key));
    while desk.held.lock().unwrap().contains(&what) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if desk.refused.lock().unwrap().contains(&what) { StatusCode::CONFLICT } else { StatusCode::OK }
}

/// A trip that is booked and then sold out.
pub(super) fn trip(agency: &Agency) -> String {
    let book = |what: &str| {
        let url = &agency.url;
        format!(
            "  step {what}: http_request {{ url = \"{url}/{what}\", undo http_request {{ url = \"{url}/no-{what}\" }} }}\n"
        )
    };
    let steps: String = ["flight", "hotel", "car"].map(book).concat();
    format!("workflow trip {{\n{steps}  fail \"full\" code \"SOLD_OUT\"\n}}\n")
}

/// Publishes the trip and starts it.
async fn start(server: &TestServer, agency: &Agency) -> String {
    let (status, body) = server.publish(&trip(agency)).await;
    assert_eq!(status, 201, "{body}");
    server.execute("trip", json!({})).await
}

/// The attempts at the undo of a step, in order.
async fn undone(server: &TestServer, id: &str, step: &str) -> Vec<Value> {
    let name = format!("{step}.undo");
    server.steps(id).await.into_iter().filter(|row| row["step_name"] == name).collect()
}

/// The states of the attempts at the undo of a step.
pub(super) async fn states(server: &TestServer, id: &str, step: &str) -> Vec<String> {
    undone(server, id, step).await.iter().map(|row| row["status"].as_str().unwrap().to_owned()).collect()
}

async fn undos_run_newest_first_and_once_each_over_a_restart_in_the_middle(mut server: TestServer) {
    let agency = Agency::start();
    agency.hold("no-hotel");
    let id = start(&server, &agency).await;
    let begun = ["flight", "hotel", "car", "no-car", "no-hotel"];
    server.until("the undo in the middle is under way", async |_| (agency.asked() == begun).then_some(())).await;
    let looks = server.get(&format!("/executions/{id}")).await;
    assert_eq!((&looks["status"], &looks["compensation"]), (&json!("running"), &json!("running")), "{looks}");
    server.kill();
    server.restart();
    agency.do_all();
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["compensation"]), (&json!("failed"), &json!("done")), "{ended}");
    assert_eq!(ended["error_details"]["code"], "SOLD_OUT", "{ended}");
    assert_eq!(agency.asked(), ["flight", "hotel", "car", "no-car", "no-hotel", "no-flight"]);
    for step in ["flight", "hotel", "car"] {
        let completed = states(&server, &id, step).await.iter().filter(|state| *state == "completed").count();
        assert_eq!(completed, 1, "{step}");
    }
    assert_eq!(
        states(&server, &id, "car").await,
        ["completed"],
        "what was undone before the restart is not made again"
    );
}

async fn an_undo_that_fails_shows_and_is_made_again_when_it_is_told_to(server: TestServer) {
    let agency = Agency::start();
    agency.refuse("no-hotel");
    let id = start(&server, &agency).await;
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["compensation"]), (&json!("failed"), &json!("failed")), "{ended}");
    assert_eq!(ended["error_details"]["code"], "SOLD_OUT", "its own error stands: {ended}");
    let attempts = undone(&server, &id, "hotel").await;
    let shown = (&attempts[0]["status"], &attempts[0]["error_details"]["status"]);
    assert_eq!((attempts.len(), shown), (1, (&json!("failed"), &json!(409))), "{attempts:?}");
    assert_eq!(states(&server, &id, "flight").await, ["completed"], "one that fails stops no other");
    let listed = server.get("/executions?workflow=trip").await;
    assert_eq!(listed["executions"][0]["compensation"], "failed", "{listed}");
    let (status, told) = server.post(&format!("/executions/{id}/retry"), Value::Null).await;
    assert!(status == 409 && told["detail"].as_str().unwrap().contains("has run its `finally` or its undos"), "{told}");

    agency.do_all();
    let again = format!("/executions/{id}/compensation/retry");
    let (status, told) = server.post(&again, Value::Null).await;
    assert_eq!(status, 200, "{told}");
    let ended = server.ended(&id).await;
    assert_eq!((&ended["status"], &ended["compensation"]), (&json!("failed"), &json!("done")), "{ended}");
    assert_eq!(ended["error_details"]["code"], "SOLD_OUT", "{ended}");
    let made = [("flight", &["completed"][..]), ("hotel", &["failed", "completed"]), ("car", &["completed"])];
    for (step, wanted) in made {
        assert_eq!(states(&server, &id, step).await, wanted, "{step}");
    }
    assert_eq!(agency.asked(), ["flight", "hotel", "car", "no-car", "no-hotel", "no-flight"]);
    let (status, told) = server.post(&again, Value::Null).await;
    assert_eq!(status, 409, "nothing is left to be undone: {told}");
}
