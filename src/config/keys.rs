//! The table of all keys: what each is called, what it takes, what it is for.

use std::path::{Path, PathBuf};

use super::value::{Kind, Setting};
use super::{Config, LogFormat};

/// A setting.
pub(super) struct Key {
    /// Its name, dotted.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What it is for.
    pub about: &'static str,
    /// Puts a value of its kind in force; false where the key can't do without one.
    pub set: fn(&mut Config, Setting) -> bool,
    /// What is in force.
    pub get: fn(&Config) -> Setting,
}

/// Whether a name is that of a table.
pub(super) fn section(name: &str) -> bool {
    KEYS.iter().any(|key| key.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// Every name, of keys and of tables.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let tables = KEYS.iter().filter_map(|key| Some(key.name.split_once('.')?.0));
    KEYS.iter().map(|key| key.name).chain(tables).chain(["settings"])
}

/// A field of the configuration and how it becomes a `Setting` and back. What can't be unset stays as it is.
macro_rules! key {
    ($name:literal, $kind:expr, $about:literal, $as:ident $($field:ident).+) => {
        Key {
            name: $name,
            kind: $kind,
            about: $about,
            set: |config, value| $as::put(&mut config.$($field).+, value),
            get: |config| $as::take(&config.$($field).+),
        }
    };
}

/// The keys, as `stepwell config` lists them.
pub(super) static KEYS: &[Key] = &[
    key!("listen", Kind::Address, "where the API listens", address listen),
    key!("allowed_hosts", Kind::List, "host names that the API may be called by, apart from loopback's", list allowed_hosts),
    key!("tls.cert", Kind::Text, "PEM file of the server's certificate and its chain", maybe_path tls.cert),
    key!("tls.key", Kind::Text, "PEM file of the certificate's key", maybe_path tls.key),
    key!("database.url", Kind::Url(&["sqlite:", "postgres:", "postgresql:"]), "the database", text database.url),
    key!("database.max_connections", Kind::Count(2..=1000), "connections of the pool at most", number database.max_connections),
    key!("database.acquire_timeout", Kind::Duration, "how long to wait for a connection", duration database.acquire_timeout),
    key!("database.statement_timeout", Kind::Duration, "how long a statement may run", duration database.statement_timeout),
    key!("database.lease", Kind::Duration, "how long a server that was silent keeps its partitions (PostgreSQL)", duration database.lease),
    key!("database.tls", Kind::Choice(&["disable", "prefer", "require", "verify-ca", "verify-full"]), "TLS to PostgreSQL", maybe_text database.tls),
    key!("database.ca", Kind::Text, "PEM file of the authority of PostgreSQL's certificate", maybe_path database.ca),
    key!("redis.url", Kind::Url(&["redis:", "rediss:", "redis+unix:", "unix:"]), "the task queue; none is the one in the process", maybe_text redis.url),
    key!("redis.prefix", Kind::Text, "what every key in Redis begins with", text redis.prefix),
    key!("redis.lease", Kind::Duration, "how long a claim lives without a heartbeat", duration redis.lease),
    key!("redis.ca", Kind::Text, "PEM file of the authority of Redis's certificate", maybe_path redis.ca),
    key!("workflows", Kind::Text, "folder of workflow files", path workflows),
    key!("watch.poll", Kind::Duration, "look this often rather than wait for events", maybe_duration watch.poll),
    key!("watch.debounce", Kind::Duration, "how long it must be quiet before a change is applied", duration watch.debounce),
    key!("workers.concurrency", Kind::Count(0..=10_000), "attempts that run at once in this process; 0 is none", number workers.concurrency),
    key!("workers.queues", Kind::List, "queues whose tasks are taken, with weights where one is to have more (`fast=3`); none is all", list workers.queues),
    key!("retention.completed", Kind::Duration, "how long completed executions are kept; none is for ever", maybe_duration retention.completed),
    key!("retention.failed", Kind::Duration, "how long failed and cancelled executions are kept; none is for ever", maybe_duration retention.failed),
    key!("retention.keys", Kind::Duration, "how much longer idempotency keys are kept", duration retention.keys),
    key!("drain", Kind::Duration, "how long a stop waits for what is running", duration drain),
    key!("log.level", Kind::Text, "lowest level, or directives by module", text log.level),
    key!("log.format", Kind::Choice(&["text", "json"]), "how a line of the log is written", log_format log.format),
    key!("otlp.endpoint", Kind::Url(&["http://", "https://"]), "collector that takes spans over OTLP/HTTP", maybe_text otlp.endpoint),
    key!("demo", Kind::Bool, "serve the stub endpoints that the examples call", flag demo),
    key!("limits.input_bytes", Kind::Bytes, "largest input of an execution", bytes limits.input_bytes),
    key!("limits.output_bytes", Kind::Bytes, "largest output of a step", bytes limits.output_bytes),
    key!("limits.body_bytes", Kind::Bytes, "largest body of a request to the API", bytes limits.body_bytes),
    key!("http.connect_timeout", Kind::Duration, "how long an `http_request` may take to connect", duration http.connect_timeout),
];

/// The two ways of a type of field.
macro_rules! conversion {
    ($name:ident, $type:ty, $($setting:pat => $value:expr),+; $field:ident => $back:expr) => {
        mod $name {
            #[allow(unused_imports, reason = "each conversion needs some of them")]
            use super::{LogFormat, Path, PathBuf, Setting};
            pub(super) fn put(field: &mut $type, value: Setting) -> bool {
                match value {
                    $($setting => *field = $value,)+
                    // The kind of the key admits nothing else but `Nothing`.
                    _ => return false,
                }
                true
            }
            #[allow(clippy::ptr_arg, reason = "it is the type of a field")]
            pub(super) fn take($field: &$type) -> Setting {
                $back
            }
        }
    };
}

conversion!(address, std::net::SocketAddr, Setting::Address(it) => it; field => Setting::Address(*field));
conversion!(list, Vec<String>, Setting::List(it) => it; field => Setting::List(field.clone()));
conversion!(text, String, Setting::Text(it) => it; field => Setting::Text(field.clone()));
conversion!(maybe_text, Option<String>, Setting::Text(it) => Some(it), Setting::Nothing => None;
    field => field.clone().map_or(Setting::Nothing, Setting::Text));
conversion!(path, PathBuf, Setting::Text(it) => it.into(), Setting::Nothing => PathBuf::new();
    field => Setting::Text(Path::to_string_lossy(field).into_owned()));
conversion!(maybe_path, Option<PathBuf>, Setting::Text(it) => Some(it.into()), Setting::Nothing => None;
    field => field.as_deref().map_or(Setting::Nothing, |it| Setting::Text(Path::to_string_lossy(it).into_owned())));
conversion!(duration, std::time::Duration, Setting::Duration(it) => it; field => Setting::Duration(*field));
conversion!(maybe_duration, Option<std::time::Duration>, Setting::Duration(it) => Some(it), Setting::Nothing => None;
    field => field.map_or(Setting::Nothing, Setting::Duration));
conversion!(number, u32, Setting::Number(it) => u32::try_from(it).unwrap_or(u32::MAX);
    field => Setting::Number(u64::from(*field)));
conversion!(bytes, u64, Setting::Number(it) => it; field => Setting::Number(*field));
conversion!(flag, bool, Setting::Bool(it) => it; field => Setting::Bool(*field));
conversion!(log_format, LogFormat,
    Setting::Text(it) => if it == "json" { LogFormat::Json } else { LogFormat::Text };
    field => Setting::Text(match field { LogFormat::Json => "json".to_owned(), LogFormat::Text => "text".to_owned() }));
