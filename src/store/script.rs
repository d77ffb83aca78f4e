//! A commit as one message to SQLite.
//!
//! A commit of which nothing has to be left out needs no answer between its statements, so that all of them go together (`message`),
//! from BEGIN to COMMIT. Whether that holds is asked of the database on the way: whatever stands against it breaks the script,
//! which is rolled back as a whole, and the commit is written statement by statement.

use std::collections::HashSet;

use sea_orm::{DbBackend, Statement};

use crate::ids::ExecutionId;
use crate::service::ports::Commit;

use super::commit::{Owned, lost_statement, rows_of, starts_of};
use super::{Database, fault, message, starts};

/// Selects, for each partition that is another's, what breaks the script: text that is no JSON.
const BREAK: &str = "json('lost: ' || mine.value)";

/// Whether a commit can be tried as one message: it has nothing but rows of executions.
pub(super) fn takes(database: &Database, commit: &Commit) -> bool {
    let Commit {
        leases: _,
        starts: _,
        executions: _,
        steps: _,
        logs: _,
        controls: _,
        deliveries,
        caches,
        settled,
        grants,
    } = commit;
    database.write.get_database_backend() == DbBackend::Sqlite
        && deliveries.is_empty()
        && caches.is_empty()
        && settled.is_empty()
        && grants.is_empty()
}

/// Writes a commit in a transaction of its own. False if something of it has to be left out, or if the database says no for
/// another reason; then nothing is written.
pub(super) async fn write(database: &Database, commit: &Commit) -> bool {
    match message::transact(database, statements(commit)).await {
        Ok(_) => true,
        Err(error) => {
            tracing::debug!(%error, "a commit is written statement by statement");
            false
        }
    }
}

fn statements(commit: &Commit) -> Vec<Statement> {
    let owned = Owned::claimed(commit);
    let starts = starts_of(commit, &owned);
    let inserted: HashSet<ExecutionId> = starts.iter().map(|start| start.id).collect();
    let mut statements = Vec::new();
    if !fault::no_fence() {
        statements.push(lost_statement(BREAK, &commit.leases));
    }
    statements.extend(starts::statements(DbBackend::Sqlite, starts.iter(), ""));
    statements.extend(rows_of(DbBackend::Sqlite, commit, &inserted, |id| owned.holds(id)));
    statements
}
