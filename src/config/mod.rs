//! The settings: `stepwell.toml`, then `STEPWELL_*`, then flags; each knows where it came from.
//!
//! Invariant: an unknown key or a bad value is never passed over: it names itself, its place and the way out, and all of
//! them are told at once. A secret is never shown.

mod environment;
mod error;
mod file;
mod keys;
mod overrides;
mod show;
mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::service::ports::Wanted;

pub use error::{ConfigError, ConfigErrors};
pub use overrides::Overrides;
pub use show::Row;
pub use value::Origin;

use keys::{KEYS, Key};
use value::Raw;

/// The file that is read from the working directory where none is named.
pub const FILE_NAME: &str = "stepwell.toml";

/// What is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Host names by which the API may be called, apart from those of loopback.
    pub allowed_hosts: Vec<String>,
    /// The server's own certificate.
    pub tls: Tls,
    /// The database.
    pub database: Database,
    /// The task queue over Redis; none is the queue in the process.
    pub redis: Redis,
    /// The folder of workflow files; none is watched where it is empty.
    pub workflows: PathBuf,
    /// How the folder is watched.
    pub watch: Watch,
    /// The worker pool of this process.
    pub workers: Workers,
    /// How long executions are kept after their end.
    pub retention: Retention,
    /// How long a stop waits for what is running.
    pub drain: Duration,
    /// The log.
    pub log: Log,
    /// Where spans are sent.
    pub otlp: Otlp,
    /// Whether the stub endpoints of the examples are served.
    pub demo: bool,
    /// Bounds of what can grow.
    pub limits: Limits,
    /// `http_request`.
    pub http: Http,
    /// What replaces the settings of workflows, by workflow and key.
    pub settings: Overrides,
}

/// The server's certificate; HTTP without one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    /// The PEM file of the certificate and its chain.
    pub cert: Option<PathBuf>,
    /// The PEM file of its key.
    pub key: Option<PathBuf>,
}

/// The database's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// `sqlite://FILE` or `postgres://…`.
    pub url: String,
    /// How many connections the pool may open.
    pub max_connections: u32,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may run.
    pub statement_timeout: Duration,
    /// How long a server that shares a PostgreSQL database with others keeps its partitions without being heard of.
    pub lease: Duration,
    /// How a connection to PostgreSQL is protected; none is as the URL says.
    pub tls: Option<String>,
    /// The PEM file of the authority that signed PostgreSQL's certificate.
    pub ca: Option<PathBuf>,
}

/// The settings of Redis.
#[derive(Clone, Debug, PartialEq)]
pub struct Redis {
    /// `redis://…`, or `rediss://…` with TLS.
    pub url: Option<String>,
    /// What all keys begin with.
    pub prefix: String,
    /// How long a claim lives without a heartbeat.
    pub lease: Duration,
    /// The PEM file of the authority that signed the certificate of Redis.
    pub ca: Option<PathBuf>,
}

/// How the folder of workflows is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Look every so often rather than wait for events of the file system.
    pub poll: Option<Duration>,
    /// How long it must be quiet before a change is applied.
    pub debounce: Duration,
}

/// The worker pool's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Workers {
    /// How many attempts run at once in this process; 0 is no pool.
    pub concurrency: u32,
    /// The queues whose tasks are taken, each with its weight where it has one (`fast=3`); none is all.
    pub queues: Vec<String>,
}

/// How long executions are kept after their end.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// Those that completed; none for ever.
    pub completed: Option<Duration>,
    /// Those that failed or were cancelled; none for ever.
    pub failed: Option<Duration>,
    /// How much longer the idempotency keys are kept.
    pub keys: Duration,
}

/// The log's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// The lowest level, or directives such as `info,stepwell::runtime=debug`.
    pub level: String,
    /// How a line is written.
    pub format: LogFormat,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// An object a line.
    Json,
}

/// Where spans are sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Otlp {
    /// The base address of a collector that takes OTLP over HTTP; none is no export.
    pub endpoint: Option<String>,
}

/// Bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// The largest input of an execution, in bytes of its JSON.
    pub input_bytes: u64,
    /// The largest output of a step, in bytes of its JSON.
    pub output_bytes: u64,
    /// The largest body of a request to the API, in bytes.
    pub body_bytes: u64,
}

/// The settings of `http_request`.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// How long connecting may take.
    pub connect_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            allowed_hosts: Vec::new(),
            tls: Tls::default(),
            database: Database::default(),
            redis: Redis::default(),
            workflows: PathBuf::from("workflows"),
            watch: Watch { poll: None, debounce: Duration::from_millis(100) },
            workers: Workers { concurrency: 64, queues: Vec::new() },
            retention: Retention { completed: None, failed: None, keys: Duration::from_secs(24 * 3600) },
            drain: Duration::from_secs(30),
            log: Log { level: "info".to_owned(), format: LogFormat::Text },
            otlp: Otlp::default(),
            demo: false,
            limits: Limits::default(),
            http: Http { connect_timeout: Duration::from_secs(10) },
            settings: Overrides::default(),
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite://stepwell.db".to_owned(),
            max_connections: 16,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            lease: Duration::from_secs(3),
            tls: None,
            ca: None,
        }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self { url: None, prefix: "stepwell".to_owned(), lease: Duration::from_secs(15), ca: None }
    }
}

impl Default for Limits {
    fn default() -> Self {
        // A body holds a source of 2 MiB, whatever JSON makes of its quotes and line ends.
        Self { input_bytes: 1024 * 1024, output_bytes: 1024 * 1024, body_bytes: 8 * 1024 * 1024 }
    }
}

/// What the settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The file that was named; else `stepwell.toml` of the folder, where there is one.
    pub file: Option<PathBuf>,
    /// The folder in which `stepwell.toml` is looked for.
    pub folder: PathBuf,
    /// The variables of the environment; those that are not ours are passed over.
    pub environment: Vec<(String, String)>,
    /// The flags that were given.
    pub flags: Vec<Flag>,
}

/// A flag that was given.
#[derive(Clone, Debug)]
pub struct Flag {
    /// How it is written: `--listen`.
    pub name: &'static str,
    /// The key that it sets: `listen`.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

impl Inputs {
    /// What this process was given: its working directory, its environment, and these flags.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<Flag>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .collect();
        Self { file, folder: PathBuf::from("."), environment, flags }
    }

    /// The file to read: the flag's, the variable's, or the one that is there.
    fn file(&self) -> Option<PathBuf> {
        let variable = self.environment.iter().find(|(name, _)| name == environment::FILE);
        let named = self.file.clone().or_else(|| variable.map(|(_, path)| PathBuf::from(path)));
        named.or_else(|| Some(self.folder.join(FILE_NAME)).filter(|path| path.is_file()))
    }
}

/// What is in force, and where each value came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What is in force.
    pub config: Config,
    /// Where from, by key; those that are not here are defaults.
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// The defaults.
    pub fn defaults() -> Self {
        Self { config: Config::default(), origins: BTreeMap::new() }
    }

    /// Where the value of a key came from.
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// Sets a key; an error is about the value.
    fn set(&mut self, key: &'static Key, raw: &Raw, origin: &Origin) -> Result<(), ConfigError> {
        let value = key.kind.read(raw).map_err(|expected| {
            let shown = raw.shown(key.kind.is_secret());
            ConfigError::new(origin.clone(), format!("`{}` is {expected}, not {shown}", key.name))
        })?;
        if !(key.set)(&mut self.config, value) {
            return Err(ConfigError::new(origin.clone(), format!("`{}` can't be empty", key.name)));
        }
        self.origins.insert(key.name.to_owned(), origin.clone());
        Ok(())
    }
}

impl Config {
    /// Reads the settings: the defaults, over them the file, the environment and the flags.
    ///
    /// # Errors
    /// Everything that is wrong, in the order it was read.
    pub fn load(inputs: &Inputs) -> Result<Loaded, ConfigErrors> {
        let mut loaded = Loaded::defaults();
        let mut errors = Vec::new();
        if let Some(path) = inputs.file() {
            file::read(&path, &mut loaded, &mut errors);
        }
        environment::read(&inputs.environment, &mut loaded, &mut errors);
        for flag in &inputs.flags {
            read_flag(flag, &mut loaded, &mut errors);
        }
        if errors.is_empty() {
            check(&loaded, &mut errors);
        }
        if errors.is_empty() { Ok(loaded) } else { Err(ConfigErrors(errors)) }
    }

    /// The database's URL with the TLS settings in it.
    pub fn database_url(&self) -> String {
        let mut url = self.database.url.clone();
        if url.starts_with("sqlite:") {
            return url;
        }
        let mut add = |name: &str, value: &str| {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(name);
            url.push('=');
            url.push_str(value);
        };
        if let Some(mode) = &self.database.tls {
            add("sslmode", mode);
        }
        if let Some(ca) = &self.database.ca {
            add("sslrootcert", &ca.display().to_string());
        }
        url
    }
}

/// A URL with its password masked.
pub fn masked_url(url: &str) -> String {
    value::mask(url)
}

fn read_flag(flag: &Flag, loaded: &mut Loaded, errors: &mut Vec<ConfigError>) {
    let origin = Origin::Flag(flag.name.to_owned());
    if flag.key == "settings" {
        return overrides::read_flag(&flag.value, &origin, loaded, errors);
    }
    match KEYS.iter().find(|key| key.name == flag.key) {
        Some(key) => errors.extend(loaded.set(key, &Raw::Loose(flag.value.clone()), &origin).err()),
        None => errors.push(ConfigError::new(origin, format!("unknown key `{}`", flag.key))),
    }
}

/// What no single value shows.
fn check(loaded: &Loaded, errors: &mut Vec<ConfigError>) {
    if let Err(message) = Wanted::of_queues(&loaded.config.workers.queues) {
        errors.push(ConfigError::new(loaded.origin("workers.queues"), format!("`workers.queues`: {message}")));
    }
    let tls = &loaded.config.tls;
    for (have, name, missing) in
        [(tls.cert.is_some(), "tls.cert", "tls.key"), (tls.key.is_some(), "tls.key", "tls.cert")]
    {
        let other = if missing == "tls.key" { tls.key.is_some() } else { tls.cert.is_some() };
        if have && !other {
            errors.push(ConfigError::new(loaded.origin(name), format!("`{name}` is set and `{missing}` is not")));
        }
    }
    for (path, name) in [
        (&tls.cert, "tls.cert"),
        (&tls.key, "tls.key"),
        (&loaded.config.database.ca, "database.ca"),
        (&loaded.config.redis.ca, "redis.ca"),
    ] {
        if let Some(path) = path.as_deref().filter(|path| !Path::new(path).is_file()) {
            let message = format!("`{name}` names `{}`, which is no file", path.display());
            errors.push(ConfigError::new(loaded.origin(name), message));
        }
    }
}

#[cfg(test)]
mod tests;
