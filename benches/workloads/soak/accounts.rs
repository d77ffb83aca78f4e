//! What the clients were told, against what is in the database.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use uuid::Uuid;

use crate::backend::{Stand, number};
use crate::flows::STEPS;

use super::clients::Told;

/// What came of the comparison.
pub struct Accounts {
    /// In the database, completed.
    kept: usize,
    /// Deleted, after they had been kept for as long as was said.
    deleted: usize,
    /// Not in the database, though it is not long ago that they ended.
    lost: usize,
    /// In the database, but told to nobody.
    unknown: usize,
    /// Told twice under different keys, or in a state that nobody was told.
    differing: usize,
    /// Of those that are kept, how many do not have each of their steps once.
    uneven: u64,
}

impl Accounts {
    /// How many are not as they should be.
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    pub fn wrong(&self) -> f64 {
        (self.lost + self.unknown + self.differing) as f64 + self.uneven as f64
    }
}

impl fmt::Display for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, deleted, lost, unknown, differing, uneven } = self;
        write!(
            f,
            "{kept} in the database as they were told, {deleted} deleted in their time; {lost} lost, {unknown} that nobody \
             was told of, {differing} in another state, {uneven} without each step once"
        )
    }
}

/// Compares; `keep` is how long what has ended is kept.
pub async fn settle(stand: &Stand, told: &[Told], keep: Duration) -> Accounts {
    let database = stand.database().await;
    let backend = database.get_database_backend();
    let sql = "SELECT id, status FROM workflow_executions";
    let rows = database.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
    let (mut completed, mut others) = (HashSet::new(), 0);
    for row in &rows {
        let (id, status): (Uuid, String) = (row.try_get("", "id").unwrap(), row.try_get("", "status").unwrap());
        if status == "completed" {
            completed.insert(id);
        } else {
            others += 1;
        }
    }
    let ids: HashSet<Uuid> = told.iter().map(|told| told.id).collect();
    let gone = told.iter().filter(|told| !completed.contains(&told.id));
    let (early, deleted): (Vec<&Told>, Vec<&Told>) = gone.partition(|told| told.ended.elapsed() < keep);
    // An execution whose input was taken away is being deleted: its steps go before its row.
    let uneven = format!(
        "SELECT count(*) AS n FROM workflow_executions e WHERE e.input <> 'null' AND {STEPS} <> (SELECT count(DISTINCT s.path) \
         FROM step_executions s WHERE s.execution_id = e.id AND s.status = 'completed')"
    );
    Accounts {
        kept: completed.intersection(&ids).count(),
        deleted: deleted.len(),
        lost: early.len(),
        unknown: completed.difference(&ids).count(),
        differing: others + (told.len() - ids.len()),
        uneven: number(&database, &uneven).await,
    }
}
