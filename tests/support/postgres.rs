//! A private PostgreSQL for the tests of this process: started when first asked for, gone when the process is.
//!
//! A watchdog (a shell) starts it and waits at the end of a pipe that this process holds. When the process ends, however it
//! ends, the pipe closes, and the watchdog stops the server and removes its folder.
//!
//! `Postgres::shared().database().await` gives the address of a fresh, empty database.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use sea_orm::{ConnectionTrait, Database};

/// Starts the server, says `ready`, waits for the pipe to close, stops it. PostgreSQL refuses to run as root, so that root
/// becomes `postgres` first.
const WATCHDOG: &str = r#"
dir=$(mktemp -d "${TMPDIR:-/tmp}/stepwell-postgres.XXXXXX") || exit 1
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then
  chown postgres "$dir"
  as() { runuser -u postgres -- "$@"; }
fi
# The pipes break when the tests are killed; that must not end this before the server.
trap '' INT TERM HUP PIPE
cd "$dir"
server=
stop() {
  for i in $(seq 100); do
    [ -n "$server" ] && kill -0 "$server" 2>/dev/null || break
    [ -s data/postmaster.pid ] && kill -QUIT "$(head -n 1 data/postmaster.pid)" 2>/dev/null
    sleep 0.1
  done
  cd /; rm -rf "$dir"
}
if ! as "$BIN/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 </dev/null; then
  cat "$dir/initdb.log" >&2; stop; exit 1
fi
as "$BIN/postgres" -D "$dir/data" -p "$PORT" -c listen_addresses=127.0.0.1 -c unix_socket_directories= \
  -c fsync="$FSYNC" -c synchronous_commit="$FSYNC" -c full_page_writes="$FSYNC" \
  -c max_connections=400 -c shared_buffers=128MB -c max_wal_size=2GB >"$dir/log" 2>&1 </dev/null &
server=$!
for i in $(seq 300); do
  if "$BIN/pg_isready" -q -h 127.0.0.1 -p "$PORT" -U postgres; then echo ready 2>/dev/null; break; fi
  if [ "$i" -gt 20 ] && ! kill -0 "$server" 2>/dev/null; then break; fi
  sleep 0.1
done
cat >/dev/null
stop
"#;

/// A running server.
pub struct Postgres {
    port: u16,
    databases: AtomicUsize,
    /// Its standard input is the pipe.
    _watchdog: Child,
}

impl Postgres {
    /// The server of this process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(false))
    }

    /// Starts a server; `durable` waits for the disk, as one in earnest does.
    pub fn start(durable: bool) -> Self {
        // Another process may take the port before the server does: try again with another.
        (0..3).find_map(|_| Self::try_start(durable)).expect("PostgreSQL did not start: see its output above")
    }

    #[allow(clippy::zombie_processes, reason = "it outlives this process, to stop the server")]
    fn try_start(durable: bool) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .env("BIN", binaries())
            .env("PORT", port.to_string())
            .env("FSYNC", if durable { "on" } else { "off" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A group of its own: an interrupt at the terminal ends the tests, and the closed pipe ends this.
            .process_group(0)
            .spawn()
            .expect("sh");
        let mut line = String::new();
        BufReader::new(watchdog.stdout.take()?).read_line(&mut line).ok()?;
        if line.trim() != "ready" {
            drop(watchdog.stdin.take());
            let _ = watchdog.wait();
            return None;
        }
        Some(Self { port, databases: AtomicUsize::new(0), _watchdog: watchdog })
    }

    /// The address of a fresh, empty database.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let server = Database::connect(self.url("postgres")).await.unwrap();
        server.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        server.close().await.unwrap();
        self.url(&name)
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

/// Where the server's programs are: beside the newest `initdb` of Debian's folders, else on the path.
fn binaries() -> PathBuf {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    found.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|folder| folder.join("initdb").is_file());
    let newest = found.into_iter().rev().find(|folder| folder.join("initdb").is_file());
    newest.or(on_path).expect("PostgreSQL's programs: install `postgresql`")
}
