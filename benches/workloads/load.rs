//! The load: clients that each do the same thing over and over.

use std::cell::Cell;
use std::io;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};

use crate::http::{Client, get, post, text_field};
use crate::process::Server;
use crate::raw::quantile;

/// What a load came to.
pub struct Load {
    /// How often it was done.
    pub done: u64,
    pub seconds: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Processors used by the server, the databases and the load.
    pub cores: [f64; 3],
    pub peak_kib: u64,
}

impl Load {
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.seconds
    }

    /// Processor time of the server and the databases for each thing that was done, in microseconds.
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    pub fn cpu_us(&self) -> f64 {
        (self.cores[0] + self.cores[1]) * self.seconds * 1e6 / self.done as f64
    }

    /// What stands beside the rate of what was done.
    pub fn note(&self, what: &str) -> String {
        let [server, databases, load] = self.cores;
        format!(
            "{} {what} in {:.1} s, p50 {:.2} ms, p99 {:.2} ms; processors: server {server:.2}, databases {databases:.2}, \
             load {load:.2}; {:.0} MiB resident at most",
            self.done,
            self.seconds,
            self.p50_ms,
            self.p99_ms,
            mib(self.peak_kib),
        )
    }
}

#[allow(clippy::cast_precision_loss, reason = "a size")]
pub fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// The request that starts an execution.
pub fn start_request(workflow: &str, input: &Value) -> Vec<u8> {
    post("/api/v1/executions", &json!({ "workflow": workflow, "input_data": input }).to_string())
}

/// Sends a start and waits for the end of the execution: the answer that tells of it.
pub async fn run_to_end(client: &mut Client, start: &[u8]) -> io::Result<Vec<u8>> {
    let mut answer = client.send(start).await?.good()?.to_vec();
    let id = text_field(&answer, "id").ok_or_else(|| io::Error::other("an execution without an id"))?;
    let wait = get(&format!("/api/v1/executions/{id}?wait=30s"));
    loop {
        match text_field(&answer, "status") {
            Some("completed") => return Ok(answer),
            Some("running" | "pending") => client.send(&wait).await?.good()?.clone_into(&mut answer),
            status => return Err(io::Error::other(format!("an execution is {status:?}"))),
        }
    }
}

/// Does `work` with each of many clients at once, over and over for a time; what is under way then is waited for and counted.
/// `work` says how many things it did.
pub async fn closed_loop(
    server: &Server,
    clients: usize,
    time: Duration,
    work: impl AsyncFn(&mut Client) -> io::Result<u64>,
) -> Load {
    server.forget_peak();
    let (began, before) = (Instant::now(), server.usage());
    let clients = (0..clients).map(async |_| {
        let mut client = Client::connect(server.address).await.unwrap();
        let (mut done, mut times) = (0, Vec::new());
        while began.elapsed() < time {
            let began = Instant::now();
            done += work(&mut client).await.unwrap();
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        (done, times)
    });
    let each = join_all(clients).await;
    let (seconds, cores) = (began.elapsed().as_secs_f64(), server.usage().cores_since(&before));
    let done = each.iter().map(|(done, _)| done).sum();
    let mut times: Vec<f64> = each.into_iter().flat_map(|(_, times)| times).collect();
    let (p50_ms, p99_ms) = (quantile(&mut times, 0.5), quantile(&mut times, 0.99));
    Load { done, seconds, p50_ms, p99_ms, cores, peak_kib: server.peak_kib() }
}

/// Does `work` so many times, with 64 clients at once; it is told which time it is.
pub async fn start_all(server: &Server, times: usize, work: impl AsyncFn(&mut Client, usize) -> io::Result<()>) {
    let next = Cell::new(0);
    let clients = (0..64).map(async |_| {
        let mut client = Client::connect(server.address).await.unwrap();
        while next.get() < times {
            next.set(next.get() + 1);
            work(&mut client, next.get()).await.unwrap();
        }
    });
    join_all(clients).await;
}
