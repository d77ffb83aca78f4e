//! What the workloads stand on: databases, queues, and a fresh one of each for every workload.

use std::cell::Cell;
use std::path::Path;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};
use tempfile::TempDir;

use crate::options::Options;
use crate::postgres::Postgres;
use crate::redis::Redis;
use crate::report::Report;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

impl Backend {
    pub fn title(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL, Redis, a worker",
        }
    }
}

/// A run of workloads on one back end.
pub struct Bench {
    pub backend: Backend,
    pub options: Options,
    pub report: Report,
    services: Option<(Postgres, Redis)>,
    stands: Cell<usize>,
}

impl Bench {
    pub fn prepare(backend: Backend, options: Options, report: Report) -> Self {
        let services = (backend == Backend::Postgres).then(|| (Postgres::start(true), Redis::start(false)));
        Self { backend, options, report, services, stands: Cell::new(0) }
    }

    /// A fresh database, a queue of its own, and a folder with these workflows.
    pub async fn stand(&self, flows: &[(&str, &str)]) -> Stand {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("workflows")).unwrap();
        for (name, text) in flows {
            std::fs::write(folder.path().join(format!("workflows/{name}.flow")), text).unwrap();
        }
        self.stands.set(self.stands.get() + 1);
        let (url, redis) = match &self.services {
            None => (format!("sqlite://{}", folder.path().join("bench.db").display()), None),
            Some((postgres, redis)) => {
                (postgres.database().await, Some((redis.url(), format!("bench{}", self.stands.get()))))
            }
        };
        Stand { folder, url, redis }
    }
}

/// What a server is started on.
pub struct Stand {
    folder: TempDir,
    pub url: String,
    /// The address of Redis, and what the keys begin with.
    pub redis: Option<(String, String)>,
}

impl Stand {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection behind the server's back.
    pub async fn database(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.unwrap()
    }

    /// The one number that a query gives, called `n`.
    pub async fn number(&self, sql: &str) -> u64 {
        number(&self.database().await, sql).await
    }

    /// How many steps the database holds as completed.
    pub async fn completed_steps(&self) -> u64 {
        const SQL: &str =
            "SELECT count(*) AS n FROM step_executions WHERE status = 'completed' AND task_type = 'bench.echo'";
        self.number(SQL).await
    }

    /// How many executions it holds in a state.
    pub async fn executions(&self, status: &str) -> u64 {
        self.number(&format!("SELECT count(*) AS n FROM workflow_executions WHERE status = '{status}'")).await
    }

    /// Has what was written without waiting for the disk put there, so that nobody waits for it later.
    pub fn sync(&self) {
        if self.redis.is_none() {
            std::fs::File::open(self.folder().join("bench.db")).unwrap().sync_all().unwrap();
        }
    }

    /// The bytes that the database takes on disk.
    pub async fn bytes(&self) -> u64 {
        if self.redis.is_some() {
            return self.number("SELECT pg_database_size(current_database()) AS n").await;
        }
        let files = ["bench.db", "bench.db-wal"].map(|name| std::fs::metadata(self.folder().join(name)));
        files.into_iter().flatten().map(|file| file.len()).sum()
    }
}

/// The one number that a query gives, called `n`.
pub async fn number(database: &DatabaseConnection, sql: &str) -> u64 {
    let statement = Statement::from_string(database.get_database_backend(), sql);
    let row = database.query_one_raw(statement).await.unwrap().unwrap();
    u64::try_from(row.try_get::<i64>("", "n").unwrap()).unwrap()
}
