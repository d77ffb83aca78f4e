//! Opening a database: its connections, its lock, its tables.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    IsolationLevel, Select, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use stepwell_migration::Migrator;

use crate::service::ports::StoreResult;

use super::fault;
use super::lock::FileLock;
use super::options::Address;
use super::{OpenError, Options};

/// The key of the advisory lock under which a PostgreSQL database is migrated.
const MIGRATE_LOCK: i64 = 0x5354_4550_5745_4C02;

/// Connections that write to a PostgreSQL database. More than the committers there are gain nothing.
const POSTGRES_WRITERS: u32 = 4;

/// Connections that read a SQLite file, at most: more than these wait for a core, and each has a thread and a cache of its own.
const SQLITE_READERS: u32 = 4;

/// How much of a SQLite database the writer keeps in memory, and each reader, in KiB.
const SQLITE_CACHE_KIB: (u32, u32) = (32 * 1024, 4 * 1024);

/// How large SQLite's log stays once it was larger, in bytes.
const SQLITE_LOG_BYTES: u32 = 64 * 1024 * 1024;

/// How many pages SQLite's log gathers before they go to the database: a few more than its default, since each time costs
/// two waits for the disk.
const SQLITE_CHECKPOINT_PAGES: u32 = 4_000;

/// An open database. Implements `Store`.
pub struct Database {
    /// SQLite: one connection, since one writes at a time. PostgreSQL: a few.
    pub(super) write: DatabaseConnection,
    /// Connections that read, so that a list never waits for a commit.
    pub(super) read: DatabaseConnection,
    /// The connection that leases are renewed over: on PostgreSQL one of its own in a process that serves, so that nothing is
    /// waited for.
    pub(super) leases: DatabaseConnection,
    /// The lock of the process that serves this SQLite file, released when this is dropped.
    _lock: Option<FileLock>,
}

impl Database {
    /// Connects, and brings the tables up to date. With `options.exclusive` a SQLite file is this process's for its life.
    ///
    /// # Errors
    /// A wrong address, a database that does not answer, a file that another process serves, or tables of a newer release.
    pub async fn open(options: &Options) -> Result<Arc<Self>, OpenError> {
        let address = Address::parse(&options.url)?;
        let database = match &address {
            Address::Sqlite(path) => Self::open_sqlite(path, &address.name(), options).await?,
            Address::Postgres(url) => Self::open_postgres(url, &address.name(), options).await?,
        };
        let migrated = database.migrate().await;
        migrated.map_err(|error| OpenError::Migrate { name: address.name(), reason: error.to_string() })?;
        Ok(Arc::new(database))
    }

    async fn open_sqlite(path: &Path, name: &str, options: &Options) -> Result<Self, OpenError> {
        let path = &canonical(path);
        let _lock = if options.exclusive { Some(FileLock::take(path, name)?) } else { None };
        // The writer comes first: it makes the file, and the readers' shared memory with it.
        let write = connect_patiently(|| sqlite(path, options, 1, false), name, options.acquire_timeout).await?;
        let read = connect(sqlite(path, options, options.max_connections.clamp(1, SQLITE_READERS), true), name).await?;
        Ok(Self { leases: write.clone(), write, read, _lock })
    }

    async fn open_postgres(url: &str, name: &str, options: &Options) -> Result<Self, OpenError> {
        let write = connect(postgres(url, options, POSTGRES_WRITERS, WRITER), name).await?;
        let leases = match options.exclusive {
            true => connect(postgres(url, options, 1, &[]), name).await?,
            false => write.clone(),
        };
        let read = connect(postgres(url, options, options.max_connections.max(1), &[]), name).await?;
        Ok(Self { write, read, leases, _lock: None })
    }

    /// Which database this is: `sqlite` or `postgres`.
    pub fn kind(&self) -> &'static str {
        match self.write.get_database_backend() {
            DbBackend::Sqlite => "sqlite",
            _ => "postgres",
        }
    }

    /// Begins a transaction that writes. On SQLite it is immediate: it waits for its turn at once, and never finds out later
    /// that it read what another has changed.
    pub(super) async fn begin(&self) -> StoreResult<DatabaseTransaction> {
        Ok(self.begin_write().await?)
    }

    /// Begins a transaction that reads, and sees one moment.
    pub(super) async fn begin_snapshot(&self) -> StoreResult<DatabaseTransaction> {
        let isolation = match self.read.get_database_backend() {
            DbBackend::Sqlite => None,
            _ => Some(IsolationLevel::RepeatableRead),
        };
        Ok(self.read.begin_with_config(isolation, None).await?)
    }

    async fn begin_write(&self) -> Result<DatabaseTransaction, DbErr> {
        let mode = match self.write.get_database_backend() {
            DbBackend::Sqlite => Some(SqliteTransactionMode::Immediate),
            _ => None,
        };
        let options = TransactionOptions { sqlite_transaction_mode: mode, ..TransactionOptions::default() };
        self.write.begin_with_options(options).await
    }

    /// Runs the migrations that are missing, in one transaction and one process at a time: all of them or none.
    async fn migrate(&self) -> Result<(), DbErr> {
        use sea_orm_migration::MigratorTrait;
        let transaction = self.begin_write().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            // A migration may take longer than any statement of ours, and so may the wait for another process's.
            transaction.execute_unprepared("SET LOCAL statement_timeout = 0").await?;
            transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATE_LOCK})")).await?;
        }
        Migrator::up(&transaction, None).await?;
        transaction.commit().await
    }
}

/// The row of a statement that finds one at most. `one` binds a LIMIT, and SQLite prepares a statement whose LIMIT is bound
/// anew each time.
pub(super) async fn only<E: EntityTrait>(
    select: Select<E>,
    connection: &impl ConnectionTrait,
) -> Result<Option<E::Model>, DbErr> {
    Ok(select.all(connection).await?.pop())
}

/// Settings of writers: a commit's rows are few beside its tables, and looking them up one by one always wins. A process that
/// stands still in the middle of a commit holds up for these few seconds whoever takes over its partitions.
const WRITER: &[(&str, &str)] =
    &[("enable_hashjoin", "off"), ("enable_mergejoin", "off"), ("idle_in_transaction_session_timeout", "3s")];

/// The path with its links followed, so that one file has one lock whatever it is called by.
fn canonical(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let followed = path.canonicalize().ok();
    let followed = followed.or_else(|| Some(parent.canonicalize().ok()?.join(path.file_name()?)));
    followed.unwrap_or_else(|| path.to_owned())
}

/// Connects to a SQLite file that others may be opening. Its log is switched on under a lock that SQLite does not wait for,
/// however long its time-out is.
async fn connect_patiently(
    options: impl Fn() -> ConnectOptions,
    name: &str,
    patience: Duration,
) -> Result<DatabaseConnection, OpenError> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        match connect(options(), name).await {
            Err(OpenError::Connect { reason, .. })
                if reason.contains("database is locked") && tokio::time::Instant::now() < deadline =>
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            connected => return connected,
        }
    }
}

async fn connect(options: ConnectOptions, name: &str) -> Result<DatabaseConnection, OpenError> {
    let patience = options.get_acquire_timeout();
    let connected = sea_orm::Database::connect(options).await;
    connected.map_err(|error| {
        let reason = match (&error, patience) {
            (DbErr::ConnectionAcquire(_) | DbErr::Conn(_), Some(patience))
                if error.to_string().contains("timed out") =>
            {
                format!("it did not answer within {} s", patience.as_secs_f64())
            }
            _ => error.to_string(),
        };
        OpenError::Connect { name: name.to_owned(), reason }
    })
}

fn sqlite(path: &Path, options: &Options, connections: u32, read_only: bool) -> ConnectOptions {
    let cache = if read_only { SQLITE_CACHE_KIB.1 } else { SQLITE_CACHE_KIB.0 };
    let file = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(!read_only)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(if fault::no_sync() { SqliteSynchronous::Off } else { SqliteSynchronous::Full })
        .busy_timeout(options.acquire_timeout)
        .foreign_keys(true)
        .statement_cache_capacity(128)
        .pragma("cache_size", format!("-{cache}"))
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", SQLITE_CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", SQLITE_LOG_BYTES.to_string())
        .pragma("query_only", if read_only { "1" } else { "0" });
    let mut pool = pool("sqlite://".to_owned(), options, connections);
    pool.map_sqlx_sqlite_opts(move |given| {
        use sea_orm::sqlx::ConnectOptions as _;
        let _ = given;
        file.clone().disable_statement_logging()
    });
    pool
}

fn postgres(url: &str, options: &Options, connections: u32, settings: &'static [(&str, &str)]) -> ConnectOptions {
    let mut pool = pool(url.to_owned(), options, connections);
    pool.set_application_name("stepwell").statement_timeout(options.statement_timeout);
    // A server that was started again leaves dead connections behind: one that lay idle is tried before it is used.
    pool.test_before_acquire_if_idle_for(Duration::from_secs(5));
    pool.map_sqlx_postgres_opts(move |given| given.options(settings.iter().copied()));
    pool
}

fn pool(url: String, options: &Options, connections: u32) -> ConnectOptions {
    let mut pool = ConnectOptions::new(url);
    pool.max_connections(connections)
        .min_connections(1)
        .acquire_timeout(options.acquire_timeout)
        .connect_timeout(options.acquire_timeout)
        .max_lifetime(None::<Duration>)
        .idle_timeout(None::<Duration>)
        .test_before_acquire(false)
        .sqlx_logging(false);
    pool
}
