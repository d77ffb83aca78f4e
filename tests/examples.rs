//! The examples of `workflows/`: each compiles without a word, and runs to its end on the real server against the stub
//! endpoints of that server, on both back ends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use stepwell::lang::{self, Notation, Source};

use crate::e2e::server::{BINARY, Backend, Setup, TestServer, clean};

/// A run of an example: its workflow, its input, what comes out of it, and what its log says. A text that ends in `*` stands
/// for all that begin so; an object, for all that have these fields.
type Run = (&'static str, Value, Value, &'static [&'static str]);

/// The runs: at least one of every workflow in the folder.
fn runs() -> Vec<Run> {
    vec![
        ("hello", json!({ "name": "Ada" }), json!({ "name": "Ada" }), &["hello, Ada"]),
        ("hello", json!({}), json!({ "name": "world" }), &["hello, world"]),
        (
            "flaky-import",
            json!({}),
            json!({ "calls": 3, "source": "partner" }),
            &["attempt 2 of `import` failed: *", "imported from partner at call 3"],
        ),
        (
            "flaky-import",
            json!({ "source": "mill", "limit": 2 }),
            json!({ "calls": 3 }),
            &["it took 3 calls to import from mill"],
        ),
        (
            "invoice-totals",
            json!({}),
            json!({
                "net": 4600, "tax": 790, "gross": 5390,
                "by_rate": [{ "rate": 7, "net": 700, "tax": 49 }, { "rate": 19, "net": 3900, "tax": 741 }],
                "summary": "3 lines, 53 EUR and 90 cents",
            }),
            &[],
        ),
        ("morning-checks", json!({}), json!({}), &["3 shops looked at, today's total is *"]),
        ("morning-checks", json!({ "shops": [] }), json!({}), &[]),
        ("ship-parcel", json!({ "order": "o1", "no": 4 }), json!({ "label": "lb_*", "carrier": "post" }), &[]),
        (
            "order-fulfilment",
            json!({ "order_id": "o2" }),
            json!({ "order": "o2", "shipped": [
                { "label": "lb_*", "carrier": "post" },
                { "label": "lb_*", "carrier": "bike" },
                { "label": "lb_*", "carrier": "post" },
            ] }),
            &[],
        ),
        (
            "order-processing",
            json!({ "order_id": "o3", "amount": 19.5 }),
            json!({ "receipt": "ch_*", "pieces": 1, "label": "lb_*", "state": "ok" }),
            &["label lb_*"],
        ),
        (
            "order-processing",
            json!({ "order_id": "o4", "amount": 5000, "items": [{ "sku": "tea", "qty": 2 }, { "sku": "cup", "qty": 3 }] }),
            json!({ "receipt": "ch_*", "pieces": 5, "state": "review" }),
            &["charge ch_*"],
        ),
        ("release-pipeline", json!({ "version": "1.2.0" }), json!({ "version": "1.2.0", "published": true }), &[]),
        ("release-pipeline", json!({ "version": "1.3.0", "dry_run": true }), json!({ "published": false }), &[]),
        (
            "user-signup",
            json!({ "name": " Ada ", "email": "ADA@example.com", "age": 36 }),
            json!({}),
            &["welcome, Ada (user us_*"],
        ),
        (
            "user-signup",
            json!({ "name": "Tim", "email": "tim@example.com", "age": 12 }),
            json!({}),
            &["Tim can't join: 12 is too young, or tim@example.com is no address"],
        ),
        (
            "billing.invoice",
            json!({ "order": "o9", "amount": 12.5 }),
            json!({ "number": "INV-o9" }),
            &["an invoice of 12.5 for o9"],
        ),
        (
            "parcel-tracking",
            json!({ "parcel": "p1", "service": "pick-up" }),
            json!({ "polls": 3, "message": "p1 arrived by pick-up" }),
            &["p1 can be picked up"],
        ),
        (
            "trip-booking",
            json!({ "traveller": "Ada", "price": 120 }),
            json!({ "booked": true }),
            &["the trip of Ada was tried"],
        ),
        (
            "trip-booking",
            json!({ "traveller": "Tim", "price": 100_000 }),
            json!({ "booked": false, "reason": "the card was declined" }),
            &["the trip of Tim was tried"],
        ),
        ("expense-approval", json!({ "who": "Ada", "amount": 12 }), json!({ "paid": true, "by": "nobody" }), &[]),
        ("expense-approval", json!({ "who": "Tim", "amount": 420 }), json!({ "paid": true, "by": "finance" }), &[]),
        (
            "expense-approval",
            json!({ "who": "Eve", "amount": 9_000 }),
            json!({ "paid": false, "by": "finance" }),
            &["the claim of Eve was refused: *"],
        ),
        ("fastest-quote", json!({}), json!({ "carrier": "bike", "signatures": 2 }), &[]),
        ("site-sweep", json!({}), json!({ "up": ["north", "south"], "down": 1 }), &[]),
        ("daily-digest", json!({ "reply": "Ada" }), json!({}), &["to Ada: * kinds, * in all"]),
        (
            "weather-report",
            json!({ "cities": ["Oslo", "Turku"] }),
            json!({ "warmest": "*", "lines": ["*", "*"] }),
            &["* is the warmest at *"],
        ),
    ]
}

/// The runs that fail, and with what code.
fn failures() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("order-shipping", json!({ "order_id": "bad1", "amount": 10 }), "INVALID_ORDER"),
        ("order-shipping", json!({ "order_id": "o1", "amount": 10 }), "SECRET"),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Whether a value is as expected.
fn fits(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::String(expected), Value::String(found)) => says(expected, found),
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(expected, found)| fits(expected, found))
        }
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().all(|(key, value)| found.get(key).is_some_and(|found| fits(value, found)))
        }
        (expected, found) => expected == found,
    }
}

/// Whether a text has the parts between the stars, in order, from its begin to its end.
fn says(expected: &str, found: &str) -> bool {
    let mut parts = expected.split('*');
    let Some(mut rest) = parts.next().and_then(|first| found.strip_prefix(first)) else { return false };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || expected.ends_with('*')
}

#[test]
fn each_compiles_without_a_word_and_has_a_run() {
    let (mut found, runs) = (BTreeSet::new(), runs());
    for path in files() {
        let name = path.display().to_string();
        let notation = Notation::of_file_name(&name).unwrap_or_else(|| panic!("{name} is in no notation"));
        let source = Source::from_bytes(&name, notation, &std::fs::read(&path).unwrap()).unwrap();
        let tested = notation == Notation::Toml || source.text.contains("\ntest \"");
        assert!(tested, "{name} shows no test of its own");
        let compiled = lang::compile(&source, &lang::builtin_task_types());
        assert!(compiled.diagnostics.is_empty(), "{}", lang::render(&source, &compiled.diagnostics, false));
        assert!(!compiled.plans.is_empty(), "{name} holds no workflow");
        found.extend(compiled.plans.iter().map(|plan| plan.workflow.to_string()));
    }
    assert!(files().len() >= 8 && files().iter().any(|path| path.extension().is_some_and(|kind| kind == "toml")));
    let failed = failures().into_iter().map(|(workflow, ..)| workflow);
    let run: BTreeSet<_> = runs.iter().map(|(workflow, ..)| *workflow).chain(failed).map(str::to_owned).collect();
    assert_eq!(found, run, "every workflow of the folder has a run in this file's table, and no other");
}

async fn all_run(backend: Backend) {
    let folder = folder().display().to_string();
    let server = Setup::on(backend).args(&["--workflows", &folder]).start().await;
    for source in server.get("/sources").await["sources"].as_array().unwrap() {
        assert_eq!((&source["state"], &source["diagnostics"]), (&json!("applied"), &json!([])), "{source}");
    }
    let mut started = Vec::new();
    for run in runs() {
        started.push((server.execute(run.0, run.1.clone()).await, run));
    }
    for (workflow, input, code) in failures() {
        let id = server.execute(workflow, input.clone()).await;
        let ended = server.ended(&id).await;
        assert_eq!(
            (&ended["status"], &ended["error_details"]["code"]),
            (&json!("failed"), &json!(code)),
            "{workflow} {input}: {ended}"
        );
    }
    for (id, (workflow, input, ..)) in &started {
        if *workflow == "expense-approval" && input["amount"].as_i64() > Some(100) {
            decide_on_claim(&server, id, input).await;
        }
    }
    for (id, (workflow, input, output, messages)) in started {
        let ended = server.ended(&id).await;
        assert_eq!(ended["status"], "completed", "{workflow} {input}: {ended}");
        assert!(fits(&output, &ended["output_data"]), "{workflow} {input}: {}", ended["output_data"]);
        let said = server.messages(&id).await;
        for message in messages {
            assert!(said.iter().any(|said| says(message, said)), "{workflow} {input}: `{message}` is not in {said:?}");
        }
        paths_fit(&server, workflow, &input, &id).await;
    }
}

/// Sends a claim its receipt, and says whether it is paid.
async fn decide_on_claim(server: &TestServer, id: &str, input: &Value) {
    let receipt = json!({ "name": "receipt.scanned", "data": { "who": input["who"], "id": "r1" } });
    let (status, told) = server.post("/events", receipt).await;
    assert!((200..300).contains(&status), "{told}");
    let asked = async |server: &TestServer| {
        let list = server.get("/approvals?limit=100").await;
        let waits = list["approvals"].as_array().unwrap().iter().any(|one| one["execution_id"] == id);
        waits.then_some(())
    };
    server.until("somebody is asked for the claim", asked).await;
    let (word, said) = if input["who"] == "Tim" {
        ("approve", json!({ "form": { "cost_centre": "R&D" }, "by": "ada" }))
    } else {
        ("refuse", json!({ "reason": "that was lunch", "by": "ada" }))
    };
    let (status, told) = server.post(&format!("/approvals/{id}~claim/{word}"), said).await;
    assert!((200..300).contains(&status), "{told}");
}

/// What ran and what was skipped, of those that choose.
async fn paths_fit(server: &TestServer, workflow: &str, input: &Value, id: &str) {
    let steps = server.steps(id).await;
    let status = |name: &str| {
        let step = steps.iter().rev().find(|step| step["step_name"] == name);
        step.map_or("absent", |step| step["status"].as_str().unwrap()).to_owned()
    };
    match workflow {
        "user-signup" => {
            let joins = input["age"] == 36;
            let (taken, left) = if joins { ("create", "turn-away") } else { ("turn-away", "create") };
            assert_eq!((&*status(taken), &*status(left)), ("completed", "skipped"), "{steps:?}");
        }
        "release-pipeline" => {
            let published = if input["dry_run"] == true { "skipped" } else { "completed" };
            assert_eq!((&*status("scan"), &*status("publish")), ("completed", published), "{steps:?}");
        }
        "order-fulfilment" => {
            let children: Vec<_> = steps.iter().filter(|step| step["task_type"] == "workflow").collect();
            assert_eq!(children.len(), 3, "{steps:?}");
        }
        "trip-booking" => {
            let undone = if input["price"] == 120 { "absent" } else { "completed" };
            assert_eq!((&*status("flight.undo"), &*status("hotel.undo")), (undone, undone), "{steps:?}");
        }
        "fastest-quote" => {
            assert_eq!((&*status("bike"), &*status("post")), ("completed", "cancelled"), "{steps:?}");
        }
        "flaky-import" => {
            let attempts = steps.iter().filter(|step| step["step_name"] == "import").count();
            assert_eq!(attempts, 3, "{steps:?}");
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_run_to_their_end_embedded() {
    all_run(Backend::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_run_to_their_end_on_servers() {
    all_run(Backend::Servers).await;
}

#[test]
fn run_serves_the_demo_elsewhere_where_the_address_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("listen = \"{}\"\n", taken.local_addr().unwrap());
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("stepwell.toml"), listen).unwrap();
    let file = folder().join("weather-report.flow");
    let run = |more: &[&str]| {
        let mut command = Command::new(BINARY);
        clean(&mut command);
        command.current_dir(place.path()).args(["run", "--demo", "--output", "json"]).arg(&file).args(more);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str::<Value>(&text).unwrap_or_else(|_| panic!("{text}{:?}", output.stderr))
    };
    assert_eq!(run(&[])["status"], "completed");
    // What the user says of the setting holds.
    let result = run(&["--setting", "weather-report.demo_url=nowhere"]);
    assert_eq!(result["status"], "failed", "{result}");
}
