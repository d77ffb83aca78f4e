//! The real binary, on either back end: started on a free port with a folder of its own, killed with this process.
//!
//! A watchdog (a shell) starts each program and waits at the end of a pipe that this process holds: when the pipe closes,
//! however it does, the program is killed.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sea_orm::{ConnectOptions, DatabaseConnection};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::postgres::Postgres;
use crate::support::redis::Redis;

/// Starts what it is given, passes its output on, and kills it when the pipe closes.
const WATCHDOG: &str = r#"
"$@" </dev/null 3<&- &
pid=$!
echo "pid $pid"
(cat <&3 >/dev/null; kill -9 $pid 2>/dev/null) &
exec 3<&-
wait $pid
echo "exit $?"
"#;

/// How long an answer is waited for, and what it brings about: a server that is traced, on a machine that runs all tests at once,
/// takes its time.
const PATIENCE: Duration = Duration::from_secs(180);

/// The binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_stepwell");

/// What a server stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file, and the queue in the process.
    Embedded,
    /// PostgreSQL and Redis, and two processes of workers.
    Servers,
}

/// A program under a watchdog.
pub struct Program {
    pid: i32,
    watchdog: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Program {
    /// Starts `stepwell` with these arguments in this folder and waits until it says that it is ready; its lines.
    pub fn start(folder: &Path, args: &[&str]) -> (Self, Vec<String>) {
        Self::start_with(folder, args, &[])
    }

    /// As `start`, with these variables.
    pub fn start_with(folder: &Path, args: &[&str], variables: &[(&str, &str)]) -> (Self, Vec<String>) {
        Self::start_logged(folder, args, variables, Stdio::inherit())
    }

    /// As `start_with`, with its log going there.
    fn start_logged(folder: &Path, args: &[&str], variables: &[(&str, &str)], log: Stdio) -> (Self, Vec<String>) {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec 3<&0\n{WATCHDOG}"), "sh", BINARY]).args(args).current_dir(folder);
        clean(&mut command);
        command.envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).process_group(0);
        let mut watchdog = command.spawn().expect("sh");
        let mut lines = BufReader::new(watchdog.stdout.take().unwrap());
        let pid = line(&mut lines).strip_prefix("pid ").unwrap().parse().unwrap();
        let mut program = Self { pid, watchdog, lines };
        let mut said = Vec::new();
        loop {
            let line = line(&mut program.lines);
            assert!(!line.is_empty() && !line.starts_with("exit "), "it did not start: {args:?} {said:?}");
            if line == "ready" {
                return (program, said);
            }
            said.push(line);
        }
    }

    /// The number of its process.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Sends a signal: `TERM`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status().unwrap().success());
    }

    /// Waits for the end, and gives the exit code.
    pub fn wait(mut self) -> i32 {
        loop {
            let line = line(&mut self.lines);
            assert!(!line.is_empty(), "it ended without a code");
            if let Some(code) = line.strip_prefix("exit ") {
                return code.parse().unwrap();
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }
}

fn line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Takes away what the environment of the tests would set.
pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("STEPWELL_")) {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1");
}

/// How a server is to be started.
pub struct Setup {
    backend: Backend,
    args: Vec<String>,
    variables: Vec<(&'static str, &'static str)>,
    concurrency: usize,
    own_redis: bool,
    files: Vec<(&'static str, String)>,
    logged: bool,
}

impl Setup {
    /// A server with the demo's endpoints, on this back end.
    pub fn on(backend: Backend) -> Self {
        Self {
            backend,
            args: Vec::new(),
            variables: Vec::new(),
            concurrency: 64,
            own_redis: false,
            files: Vec::new(),
            logged: false,
        }
    }

    /// With this file in the folder that is watched.
    pub fn file(mut self, name: &'static str, text: &str) -> Self {
        self.files.push((name, text.to_owned()));
        self
    }

    /// With the log of each server in a file, for `TestServer::log`.
    pub fn logged(self) -> Self {
        Self { logged: true, ..self }
    }

    /// With these arguments, too.
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|arg| (*arg).to_owned()));
        self
    }

    /// How many attempts each process of workers runs at once.
    pub fn concurrency(self, concurrency: usize) -> Self {
        Self { concurrency, ..self }
    }

    /// With this variable for the server.
    pub fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    /// With a Redis that no other test uses.
    pub fn own_redis(self) -> Self {
        Self { own_redis: true, ..self }
    }

    /// Starts it.
    pub async fn start(self) -> TestServer {
        let folder = tempfile::tempdir().unwrap();
        let mut args: Vec<String> =
            ["serve", "--demo", "--listen", "127.0.0.1:0", "--drain", "5s"].map(str::to_owned).to_vec();
        args.extend(self.args);
        let (mut workers, mut redis) = (Vec::new(), None);
        let mut database = format!("sqlite://{}", folder.path().join("stepwell.db").display());
        let concurrency = self.concurrency.to_string();
        if self.backend == Backend::Embedded {
            args.extend(["--workers".to_owned(), concurrency]);
        } else {
            redis = self.own_redis.then(|| Redis::start(false));
            let options = redis.as_ref().unwrap_or_else(|| Redis::shared()).options();
            let settings =
                format!("[redis]\nurl = \"{}\"\nprefix = \"{}\"\nlease = \"3s\"\n", options.url, options.prefix);
            std::fs::write(folder.path().join("stepwell.toml"), settings).unwrap();
            database = Postgres::shared().database().await;
            args.extend(["--database", &database, "--workers", "0"].map(str::to_owned));
            workers.extend((0..2).map(|_| worker(folder.path(), self.concurrency)));
        }
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let base = String::new();
        let logs = self.logged.then(AtomicUsize::default);
        let mut server = TestServer {
            folder,
            logs,
            args,
            variables: self.variables,
            server: None,
            workers,
            concurrency: self.concurrency,
            database,
            redis,
            base,
            client,
        };
        for (name, text) in &self.files {
            server.write(name, text);
        }
        server.restart();
        server
    }
}

/// A process of workers.
fn worker(folder: &Path, concurrency: usize) -> Program {
    Program::start(folder, &["worker", "--drain", "5s", "--concurrency", &concurrency.to_string()]).0
}

/// A server and a client of it.
pub struct TestServer {
    folder: TempDir,
    /// How many logs there are; none where they are not kept.
    logs: Option<AtomicUsize>,
    args: Vec<String>,
    variables: Vec<(&'static str, &'static str)>,
    server: Option<Program>,
    workers: Vec<Program>,
    concurrency: usize,
    database: String,
    redis: Option<Redis>,
    base: String,
    client: reqwest::Client,
}

impl TestServer {
    /// Starts a server with the demo's endpoints.
    pub async fn start(backend: Backend) -> Self {
        Setup::on(backend).start().await
    }

    /// Starts the server again, on another port.
    pub fn restart(&mut self) {
        let (program, base) = self.start_another();
        (self.server, self.base) = (Some(program), base);
    }

    /// Starts one more server over the same database and queue, which is left to the test; where it answers.
    pub fn start_another(&self) -> (Program, String) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let log = self.logs.as_ref().map_or_else(Stdio::inherit, |logs| {
            let number = logs.fetch_add(1, Ordering::Relaxed);
            std::fs::File::create(self.log_path(number)).unwrap().into()
        });
        let (program, said) = Program::start_logged(self.folder.path(), &args, &self.variables, log);
        let api = said.iter().find_map(|line| line.trim().strip_prefix("API")).unwrap();
        (program, api.trim().trim_end_matches("/api/v1").to_owned())
    }

    fn log_path(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("{number}.log"))
    }

    /// What the server that was started as the so-manieth, from 0 on, has logged.
    pub fn log(&self, number: usize) -> String {
        std::fs::read_to_string(self.log_path(number)).unwrap()
    }

    /// Puts a file into the folder that is watched, whole: nobody can meet a half of it.
    pub fn write(&self, name: &str, text: &str) {
        let watched = self.folder.path().join("workflows");
        std::fs::create_dir_all(&watched).unwrap();
        let written = self.folder.path().join("written");
        std::fs::write(&written, text).unwrap();
        std::fs::rename(written, watched.join(name)).unwrap();
    }

    /// Talks to the server at this address from now on.
    pub fn talk_to(&mut self, base: &str) {
        base.clone_into(&mut self.base);
    }

    /// The servers that are started from now on get none of the variables.
    pub fn forget_variables(&mut self) {
        self.variables.clear();
    }

    /// The server's program, to be done with as one likes.
    pub fn take_program(&mut self) -> Program {
        self.server.take().unwrap()
    }

    /// The server's process.
    pub fn pid(&self) -> i32 {
        self.server.as_ref().unwrap().pid
    }

    /// Kills one of the processes of workers.
    pub fn kill_worker(&mut self) {
        let worker = self.workers.pop().unwrap();
        worker.signal("KILL");
        assert_eq!(worker.wait(), 137);
    }

    /// Starts another process of workers.
    pub fn start_worker(&mut self) {
        self.workers.push(worker(self.folder.path(), self.concurrency));
    }

    /// The Redis of its own.
    pub fn redis(&self) -> &Redis {
        self.redis.as_ref().unwrap()
    }

    /// A connection to its database, to look behind the API.
    pub async fn database(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.database);
        options.max_connections(1).sqlx_logging(false);
        sea_orm::Database::connect(options).await.unwrap()
    }

    /// Kills the server as a crash would.
    pub fn kill(&mut self) {
        let program = self.server.take().unwrap();
        program.signal("KILL");
        assert_eq!(program.wait(), 137);
    }

    /// Ends the server with SIGTERM; its exit code.
    pub fn terminate(&mut self) -> i32 {
        let program = self.server.take().unwrap();
        program.signal("TERM");
        program.wait()
    }

    /// Ends the workers with SIGTERM, all at once; their exit codes.
    pub fn terminate_workers(&mut self) -> Vec<i32> {
        self.workers.iter().for_each(|worker| worker.signal("TERM"));
        self.workers.drain(..).map(Program::wait).collect()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The server's folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Where the demo's endpoints are.
    pub fn demo(&self) -> String {
        format!("{}/demo", self.base)
    }

    /// Publishes a source in the flow language.
    pub async fn publish(&self, text: &str) -> (u16, Value) {
        let request = self.client.put(format!("{}/api/v1/workflows/source?notation=flow", self.base));
        let answer = request.header("content-type", "text/plain").body(text.to_owned()).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// POSTs to a path below `/api/v1`.
    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self.client.post(format!("{}/api/v1{path}", self.base)).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// PUTs to a path below `/api/v1`.
    pub async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self.client.put(format!("{}/api/v1{path}", self.base)).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// GETs a path below `/api/v1`.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}/api/v1{path}", self.base)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// What Prometheus would read.
    pub async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.base);
        self.client.get(url).send().await.unwrap().text().await.unwrap()
    }

    /// Starts an execution; its id.
    pub async fn execute(&self, workflow: &str, input: Value) -> String {
        let (status, body) = self.post("/executions", json!({ "workflow": workflow, "input_data": input })).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    /// Waits for an execution's end.
    pub async fn ended(&self, id: &str) -> Value {
        let execution = self.get(&format!("/executions/{id}?wait=30s")).await;
        assert!(!execution["completed_at"].is_null(), "it did not end: {execution}");
        execution
    }

    /// Waits until a look at the server shows what is awaited, and gives it.
    pub async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut(&Self) -> Option<T>) -> T {
        let began = std::time::Instant::now();
        loop {
            if let Some(found) = look(self).await {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the log of an execution says.
    pub async fn messages(&self, id: &str) -> Vec<String> {
        let logs = self.get(&format!("/executions/{id}/logs?limit=1000")).await;
        logs["logs"].as_array().unwrap().iter().map(|log| log["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The attempts at an execution's steps.
    pub async fn steps(&self, id: &str) -> Vec<Value> {
        self.get(&format!("/executions/{id}/steps?limit=1000")).await["steps"].as_array().unwrap().clone()
    }
}
