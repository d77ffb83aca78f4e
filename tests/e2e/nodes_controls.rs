//! Refusals and retries, asked of the server whose the execution is not, and of both at once: done once, and answered as by
//! the one whose it is.

use serde_json::{Value, json};

use super::nodes::Two;
use super::retries::{attempts, numbered};
use super::server::TestServer;
use super::undos::{Agency, states, trip};
use crate::kill::record::{get, rows};

/// What each answer said, without what differs from one execution to the next.
type Told = Vec<(u16, String)>;

fn told((status, mut body): (u16, Value), id: &str) -> (u16, String) {
    for (key, value) in body.as_object_mut().unwrap() {
        if matches!(&**key, "created_at" | "updated_at" | "started_at" | "completed_at" | "since" | "timeout_at") {
            *value = json!(value.is_string());
        }
    }
    (status, body.to_string().replace(id, "ID"))
}

impl Two {
    /// POSTs to each of these servers at once: one does it, the others refuse; the answer of the one.
    async fn once(&mut self, at: &[usize], path: &str, body: &Value) -> (u16, Value) {
        let [one] = at else {
            let (done, refused): (Vec<_>, Vec<_>) =
                self.post_to_both(path, body).await.into_iter().partition(|(status, _)| *status == 200);
            assert!(done.len() == 1 && refused[0].0 == 409, "{done:?} {refused:?}");
            return done.into_iter().next().unwrap();
        };
        self.at(*one).post(path, body.clone()).await
    }

    /// What was asked of an execution, as it is kept.
    async fn kept(&self, id: &str) -> Vec<Value> {
        let sql = format!("SELECT control FROM execution_controls WHERE execution_id = '{id}' ORDER BY seq");
        let rows = rows(&self.server.database().await, &sql).await;
        rows.iter().map(|row| serde_json::from_str(&get::<String>(row, "control")).unwrap()).collect()
    }

    /// Waits until no message is left between the servers.
    async fn nothing_is_left(&self) {
        let database = self.server.database().await;
        let left = async |_: &TestServer| {
            let left = rows(&database, "SELECT COUNT(*) AS left FROM inbox").await;
            (get::<i64>(&left[0], "left") == 0).then_some(())
        };
        self.server.until("every message is done, and its answer read", left).await;
    }
}

/// Whom to ask of an execution of the first server: itself, the other, and both at once.
const ASKED: [&[usize]; 3] = [&[0], &[1], &[0, 1]];

fn all_alike(all: &[Told]) {
    assert!(all.iter().all(|told| *told == all[0]), "{all:#?}");
}

async fn refuse(two: &mut Two, asked: &[usize]) -> Told {
    let id = two.at(0).execute("decides", json!({})).await;
    let open = async |server: &TestServer| {
        let list = server.get("/approvals?group=team").await;
        list["approvals"].as_array().unwrap().iter().find(|one| one["execution_id"] == *id).cloned()
    };
    let approval = two.at(asked[0]).until("the approval is open", open).await;
    let path = format!("/approvals/{}/refuse", approval["id"].as_str().unwrap());
    let refusal = json!({ "reason": "too dear", "by": "ada" });
    let first = two.once(asked, &path, &refusal).await;
    assert_eq!((first.0, &first.1["status"]), (200, &json!("failed")), "{first:?}");
    let ended = two.at(asked[0]).ended(&id).await;
    assert_eq!((&ended["status"], &ended["error_details"]["code"]), (&json!("failed"), &json!("APPROVAL_REFUSED")));
    assert!(ended["error_message"].as_str().unwrap().contains("refused by ada: too dear"), "{ended}");
    let again = two.at(asked[0]).post(&path, refusal).await;
    assert_eq!(again.0, 409, "{again:?}");
    let kept = two.kept(&id).await;
    assert!(kept.len() == 1 && kept[0]["decide"]["approved"] == false, "{kept:?}");
    [first, (200, ended), again].map(|answer| told(answer, &id)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_refused_once_whichever_server_is_asked() {
    let mut two = Two::start().await;
    let text = "workflow decides {\n  approve word: \"team\" timeout 1d form { note: string }\n  return word.note\n}\n";
    assert_eq!(two.at(1).publish(text).await.0, 201);
    let mut all = Vec::new();
    for asked in ASKED {
        all.push(refuse(&mut two, asked).await);
    }
    all_alike(&all);
    two.nothing_is_left().await;
}

async fn retry(two: &mut Two, asked: &[usize], agency: &Agency) -> Told {
    let before = agency.times("call");
    agency.refuse("call");
    let id = two.at(0).execute("calls", json!({})).await;
    let failed = two.at(asked[0]).ended(&id).await;
    assert_eq!((&failed["status"], &failed["error_details"]["status"]), (&json!("failed"), &json!(409)), "{failed}");
    agency.hold("call");
    let path = format!("/executions/{id}/retry");
    let first = two.once(asked, &path, &Value::Null).await;
    assert_eq!((first.0, &first.1["status"], &first.1["error_details"]), (200, &json!("running"), &Value::Null));
    let again = two.at(asked[0]).post(&path, Value::Null).await;
    assert_eq!(again.0, 409, "it runs: {again:?}");
    agency.do_all();
    let ended = two.at(asked[0]).ended(&id).await;
    assert_eq!((&ended["status"], &ended["output_data"]), (&json!("completed"), &json!(200)), "{ended}");
    assert_eq!(attempts(two.at(asked[0]), &id, "call").await, numbered(&["failed", "completed"]));
    assert_eq!((agency.times("call") - before, two.kept(&id).await), (2, vec![json!("retry")]));
    [first, again, (200, ended)].map(|answer| told(answer, &id)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_execution_is_retried_once_whichever_server_is_asked() {
    let (mut two, agency) = (Two::start().await, Agency::start());
    let step = format!("step call: http_request {{ url = \"{}/call\" }}", agency.url);
    assert_eq!(two.at(1).publish(&format!("workflow calls {{\n  {step}\n  return call.status\n}}\n")).await.0, 201);
    let mut all = Vec::new();
    for asked in ASKED {
        all.push(retry(&mut two, asked, &agency).await);
    }
    all_alike(&all);
    two.nothing_is_left().await;
}

async fn retry_undo(two: &mut Two, asked: &[usize], agency: &Agency) -> Told {
    let before = agency.times("no-hotel");
    agency.refuse("no-hotel");
    let id = two.at(0).execute("trip", json!({})).await;
    let failed = two.at(asked[0]).ended(&id).await;
    assert_eq!((&failed["status"], &failed["compensation"]), (&json!("failed"), &json!("failed")), "{failed}");
    agency.hold("no-hotel");
    let path = format!("/executions/{id}/compensation/retry");
    let first = two.once(asked, &path, &Value::Null).await;
    assert_eq!((first.0, &first.1["compensation"]), (200, &json!("running")), "{first:?}");
    agency.do_all();
    let ended = two.at(asked[0]).ended(&id).await;
    assert_eq!((&ended["status"], &ended["compensation"]), (&json!("failed"), &json!("done")), "{ended}");
    assert_eq!(ended["error_details"]["code"], "SOLD_OUT", "{ended}");
    let again = two.at(asked[0]).post(&path, Value::Null).await;
    assert_eq!(again.0, 409, "nothing is left to be undone: {again:?}");
    assert_eq!(states(two.at(asked[0]), &id, "hotel").await, ["failed", "completed"]);
    for step in ["flight", "car"] {
        assert_eq!(states(two.at(asked[0]), &id, step).await, ["completed"], "{step}");
    }
    assert_eq!((agency.times("no-hotel") - before, two.kept(&id).await), (2, vec![json!("retry_undo")]));
    [first, (200, ended), again].map(|answer| told(answer, &id)).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_that_failed_is_made_again_once_whichever_server_is_asked() {
    let (mut two, agency) = (Two::start().await, Agency::start());
    assert_eq!(two.at(1).publish(&trip(&agency)).await.0, 201);
    let mut all = Vec::new();
    for asked in ASKED {
        all.push(retry_undo(&mut two, asked, &agency).await);
    }
    all_alike(&all);
    two.nothing_is_left().await;
}
