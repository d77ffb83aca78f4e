//! The control-flow patterns that take several executions: see `docs/patterns.md`. The others are in `tests/patterns/`.

use serde_json::{Value, json};

use super::server::TestServer;

on_both![
    p09_structured_discriminator,
    p12_multiple_instances_without_synchronization,
    p15_multiple_instances_without_a_priori_run_time_knowledge,
    p17_interleaved_parallel_routing,
    p23_transient_trigger,
    p28_blocking_discriminator,
    p30_structured_partial_join,
    p31_blocking_partial_join,
    p34_static_partial_join_for_multiple_instances,
    p39_critical_section,
    p40_interleaved_routing,
];

/// A workflow that waits until it is let go, and then tells the execution that started it.
fn member(server: &TestServer) -> String {
    let api = server.url("/api/v1");
    format!(
        r#"
workflow member {{
  input parent: string
  input name:   string
  wait go: "go" where event.name == input.name
  step tell: http_request {{
    method        = "POST"
    url           = "{api}/executions/${{input.parent}}/signals/done"
    body          = {{ name: input.name }}
    expect_status = ["2xx", 409]
  }}
}}
"#
    )
}

async fn publish(server: &TestServer, text: &str) {
    let (status, told) = server.publish(text).await;
    assert_eq!(status, 201, "{told}");
}

/// Lets a member go.
async fn let_go(server: &TestServer, name: &str) {
    let (status, told) = server.post("/events", json!({ "name": "go", "data": { "name": name } })).await;
    assert!((200..300).contains(&status), "{told}");
}

/// How often a step has ended well.
async fn done(server: &TestServer, id: &str, step: &str) -> usize {
    let steps = server.steps(id).await;
    steps.iter().filter(|row| row["step_name"] == step && row["status"] == "completed").count()
}

/// Waits until a step has ended well so often.
async fn reached(server: &TestServer, id: &str, step: &str, times: usize) {
    let look = async |server: &TestServer| (done(server, id, step).await >= times).then_some(());
    server.until(&format!("{times} of {step}"), look).await;
}

/// The executions of a workflow in a state.
async fn in_state(server: &TestServer, workflow: &str, status: &str) -> Vec<String> {
    let list = server.get(&format!("/executions?workflow={workflow}&status={status}&limit=100")).await;
    let mut found: Vec<Value> = list["executions"].as_array().unwrap().clone();
    found.sort_by_key(|one| one["created_at"].as_str().map(str::to_owned));
    found.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

/// Waits until so many executions of a workflow are in a state.
async fn count(server: &TestServer, workflow: &str, status: &str, wanted: usize) -> Vec<String> {
    let look = async |server: &TestServer| {
        let found = in_state(server, workflow, status).await;
        (found.len() == wanted).then_some(found)
    };
    server.until(&format!("{wanted} of {workflow} {status}"), look).await
}

/// Starts members, waits for so many of them, goes on, and waits for so many more before it ends.
fn join(members: &[&str], enough: u32, rest: u32) -> String {
    let names = serde_json::to_string(members).unwrap();
    format!(
        r#"
workflow join {{
  for name in {names} parallel 10 {{
    step start: workflow {{
      name  = "member"
      input = {{ parent: execution.id, name: name }}
      wait  = false
    }}
  }}
  for n in range({enough}) {{
    wait first: "done"
  }}
  step next: log {{ message = "on" }}
  for n in range({rest}) {{
    wait later: "done"
  }}
  step last: log {{ message = "all of them" }}
}}
"#
    )
}

/// Two rounds of a join, of which the second begins when all of the first have come.
fn rounds(members: &[&str], enough: u32, rest: u32) -> String {
    let names = serde_json::to_string(members).unwrap();
    format!(
        r#"
workflow rounds {{
  for round in range(2) {{
    for name in {names} parallel 10 {{
      step start: workflow {{
        name  = "member"
        input = {{ parent: execution.id, name: "${{name}}${{round}}" }}
        wait  = false
      }}
    }}
    for n in range({enough}) {{
      wait first: "done"
    }}
    step next: log {{ message = "on" }}
    for n in range({rest}) {{
      wait later: "done"
    }}
  }}
}}
"#
    )
}

/// The join goes on when the first have come, once, while the others run on to their ends.
async fn partial_join(server: &TestServer, members: &[&str], enough: u32) {
    let rest = u32::try_from(members.len()).unwrap() - enough;
    publish(server, &(member(server) + &join(members, enough, rest))).await;
    let id = server.execute("join", json!({})).await;
    count(server, "member", "running", members.len()).await;
    let (first, others) = members.split_at(enough as usize);
    for (at, name) in first.iter().enumerate() {
        assert_eq!(done(server, &id, "next").await, 0, "it went on after {at}");
        let_go(server, name).await;
        reached(server, &id, "first", at + 1).await;
    }
    reached(server, &id, "next", 1).await;
    assert_eq!(in_state(server, "member", "cancelled").await.len(), 0);
    assert_eq!(count(server, "member", "running", others.len()).await.len(), others.len(), "the others run on");
    for name in others {
        let_go(server, name).await;
    }
    assert_eq!(server.ended(&id).await["status"], "completed");
    count(server, "member", "completed", members.len()).await;
    assert_eq!(done(server, &id, "next").await, 1, "what comes later starts nothing");
}

/// A round goes on when the first have come, and the next begins when all have.
async fn blocking_join(server: &TestServer, members: &[&str], enough: u32) {
    let rest = u32::try_from(members.len()).unwrap() - enough;
    publish(server, &(member(server) + &rounds(members, enough, rest))).await;
    let id = server.execute("rounds", json!({})).await;
    count(server, "member", "running", members.len()).await;
    let (first, others) = members.split_at(enough as usize);
    for name in first {
        let_go(server, &format!("{name}0")).await;
    }
    reached(server, &id, "next", 1).await;
    assert_eq!(done(server, &id, "start").await, members.len(), "the next round has begun already");
    for name in others {
        let_go(server, &format!("{name}0")).await;
    }
    reached(server, &id, "start", 2 * members.len()).await;
    assert_eq!(done(server, &id, "next").await, 1);
    for name in members {
        let_go(server, &format!("{name}1")).await;
    }
    assert_eq!(server.ended(&id).await["status"], "completed");
    assert_eq!(done(server, &id, "next").await, 2);
}

async fn p09_structured_discriminator(server: TestServer) {
    partial_join(&server, &["a", "b"], 1).await;
}

async fn p12_multiple_instances_without_synchronization(server: TestServer) {
    let text = r#"
workflow starter {
  for name in ["a", "b", "c"] {
    step start: workflow { name = "member", input = { parent: execution.id, name: name }, wait = false }
  }
  return { started: 3 }
}
"#;
    publish(&server, &(member(&server) + text)).await;
    let id = server.execute("starter", json!({})).await;
    assert_eq!(server.ended(&id).await["output_data"], json!({ "started": 3 }));
    count(&server, "member", "running", 3).await;
    for name in ["a", "b", "c"] {
        let_go(&server, name).await;
    }
    count(&server, "member", "completed", 3).await;
}

async fn p15_multiple_instances_without_a_priori_run_time_knowledge(server: TestServer) {
    let text = r#"
workflow instance {
  input order: string
  parallel {
    branch mine {
      wait go: "go" where event.name == input.order
    }
    branch others {
      parallel first {
        branch more { wait again: "more" where event.order == input.order }
        branch over { wait enough: "over" where event.order == input.order }
      }
      if again != null {
        step another: workflow { name = "instance", input = { order: input.order } }
      }
    }
  }
}
"#;
    publish(&server, text).await;
    let id = server.execute("instance", json!({ "order": "o1" })).await;
    for instances in 1..=3 {
        count(&server, "instance", "running", instances).await;
        if instances < 3 {
            let (status, told) = server.post("/events", json!({ "name": "more", "data": { "order": "o1" } })).await;
            assert!((200..300).contains(&status), "{told}");
        }
    }
    let (status, told) = server.post("/events", json!({ "name": "over", "data": { "order": "o1" } })).await;
    assert!((200..300).contains(&status), "{told}");
    for _ in 0..3 {
        assert!(server.get(&format!("/executions/{id}")).await["completed_at"].is_null(), "it waits for all of them");
        let_go(&server, "o1").await;
    }
    assert_eq!(server.ended(&id).await["status"], "completed");
    count(&server, "instance", "completed", 3).await;
}

/// Steps that must not run at the same time: each runs in a workflow of which one execution runs at once.
fn exclusive(children: &str) -> String {
    format!(
        r#"
workflow section {{
  input name: string
  concurrency key "the one" limit 1 else queue
  wait go: "go" where event.name == input.name
}}

workflow routing {{
  parallel {{
    {children}
  }}
  step last: log {{ message = "all of them" }}
}}
"#
    )
}

/// Lets the sections go one after the other: never do two run, and each runs.
async fn one_at_a_time(server: &TestServer, sections: usize) -> Vec<String> {
    let mut order = Vec::new();
    for left in (0..sections).rev() {
        let running = count(server, "section", "running", 1).await;
        assert!(in_state(server, "section", "pending").await.len() <= left);
        let section = server.get(&format!("/executions/{}", running[0])).await;
        let name = section["input_data"]["name"].as_str().unwrap().to_owned();
        let_go(server, &name).await;
        assert_eq!(server.ended(&running[0]).await["status"], "completed");
        order.push(name);
    }
    order
}

const ONE: &str = r#"step a: workflow { name = "section", input = { name: "a" } }"#;
const TWO: &str = r#"step b: workflow { name = "section", input = { name: "b" } }"#;

async fn p17_interleaved_parallel_routing(server: TestServer) {
    let third = "step c: workflow {\n name = \"section\"\n input = { name: \"c\" }\n after a\n }";
    publish(&server, &exclusive(&format!("{ONE}\n{TWO}\n{third}"))).await;
    let id = server.execute("routing", json!({})).await;
    let order = one_at_a_time(&server, 3).await;
    let place = |name: &str| order.iter().position(|one| one == name).unwrap();
    assert!(place("a") < place("c"), "{order:?}");
    assert_eq!(server.ended(&id).await["status"], "completed");
}

async fn p39_critical_section(server: TestServer) {
    publish(&server, &exclusive(ONE)).await;
    let ids = [server.execute("routing", json!({})).await, server.execute("routing", json!({})).await];
    one_at_a_time(&server, 2).await;
    for id in ids {
        assert_eq!(server.ended(&id).await["status"], "completed");
    }
}

async fn p40_interleaved_routing(server: TestServer) {
    publish(&server, &exclusive(&format!("{ONE}\n{TWO}"))).await;
    let id = server.execute("routing", json!({})).await;
    let mut order = one_at_a_time(&server, 2).await;
    order.sort();
    assert_eq!(order, ["a", "b"]);
    assert_eq!(server.ended(&id).await["status"], "completed");
}

async fn p23_transient_trigger(server: TestServer) {
    let text = "workflow listener {\n wait early: \"open\"\n wait go: \"tick\"\n return { n: go.n }\n}";
    publish(&server, text).await;
    let id = server.execute("listener", json!({})).await;
    let tick = async |n: i64| {
        let event = json!({ "name": "tick", "data": { "n": n }, "broadcast": true });
        let (status, told) = server.post("/events", event).await;
        assert!((200..300).contains(&status), "{told}");
    };
    tick(1).await;
    let (status, told) = server.post(&format!("/executions/{id}/signals/open"), json!({})).await;
    assert!((200..300).contains(&status), "{told}");
    reached(&server, &id, "early", 1).await;
    assert!(server.get(&format!("/executions/{id}")).await["completed_at"].is_null(), "the first tick was kept");
    tick(2).await;
    assert_eq!(server.ended(&id).await["output_data"], json!({ "n": 2 }));
}

async fn p28_blocking_discriminator(server: TestServer) {
    blocking_join(&server, &["a", "b"], 1).await;
}

async fn p30_structured_partial_join(server: TestServer) {
    partial_join(&server, &["a", "b", "c"], 2).await;
}

async fn p31_blocking_partial_join(server: TestServer) {
    blocking_join(&server, &["a", "b", "c"], 2).await;
}

async fn p34_static_partial_join_for_multiple_instances(server: TestServer) {
    partial_join(&server, &["i0", "i1", "i2", "i3"], 3).await;
}
