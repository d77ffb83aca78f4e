//! How SQLite would answer a statement, for tests of what must not depend on how much there is.

use sea_orm::sea_query::Value;

use super::{Database, Options};

/// The lines of its plan, in an empty database.
pub(super) async fn plan(sql: &str, cells: Vec<Value>) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("plans.db").display());
    let database = Database::open(&Options::new(url)).await.unwrap();
    let plan = database.rows(&format!("EXPLAIN QUERY PLAN {sql}"), cells).await.unwrap();
    plan.iter().map(|row| row.try_get("", "detail").unwrap()).collect()
}
