//! The migrations: from empty, again, several at once, and never back.

use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::{MigratorTrait, SchemaManager};
use stepwell::service::ports::{ExecutionReads, ExecutionStore, StepFilter};
use stepwell::store::{Database, OpenError, Options};
use stepwell_migration::Migrator;

use crate::store::urls;

/// A process that does not serve.
fn reader(url: &str) -> Options {
    Options { exclusive: false, ..Options::new(url) }
}

#[tokio::test]
async fn an_empty_database_gets_every_table_and_a_second_start_changes_nothing() {
    let (urls, _folder) = urls().await;
    for url in urls {
        for _ in 0..2 {
            Database::open(&Options::new(&url)).await.unwrap().ping().await.unwrap();
        }
        let raw = sea_orm::Database::connect(&url).await.unwrap();
        let manager = SchemaManager::new(&raw);
        let tables = [
            "workflows",
            "workflow_versions",
            "workflow_steps",
            "workflow_executions",
            "step_executions",
            "fused_steps",
            "execution_logs",
            "execution_controls",
            "partitions",
            "nodes",
            "step_cache",
            "rate_limits",
            "events",
            "event_deliveries",
            "event_listeners",
            "task_types",
            "inbox",
        ];
        for table in tables {
            assert!(manager.has_table(table).await.unwrap(), "{table}");
        }
        assert_eq!(Migrator::get_applied_migrations(&raw).await.unwrap().len(), Migrator::migrations().len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_start_at_once_migrate_once() {
    let (urls, _folder) = urls().await;
    for url in urls {
        let barrier = Arc::new(tokio::sync::Barrier::new(6));
        let starts = (0..6).map(|_| {
            let (barrier, options) = (barrier.clone(), reader(&url));
            tokio::spawn(async move {
                barrier.wait().await;
                Database::open(&options).await.map(|_| ())
            })
        });
        for start in starts.collect::<Vec<_>>() {
            start.await.unwrap().unwrap();
        }
    }
}

#[test]
fn a_migration_is_called_as_its_file_is() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migration/src");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let names = files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("m0")).collect();
    names.sort();
    let called: Vec<String> = Migrator::migrations().iter().map(|migration| migration.name().to_owned()).collect();
    assert_eq!(called, names);
}

#[tokio::test]
async fn migrations_do_not_go_back() {
    let (urls, _folder) = urls().await;
    for url in urls {
        Database::open(&reader(&url)).await.unwrap();
        let raw = sea_orm::Database::connect(&url).await.unwrap();
        let error = Migrator::down(&raw, Some(1)).await.unwrap_err();
        assert!(error.to_string().contains("migrations go forward only"), "{error}");
        assert!(SchemaManager::new(&raw).has_table("partitions").await.unwrap());
    }
}

#[tokio::test]
async fn tables_of_a_newer_release_are_refused() {
    let (urls, _folder) = urls().await;
    for url in urls {
        Database::open(&reader(&url)).await.unwrap();
        let raw = sea_orm::Database::connect(&url).await.unwrap();
        raw.execute_unprepared("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)")
            .await
            .unwrap();
        let error = Database::open(&reader(&url)).await.err().unwrap();
        assert!(matches!(error, OpenError::Migrate { .. }), "{error}");
        assert!(!error.help().is_empty());
    }
}

#[tokio::test]
async fn one_process_at_a_time_serves_a_file_and_the_next_takes_over_at_once() {
    let (url, _folder) = crate::store::sqlite();
    let first = Database::open(&Options::new(&url)).await.unwrap();
    let error = Database::open(&Options::new(&url)).await.err().unwrap();
    assert!(matches!(&error, OpenError::Owned(_)), "{error}");
    assert!(error.to_string().starts_with("another process serves `"), "{error}");
    Database::open(&reader(&url)).await.expect("reading is open to others");
    drop(first);
    Database::open(&Options::new(&url)).await.unwrap();
}

#[tokio::test]
async fn a_link_to_a_file_that_is_served_is_the_same_database() {
    let (url, folder) = crate::store::sqlite();
    let _first = Database::open(&Options::new(&url)).await.unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(folder.path().join("test.db"), &link).unwrap();
    let error = Database::open(&Options::new(format!("sqlite://{}", link.display()))).await.err().unwrap();
    assert!(matches!(error, OpenError::Owned(_)), "{error}");
}

#[tokio::test]
async fn what_is_no_database_is_an_error_that_names_it() {
    let nowhere = Database::open(&Options::new("sqlite:///nowhere/at/all.db")).await.err().unwrap();
    assert!(nowhere.to_string().starts_with("can't open `/nowhere/at/all.db`: "), "{nowhere}");
    let closed = Options {
        acquire_timeout: std::time::Duration::from_millis(500),
        ..Options::new("postgres://me:secret@127.0.0.1:1/db")
    };
    let closed = Database::open(&closed).await.err().unwrap();
    assert!(closed.to_string().starts_with("can't open `postgres://127.0.0.1:1/db`: "), "{closed}");
    assert!(!closed.to_string().contains("secret"));
}

#[tokio::test]
async fn a_sqlite_file_is_durable_and_has_one_writer() {
    let (url, _folder) = crate::store::sqlite();
    let _database = Database::open(&Options::new(&url)).await.unwrap();
    let raw = sea_orm::Database::connect(&url).await.unwrap();
    assert_eq!(raw.get_database_backend(), DbBackend::Sqlite);
    let mode = sea_orm::Statement::from_string(DbBackend::Sqlite, "PRAGMA journal_mode");
    let mode: String = raw.query_one_raw(mode).await.unwrap().unwrap().try_get_by(0).unwrap();
    assert_eq!(mode, "wal");
}

/// Rows as the first release wrote them, in the words of either database.
const FIRST_RELEASE: &[&str] = &[
    "INSERT INTO workflow_executions (id, workflow_id, workflow_name, version, plan_hash, partition, status, seq, input,
        settings, retry_count, max_retries, depth, created_at, started_at)
     VALUES ({id}, {workflow}, 'orders', 1, 'h', 1, 'running', 2, '{}', '{}', 0, 0, 0, 5, 6)",
    "INSERT INTO step_executions (execution_id, path, attempt, seq, partition, name, step_order, task_type, status,
        wake_at, created_at)
     VALUES ({id}, 'nap', 1, 2, 1, 'nap', 0, 'sleep', 'waiting', 9, 6)",
];

#[tokio::test]
async fn each_migration_takes_what_the_schema_before_it_holds() {
    let id = stepwell::ids::ExecutionId(uuid::Uuid::from_u128(7));
    // The first release had three.
    for before in 3..u32::try_from(Migrator::migrations().len()).unwrap() {
        let (urls, _folder) = urls().await;
        for url in urls {
            let made = if url.starts_with("sqlite:") { format!("{url}?mode=rwc") } else { url.clone() };
            let raw = sea_orm::Database::connect(&made).await.unwrap();
            Migrator::up(&raw, Some(before)).await.unwrap();
            let uuid = |n: u128| match raw.get_database_backend() {
                DbBackend::Sqlite => format!("x'{n:032x}'"),
                _ => format!("'{}'", uuid::Uuid::from_u128(n)),
            };
            for statement in FIRST_RELEASE {
                let sql = statement.replace("{id}", &uuid(7)).replace("{workflow}", &uuid(8));
                raw.execute_unprepared(&sql).await.unwrap();
            }
            raw.close().await.unwrap();
            let database = Database::open(&Options::new(&url)).await.unwrap();
            let execution = database.execution_find(id).await.unwrap().unwrap();
            assert_eq!(execution.compensation, stepwell::engine::Compensation::None);
            assert_eq!((execution.concurrency_key, execution.seq), (None, 2));
            let steps = database.step_list(id, &StepFilter { limit: 10, ..StepFilter::default() }).await.unwrap().items;
            assert_eq!((steps.len(), &steps[0].waits_for), (1, &None));
            let due = database.timers_due(&[id.partition()], stepwell::expr::Timestamp(10), 10).await.unwrap();
            assert_eq!(due.len(), usize::from(id.partition().0 == 1), "timers go by the partition that was written");
        }
    }
}
