//! A short soak: clients start executions all the while, through kills of the server and of workers, ask again under the same
//! key where nobody answered, and every execution is accounted for: the clients' list against the database.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::record::{Record, get, rows};
use super::stub::Stub;
use crate::e2e::server::{Backend, Setup, TestServer};

const CLIENTS: usize = 20;

const KILLS: usize = 3;

const STEPS: usize = 3;

/// What the clients share.
struct Load {
    /// Where the server is now.
    base: Mutex<String>,
    url: String,
    over: AtomicBool,
    /// The executions that each client has seen to their end.
    ended: Mutex<Vec<Vec<String>>>,
    http: reqwest::Client,
}

impl Load {
    /// Starts executions and sees each to its end, until the load is over.
    async fn client(&self, client: usize) {
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let start = json!({
                "workflow": "soak", "idempotency_key": format!("{client}-{number}"), "input_data": { "url": self.url },
            });
            let mut told = self.ask(|base| self.http.post(format!("{base}/api/v1/executions")).json(&start)).await;
            let id = told["id"].as_str().unwrap().to_owned();
            while told["completed_at"].is_null() {
                told = self.ask(|base| self.http.get(format!("{base}/api/v1/executions/{id}?wait=30s"))).await;
            }
            assert_eq!(told["status"], "completed", "{told}");
            self.ended.lock().unwrap()[client].push(id);
        }
    }

    /// Sends a request until it is answered well.
    async fn ask(&self, request: impl Fn(&str) -> reqwest::RequestBuilder) -> Value {
        let began = Instant::now();
        loop {
            let base = self.base.lock().unwrap().clone();
            let answer = async { request(&base).send().await?.error_for_status()?.json().await }.await;
            match answer {
                Ok(answer) => return answer,
                Err(error) => assert!(began.elapsed() < Duration::from_secs(60), "asked in vain: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn counts(&self) -> Vec<usize> {
        self.ended.lock().unwrap().iter().map(Vec::len).collect()
    }
}

async fn every_execution_is_accounted_for(backend: Backend) {
    let stub = Stub::start();
    let mut server = Setup::on(backend).start().await;
    let steps: String =
        (0..STEPS).map(|step| format!(" step s{step}: http_request {{ url = input.url, timeout 30s }}\n")).collect();
    let (status, told) = server.publish(&format!("workflow soak {{\n input url: string\n{steps}}}\n")).await;
    assert_eq!(status, 201, "{told}");
    let load = Arc::new(Load {
        base: Mutex::new(server.url("")),
        url: stub.url.clone(),
        over: AtomicBool::new(false),
        ended: Mutex::new(vec![Vec::new(); CLIENTS]),
        http: reqwest::Client::new(),
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let load = load.clone();
            tokio::spawn(async move { load.client(client).await })
        })
        .collect();
    for _ in 0..KILLS {
        each_ends_one(&server, &load).await;
        server.kill();
        server.restart();
        *load.base.lock().unwrap() = server.url("");
        if backend == Backend::Servers {
            each_ends_one(&server, &load).await;
            server.kill_worker();
            server.start_worker();
        }
    }
    each_ends_one(&server, &load).await;
    load.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    accounted(&server, &load, &stub).await;
}

/// Waits until each client has seen another execution end, so that no step is lost at each of the kills.
async fn each_ends_one(server: &TestServer, load: &Load) {
    let before = load.counts();
    let look = async |_: &TestServer| load.counts().iter().zip(&before).all(|(now, was)| now > was).then_some(());
    server.until("each client sees an execution end", look).await;
}

/// Each execution that a client saw is there, with each of its steps once, and nothing else is.
async fn accounted(server: &TestServer, load: &Load, stub: &Stub) {
    let mut told: Vec<String> = load.ended.lock().unwrap().iter().flatten().cloned().collect();
    let database = server.database().await;
    let kept = rows(&database, "SELECT id FROM workflow_executions WHERE status = 'completed'").await;
    let mut kept: Vec<String> = kept.iter().map(|row| get::<uuid::Uuid>(row, "id").to_string()).collect();
    told.sort();
    kept.sort();
    assert_eq!(kept, told);
    assert_eq!(rows(&database, "SELECT id FROM workflow_executions WHERE status <> 'completed'").await.len(), 0);
    Record::read(&database).await.assert_each_step_once(&told, STEPS, &stub.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn embedded() {
    every_execution_is_accounted_for(Backend::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers() {
    every_execution_is_accounted_for(Backend::Servers).await;
}
