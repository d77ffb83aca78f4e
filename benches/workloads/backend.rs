//! What the server runs on, and the server itself as a process of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};
use stepwell::config::{Config, Inputs};
use stepwell::service::{TaskContext, TaskError, TaskHandler};
use stepwell::{Server as StepwellServer, Worker};
use tempfile::TempDir;

use crate::postgres::Postgres;
use crate::redis::Redis;

/// Ten steps in a row, each a task that goes through the queue: 200 bytes in and out.
fn ten_steps() -> String {
    let mut text = String::from("workflow ten {\n  input payload: string\n");
    for at in 0..10 {
        let from = if at == 0 { "input.payload".to_owned() } else { format!("s{}.payload", at - 1) };
        text.push_str(&format!("  step s{at}: bench.echo {{ payload = {from} }}\n"));
    }
    text + "}\n"
}

/// The handler of the workload.
struct Echo;

#[async_trait]
impl TaskHandler for Echo {
    fn task_type(&self) -> &str {
        "bench.echo"
    }

    fn config_schema(&self) -> Value {
        json!({ "type": "object", "properties": { "payload": { "type": "string" } }, "required": ["payload"] })
    }

    fn output_schema(&self) -> Value {
        self.config_schema()
    }

    async fn execute(&self, _: &TaskContext, config: Value) -> Result<Value, TaskError> {
        Ok(config)
    }
}

fn config() -> Config {
    Config::load(&Inputs::of_process(None, Vec::new())).unwrap_or_else(|errors| panic!("{errors}")).config
}

pub async fn serve() {
    StepwellServer::new(config()).handler(Echo).serve().await.unwrap();
}

pub async fn work() {
    Worker::new(config()).handler(Echo).run().await.unwrap();
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite, synchronous=FULL",
            Self::Postgres => "PostgreSQL, Redis, a worker",
        }
    }
}

/// The databases and queues of a run.
pub struct Stand {
    folder: TempDir,
    url: String,
    services: Option<(Postgres, Redis)>,
}

impl Stand {
    pub async fn prepare(backend: Backend) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workflows")).unwrap();
        std::fs::write(folder.path().join("workflows/ten.flow"), ten_steps()).unwrap();
        let (url, services) = match backend {
            Backend::Sqlite => (format!("sqlite://{}", folder.path().join("bench.db").display()), None),
            Backend::Postgres => {
                let postgres = Postgres::start(true);
                (postgres.database().await, Some((postgres, Redis::start(false))))
            }
        };
        Self { folder, url, services }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A database beside the one that is served.
    pub async fn scratch(&self) -> String {
        match &self.services {
            None => format!("sqlite://{}", self.folder().join("scratch.db").display()),
            Some((postgres, _)) => postgres.database().await,
        }
    }

    /// How many steps the database holds as completed.
    pub async fn completed_steps(&self) -> u64 {
        let connection = Database::connect(&self.url).await.unwrap();
        let text = "SELECT count(*) AS n FROM step_executions WHERE status = 'completed' AND task_type = 'bench.echo'";
        let statement = Statement::from_string(connection.get_database_backend(), text);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        u64::try_from(row.try_get::<i64>("", "n").unwrap()).unwrap()
    }
}

/// The server's processes.
pub struct Server {
    base: String,
    processes: Vec<Child>,
}

/// What the server's processes used.
pub struct Usage {
    pub cpu_seconds: f64,
    pub rss_mib: u64,
}

impl Server {
    pub async fn start(stand: &Stand) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let base = format!("http://127.0.0.1:{port}");
        let mut settings = vec![
            ("STEPWELL_LISTEN", format!("127.0.0.1:{port}")),
            ("STEPWELL_DATABASE__URL", stand.url.clone()),
            ("STEPWELL_WORKFLOWS", stand.folder().join("workflows").display().to_string()),
        ];
        let mut roles = vec!["--serve"];
        if let Some((_, redis)) = &stand.services {
            settings.push(("STEPWELL_REDIS__URL", redis.url()));
            settings.push(("STEPWELL_WORKERS__CONCURRENCY", "0".to_owned()));
            roles.push("--work");
        }
        let processes = roles.into_iter().map(|role| spawn(role, &settings, stand.folder())).collect();
        let server = Self { base, processes };
        server.wait_ready().await;
        server
    }

    async fn wait_ready(&self) {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            let answer = reqwest::get(format!("{}/health/ready", self.base)).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server is not ready after 30 s");
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    pub fn usage(&self) -> Usage {
        let cpu_seconds = self.processes.iter().map(|process| cpu_seconds(process.id())).sum();
        let rss_mib = self.processes.first().map_or(0, |process| rss_mib(process.id()));
        Usage { cpu_seconds, rss_mib }
    }

    /// Stops the processes: SIGTERM, and waits for them.
    pub fn stop(mut self) {
        for process in &mut self.processes {
            Command::new("kill").arg(process.id().to_string()).status().unwrap();
            process.wait().unwrap();
        }
        self.processes.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The server's own processes have a setting more than the worker: workers of none are for the server alone.
fn spawn(role: &str, settings: &[(&str, String)], folder: &Path) -> Child {
    let settings = settings.iter().filter(|(name, _)| role == "--serve" || *name == "STEPWELL_REDIS__URL");
    Command::new(std::env::current_exe().unwrap())
        .arg(role)
        .envs(settings.map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// The processor time that a process has used, in seconds.
#[allow(clippy::cast_precision_loss, reason = "a count of ticks")]
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

fn rss_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
