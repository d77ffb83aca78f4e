//! A private Redis for the tests of this process, as there is a private PostgreSQL: gone when the process is.
//!
//! A watchdog (a shell) starts the server and reads orders from a pipe that this process holds. When the process ends,
//! however it ends, the pipe closes, and the watchdog stops the server and removes its folder.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use stepwell::queue::RedisOptions;

/// Obeys `start` and `kill`, one a line, and answers each; stops the server at the pipe's end.
const WATCHDOG: &str = r#"
dir=$(mktemp -d "${TMPDIR:-/tmp}/stepwell-redis.XXXXXX") || exit 1
trap '' INT TERM HUP
cd "$dir"
pid=
start() {
  redis-server --port "$PORT" --bind 127.0.0.1 --dir "$dir" --save '' --appendonly "$KEEP" --appendfsync always \
    $CLUSTER >>"$dir/log" 2>&1 </dev/null &
  pid=$!
  for i in $(seq 200); do
    if redis-cli -p "$PORT" ping 2>/dev/null | grep -q PONG; then
      # Another server may have been faster at the port.
      if kill -0 $pid 2>/dev/null; then slots && echo ready || echo failed; return; fi
    fi
    kill -0 $pid 2>/dev/null || break
    sleep 0.05
  done
  cat "$dir/log" >&2; echo failed
}
slots() {
  [ -z "$CLUSTER" ] && return
  redis-cli -p "$PORT" cluster addslotsrange 0 16383 >>"$dir/log" 2>&1
  for i in $(seq 200); do
    redis-cli -p "$PORT" cluster info 2>/dev/null | grep -q cluster_state:ok && return
    sleep 0.05
  done
  return 1
}
stop() {
  [ -n "$pid" ] && kill -9 $pid 2>/dev/null && wait $pid 2>/dev/null
  pid=
}
while read -r order; do
  case $order in
    start) start ;;
    kill) stop; echo gone ;;
  esac
done
stop
cd /; rm -rf "$dir"
"#;

/// A server.
pub struct Redis {
    port: u16,
    prefixes: AtomicUsize,
    watchdog: Mutex<(Child, BufReader<ChildStdout>)>,
}

impl Redis {
    /// The server of this process. It keeps nothing on disk, and nobody flushes or restarts it. It is a cluster of one, which
    /// refuses whatever touches keys of several slots at once.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| Self::start_as(false, true))
    }

    /// Starts a server of one's own; with `keep` it keeps what it holds on disk.
    pub fn start(keep: bool) -> Self {
        Self::start_as(keep, false)
    }

    fn start_as(keep: bool, cluster: bool) -> Self {
        // Another process may take the port before the server does: try again with another.
        (0..3).find_map(|_| Self::try_start(keep, cluster)).expect("Redis did not start: install `redis-server`")
    }

    #[allow(clippy::zombie_processes, reason = "it outlives this process, to stop the server")]
    fn try_start(keep: bool, cluster: bool) -> Option<Self> {
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let [port, bus] = [free(), free()].map(|listener| listener.local_addr().unwrap().port());
        let cluster = if cluster { format!("--cluster-enabled yes --cluster-port {bus}") } else { String::new() };
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .env("PORT", port.to_string())
            .env("KEEP", if keep { "yes" } else { "no" })
            .env("CLUSTER", cluster)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh");
        let answers = BufReader::new(watchdog.stdout.take()?);
        let redis = Self { port, prefixes: AtomicUsize::new(0), watchdog: Mutex::new((watchdog, answers)) };
        (redis.order("start") == "ready").then_some(redis)
    }

    fn order(&self, order: &str) -> String {
        let mut watchdog = self.watchdog.lock().unwrap();
        writeln!(watchdog.0.stdin.as_mut().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        watchdog.1.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// Kills the server, at once.
    pub fn kill(&self) {
        assert_eq!(self.order("kill"), "gone");
    }

    /// Starts the server again, with what it kept.
    pub fn start_again(&self) {
        assert_eq!(self.order("start"), "ready");
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Options with keys that nobody else uses.
    pub fn options(&self) -> RedisOptions {
        let prefix = format!("test{}", self.prefixes.fetch_add(1, Ordering::Relaxed));
        RedisOptions { prefix, ..RedisOptions::new(self.url()) }
    }

    /// A connection, to look behind the queue.
    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }
}
