//! Clients that start executions at a rate and see each to its end, whatever the server does meanwhile: what they were not
//! answered they ask again, under the same key.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

use crate::flows::payload;
use crate::http::{Client, get, post, text_field};

/// How long a client asks for one thing before it gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// An execution that was acknowledged and seen to end.
pub struct Told {
    pub id: Uuid,
    pub ended: Instant,
}

/// When which execution is to be started.
pub struct Schedule {
    address: SocketAddr,
    began: Instant,
    rate: f64,
    time: Duration,
    next: Cell<u32>,
    told: RefCell<Vec<Told>>,
}

impl Schedule {
    /// Executions at a rate (a second), for a time.
    pub fn new(address: SocketAddr, rate: f64, time: Duration) -> Self {
        Self { address, began: Instant::now(), rate, time, next: Cell::new(0), told: RefCell::default() }
    }

    /// The number of the next execution, once its time has come; nothing when the time is up.
    async fn next(&self) -> Option<u32> {
        let number = self.next.get();
        let due = Duration::from_secs_f64(f64::from(number) / self.rate);
        if due > self.time || self.began.elapsed() > self.time {
            return None;
        }
        self.next.set(number + 1);
        tokio::time::sleep(due.saturating_sub(self.began.elapsed())).await;
        Some(number)
    }
}

/// Runs the load to its end; what was told of every execution.
pub async fn run(schedule: &Schedule, clients: usize) -> Vec<Told> {
    join_all((0..clients).map(async |_| {
        let mut client = Persistent { address: schedule.address, client: None };
        while let Some(number) = schedule.next().await {
            let told = one(&mut client, number).await;
            schedule.told.borrow_mut().push(told);
        }
    }))
    .await;
    schedule.told.take()
}

async fn one(client: &mut Persistent, number: u32) -> Told {
    let start = json!({
        "workflow": "ten", "idempotency_key": format!("soak-{number}"), "input_data": { "payload": payload() },
    });
    let mut answer = client.send(&post("/api/v1/executions", &start.to_string())).await;
    let id: Uuid = text_field(&answer, "id").unwrap().parse().unwrap();
    let wait = get(&format!("/api/v1/executions/{id}?wait=30s"));
    loop {
        match text_field(&answer, "status") {
            Some("completed") => return Told { id, ended: Instant::now() },
            Some("running" | "pending") => answer = client.send(&wait).await,
            status => panic!("{id} is {status:?}: {}", String::from_utf8_lossy(&answer)),
        }
    }
}

/// A client that outlives its connection.
struct Persistent {
    address: SocketAddr,
    client: Option<Client>,
}

impl Persistent {
    /// Sends a request until it is answered well.
    async fn send(&mut self, request: &[u8]) -> Vec<u8> {
        let began = Instant::now();
        loop {
            match self.try_send(request).await {
                Ok(answer) => return answer,
                Err(error) => {
                    assert!(began.elapsed() < PATIENCE, "no good answer for {PATIENCE:?}: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn try_send(&mut self, request: &[u8]) -> std::io::Result<Vec<u8>> {
        // Taken, so that a connection that broke, or that is in the middle of something, is not used again.
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(self.address).await?,
        };
        let answer = client.send(request).await?.good()?.to_vec();
        self.client = Some(client);
        Ok(answer)
    }
}
