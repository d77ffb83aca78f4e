//! Two servers over one PostgreSQL and one Redis: whatever is asked of either is done by the one whose it is.

use serde_json::{Value, json};

use super::server::{Backend, Program, Setup, TestServer};
use crate::kill::record::{get, rows};

const FLOW: &str = r#"
workflow asks {
  input order: string
  wait came: "carrier.accepted" where event.order == input.order timeout 1d
  approve word: "team" timeout 1d form { note: string }
  return { note: word.note, by: came.by }
}
workflow told {
  wait word: "word" timeout 1d
  return { word: word.text }
}
workflow only {
  input who: string
  concurrency key input.who limit 2
  sleep 300ms
}
workflow all {
  input who: string
  sleep 3s
}
"#;

/// Two servers, and where each answers.
pub(super) struct Two {
    pub server: TestServer,
    pub second: Program,
    bases: [String; 2],
}

impl Two {
    /// Both, once each has its share, with the workflows of these tests.
    pub async fn start() -> Self {
        let mut two = Self::of(Setup::on(Backend::Servers)).await;
        let (status, told) = two.at(0).publish(FLOW).await;
        assert_eq!(status, 201, "{told}");
        two
    }

    /// Both as they are to be set up, once each has its share.
    pub async fn of(setup: Setup) -> Self {
        let server = setup.start().await;
        let (second, base) = server.start_another();
        let two = Self { bases: [server.url(""), base], server, second };
        let database = two.server.database().await;
        let shared = "SELECT COUNT(*) AS nodes FROM (SELECT owner FROM partitions WHERE owner <> ''
             GROUP BY owner HAVING COUNT(*) = 32) AS halves";
        let look = async |_: &TestServer| (get::<i64>(&rows(&database, shared).await[0], "nodes") == 2).then_some(());
        two.server.until("each server has half of the partitions", look).await;
        two
    }

    /// The client, as it talks to one of the servers.
    pub fn at(&mut self, which: usize) -> &TestServer {
        self.server.talk_to(&self.bases[which].clone());
        &self.server
    }

    /// POSTs the same to both at once; what each answers.
    pub async fn post_to_both(&self, path: &str, body: &Value) -> [(u16, Value); 2] {
        let client = reqwest::Client::new();
        let post = async |base: &str| {
            let answer = client.post(format!("{base}/api/v1{path}")).json(body).send().await.unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap())
        };
        let [first, second] = &self.bases;
        tokio::join!(post(first), post(second)).into()
    }

    /// Publishes the same at both at once; what each answers.
    pub async fn publish_to_both(&self, text: &str) -> [(u16, Value); 2] {
        let client = reqwest::Client::new();
        let put = async |base: &str| {
            let request = client.put(format!("{base}/api/v1/workflows/source?notation=flow"));
            let answer = request.header("content-type", "text/plain").body(text.to_owned()).send().await.unwrap();
            (answer.status().as_u16(), answer.json().await.unwrap())
        };
        let [first, second] = &self.bases;
        tokio::join!(put(first), put(second)).into()
    }

    /// Asks something of an execution at one of the servers.
    pub async fn ask(&mut self, which: usize, id: &str, what: &str, body: Value) {
        let (status, told) = self.at(which).post(&format!("/executions/{id}/{what}"), body).await;
        assert_eq!(status, 200, "{what}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_of_the_other_server_is_done() {
    let mut two = Two::start().await;
    for here in 0..2 {
        let other = 1 - here;
        let order = format!("o{here}");
        let id = two.at(here).execute("asks", json!({ "order": order })).await;
        two.ask(other, &id, "pause", json!({})).await;
        let (status, told) = two.at(other).post(&format!("/executions/{id}/pause"), json!({})).await;
        assert_eq!(status, 409, "{told}");
        two.ask(other, &id, "resume", json!({})).await;
        let sent = json!({ "name": "carrier.accepted", "id": order, "data": { "order": order, "by": "north" } });
        let (status, event) = two.at(other).post("/events", sent).await;
        assert_eq!((status, &event["taken"][0]["execution_id"]), (202, &json!(id)), "{event}");
        let approval = async |server: &TestServer| {
            let list = server.get("/approvals?group=team").await;
            list["approvals"].as_array().unwrap().iter().find(|one| one["execution_id"] == *id).cloned()
        };
        let approval = two.at(other).until("the approval is open", approval).await;
        let path = format!("/approvals/{}/approve", approval["id"].as_str().unwrap());
        let (status, told) = two.at(other).post(&path, json!({ "form": { "note": "well" } })).await;
        assert_eq!(status, 200, "{told}");
        let ended = two.at(other).ended(&id).await;
        assert_eq!(ended["output_data"], json!({ "note": "well", "by": "north" }), "{ended}");

        let id = two.at(here).execute("told", json!({})).await;
        let (status, told) =
            two.at(other).post(&format!("/executions/{id}/signals/word"), json!({ "text": "hello" })).await;
        assert_eq!(status, 202, "{told}");
        assert_eq!(two.at(other).ended(&id).await["output_data"], json!({ "word": "hello" }));

        let id = two.at(here).execute("told", json!({})).await;
        two.ask(other, &id, "cancel", json!({})).await;
        assert_eq!(two.at(other).ended(&id).await["status"], "cancelled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_taken_once_though_both_servers_are_told_of_it() {
    let mut two = Two::start().await;
    let ids = [two.at(0).execute("told", json!({})).await, two.at(1).execute("told", json!({})).await];
    let sent = json!({ "name": "word", "id": "one", "data": { "text": "once" } });
    let answers = two.post_to_both("/events", &sent).await;
    assert!(answers.iter().all(|(status, _)| *status < 300), "{answers:?}");
    two.at(1).ended(&ids[0]).await;
    let other = two.at(0).get(&format!("/executions/{}", ids[1])).await;
    assert_eq!(other["status"], "running", "the oldest took it, and no other");
    let sent = json!({ "name": "word", "id": "two", "data": { "text": "again" } });
    let (_, event) = two.at(0).post("/events", sent).await;
    assert_eq!(event["taken"][0]["execution_id"], json!(ids[1]), "{event}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_run_on_both_servers_than_the_limit_allows() {
    let mut two = Two::start().await;
    for (workflow, number, most) in [("only", 8, 2), ("all", 4, 4)] {
        let mut ids = Vec::new();
        for n in 0..number {
            ids.push(two.at(n % 2).execute(workflow, json!({ "who": "a" })).await);
        }
        for id in &ids {
            let ended = two.at(0).ended(id).await;
            assert_eq!(ended["status"], "completed", "{ended}");
        }
        let sql =
            format!("SELECT started_at, completed_at FROM workflow_executions WHERE workflow_name = '{workflow}'");
        let rows = rows(&two.server.database().await, &sql).await;
        let spans: Vec<(i64, i64)> =
            rows.iter().map(|row| (get(row, "started_at"), get(row, "completed_at"))).collect();
        let at = |moment: &i64| spans.iter().filter(|(from, to)| from <= moment && moment < to).count();
        let at_once = spans.iter().map(|(from, _)| at(from)).max().unwrap();
        assert!(if most == 2 { at_once <= 2 } else { at_once == most }, "{workflow}: {at_once} at once, {spans:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_at_one_server_is_started_at_the_other_a_moment_later() {
    let mut two = Two::start().await;
    let version = |n: u32| format!("workflow grows {{ return {{ version: {n} }} }}");
    for n in 1..=3 {
        let (status, told) = two.at(0).publish(&version(n)).await;
        assert_eq!(status, 201, "{told}");
        // Each look keeps the version that it found, so that only what tells of a newer one brings it about.
        let look = async |server: &TestServer| {
            let id = server.execute("grows", json!({})).await;
            (server.ended(&id).await["output_data"] == json!({ "version": n })).then_some(())
        };
        two.at(1).until("the other server starts the new version", look).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_while_its_server_dies_is_done_by_the_one_that_takes_over() {
    let mut two = Two::start().await;
    let id = two.at(1).execute("told", json!({})).await;
    two.second.signal("KILL");
    two.ask(0, &id, "pause", json!({})).await;
    two.ask(0, &id, "resume", json!({})).await;
    let sent = json!({ "name": "word", "id": "one", "data": { "text": "late" } });
    let send = async |server: &TestServer| {
        let (status, _) = server.post("/events", sent.clone()).await;
        (status < 300).then_some(())
    };
    two.at(0).until("the event is recorded", send).await;
    assert_eq!(two.at(0).ended(&id).await["output_data"], json!({ "word": "late" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_to_one_server_reaches_the_waits_of_both() {
    let mut two = Two::start().await;
    let ids = [two.at(0).execute("told", json!({})).await, two.at(1).execute("told", json!({})).await];
    let sent = json!({ "name": "word", "id": "one", "data": { "text": "all" }, "broadcast": true });
    let (status, event) = two.at(0).post("/events", sent).await;
    assert_eq!((status, event["taken"].as_array().unwrap().len()), (202, 2), "{event}");
    for id in &ids {
        assert_eq!(two.at(1).ended(id).await["output_data"], json!({ "word": "all" }));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_an_end_is_answered_though_the_server_dies_that_has_it() {
    let mut two = Two::start().await;
    let id = two.at(1).execute("all", json!({ "who": "a" })).await;
    let began = std::time::Instant::now();
    let url = format!("{}/api/v1/executions/{id}?wait=120s", two.bases[0]);
    let waits = tokio::spawn(async move { reqwest::get(url).await.unwrap().json::<Value>().await.unwrap() });
    two.second.signal("KILL");
    let ended = waits.await.unwrap();
    assert_eq!(ended["status"], "completed", "{ended}");
    assert!(began.elapsed() < std::time::Duration::from_secs(110), "it waited for the whole time");
}
