//! The load: clients that start executions over HTTP and wait for each to end.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::backend::{Server, cpu_seconds};
use crate::raw::quantile;

pub struct Latency {
    pub median_us: f64,
    pub p99_us: f64,
}

pub struct Throughput {
    pub executions: u64,
    pub seconds: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub load_cores: f64,
}

impl Throughput {
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    pub fn steps_per_second(&self) -> f64 {
        self.executions as f64 * 10.0 / self.seconds
    }
}

/// Starts one execution and waits for its end.
async fn run_one(client: &reqwest::Client, base: &str) {
    let body = json!({ "workflow": "ten", "input_data": { "payload": "x".repeat(200) } });
    let started: Value = get(client.post(format!("{base}/api/v1/executions")).json(&body)).await;
    let id = started["id"].as_str().unwrap().to_owned();
    let mut status = started["status"].clone();
    while status != "completed" {
        assert!(status == "running" || status == "pending", "an execution is {status}");
        let ended: Value = get(client.get(format!("{base}/api/v1/executions/{id}?wait=30s"))).await;
        status = ended["status"].clone();
    }
}

async fn get(request: reqwest::RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}: {}", answer.status(), answer.text().await.unwrap());
    serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
}

/// One at a time.
pub async fn latency(server: &Server, count: usize) -> Latency {
    let client = reqwest::Client::new();
    let mut times = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        run_one(&client, server.base()).await;
        times.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Latency { median_us: quantile(&mut times, 0.5), p99_us: quantile(&mut times, 0.99) }
}

/// As many at once as `in_flight`, for `time`; what is under way then is waited for and counted.
pub async fn throughput(server: &Server, in_flight: usize, time: Duration) -> Throughput {
    let client = reqwest::Client::new();
    let (began, cpu) = (Instant::now(), cpu_seconds(std::process::id()));
    let clients: Vec<_> = (0..in_flight)
        .map(|_| {
            let (client, base) = (client.clone(), server.base().to_owned());
            tokio::spawn(async move {
                let mut times = Vec::new();
                while began.elapsed() < time {
                    let began = Instant::now();
                    run_one(&client, &base).await;
                    times.push(began.elapsed().as_secs_f64() * 1e3);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for client in clients {
        times.extend(client.await.unwrap());
    }
    let seconds = began.elapsed().as_secs_f64();
    Throughput {
        executions: u64::try_from(times.len()).unwrap(),
        seconds,
        p50_ms: quantile(&mut times, 0.5),
        p99_ms: quantile(&mut times, 0.99),
        load_cores: (cpu_seconds(std::process::id()) - cpu) / seconds,
    }
}
