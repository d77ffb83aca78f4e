//! The server's processes, and what they use.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::backend::Stand;
use crate::http::{Client, get};

/// How the server is started.
#[derive(Clone, Default)]
pub struct How {
    /// The processors that its processes may use, as `taskset` takes them; none is all.
    pub cores: Option<&'static str>,
    /// The `stepwell` binary itself, without the handler of the workloads.
    pub binary: bool,
    /// Settings of the server, by their variables.
    pub settings: Vec<(&'static str, String)>,
}

/// The server's processes: the server first, then its worker.
pub struct Server {
    pub address: SocketAddr,
    processes: Vec<Process>,
    /// From the start of the process to its first good answer.
    pub ready: Duration,
}

/// A process, and what it takes to start it again.
struct Process {
    command: Command,
    child: Child,
}

impl Process {
    fn start(mut command: Command) -> Self {
        let child = command.spawn().unwrap();
        Self { command, child }
    }

    fn id(&self) -> u32 {
        self.child.id()
    }
}

/// What processes have used so far.
#[derive(Clone, Copy)]
pub struct Usage {
    /// Processor time of the server and its worker, in seconds.
    pub server: f64,
    /// Of PostgreSQL and Redis.
    pub databases: f64,
    /// Of the load.
    pub load: f64,
    at: Instant,
}

impl Usage {
    /// How many processors were in use since then: by the server, the databases and the load.
    pub fn cores_since(&self, before: &Self) -> [f64; 3] {
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        [self.server - before.server, self.databases - before.databases, self.load - before.load].map(|it| it / seconds)
    }
}

impl Server {
    pub async fn start(stand: &Stand) -> Self {
        Self::start_as(stand, How::default()).await
    }

    pub async fn start_as(stand: &Stand, how: How) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut serve = vec![
            ("STEPWELL_LISTEN", address.to_string()),
            ("STEPWELL_DATABASE__URL", stand.url.clone()),
            ("STEPWELL_WORKFLOWS", stand.folder().join("workflows").display().to_string()),
        ];
        serve.extend(how.settings.clone());
        let mut processes = Vec::new();
        if let Some((url, prefix)) = &stand.redis {
            let redis = [("STEPWELL_REDIS__URL", url.clone()), ("STEPWELL_REDIS__PREFIX", prefix.clone())];
            processes.push(Process::start(command(&how, "work", &redis, stand)));
            serve.extend(redis);
            serve.push(("STEPWELL_WORKERS__CONCURRENCY", "0".to_owned()));
        }
        let began = Instant::now();
        processes.insert(0, Process::start(command(&how, "serve", &serve, stand)));
        let mut server = Self { address, processes, ready: Duration::ZERO };
        server.wait_ready(began).await;
        server.ready = began.elapsed();
        server
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.processes.len()
    }

    /// Kills a process as a crash would, and starts it again.
    pub async fn crash(&mut self, process: usize) {
        let process = &mut self.processes[process];
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        process.child = process.command.spawn().unwrap();
        self.wait_ready(Instant::now()).await;
    }

    async fn wait_ready(&self, began: Instant) {
        while began.elapsed() < Duration::from_secs(60) {
            if let Ok(mut client) = Client::connect(self.address).await
                && client.send(&get("/health/ready")).await.is_ok_and(|answer| answer.status == 200)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("the server is not ready after 60 s");
    }

    pub fn usage(&self) -> Usage {
        let ours: Vec<u32> = self.processes.iter().map(Process::id).collect();
        let load = std::process::id();
        let below = descendants(load);
        let databases = below.iter().filter(|pid| !ours.contains(pid)).map(|pid| cpu_seconds(*pid)).sum();
        let server = ours.iter().map(|pid| cpu_seconds(*pid)).sum();
        Usage { server, databases, load: cpu_seconds(load), at: Instant::now() }
    }

    /// The memory of the server that is resident, in KiB.
    pub fn resident_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that was resident since `forget_peak`, in KiB.
    pub fn peak_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    pub fn forget_peak(&self) {
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.processes[0].id()), "5");
    }

    fn status(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.processes[0].id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// Stops the processes: SIGTERM, and waits for them.
    pub fn stop(mut self) {
        for mut process in self.processes.drain(..) {
            Command::new("kill").arg(process.id().to_string()).status().unwrap();
            process.child.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.child.kill();
            let _ = process.child.wait();
        }
    }
}

fn command(how: &How, role: &str, settings: &[(&str, String)], stand: &Stand) -> Command {
    let (program, role) = if how.binary {
        (env!("CARGO_BIN_EXE_stepwell").into(), if role == "work" { "worker".to_owned() } else { role.to_owned() })
    } else {
        (std::env::current_exe().unwrap(), format!("--{role}"))
    };
    let mut command = match how.cores {
        None => Command::new(program),
        Some(cores) => {
            let mut command = Command::new("taskset");
            command.args(["-c", cores]).arg(program);
            command
        }
    };
    let settings = settings.iter().map(|(name, value)| (name, value));
    command.arg(role).envs(settings).current_dir(stand.folder()).stdout(Stdio::null());
    command
}

/// The processes that a process started, and those that they started.
fn descendants(root: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    for pid in pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if let Some(parent) = stat(pid).get(1).and_then(|parent| parent.parse().ok()) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend(&below);
        next.extend(below);
    }
    found
}

/// The processor time that a process has used, in seconds.
#[allow(clippy::cast_precision_loss, reason = "a count of ticks")]
fn cpu_seconds(pid: u32) -> f64 {
    let ticks: u64 = stat(pid).iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    ticks as f64 / 100.0
}

/// The fields of a process's `stat` after its name: its state, its parent, …
fn stat(pid: u32) -> Vec<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().map(str::to_owned).collect()
}
