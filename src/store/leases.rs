//! Nodes and their leases. A partition's lease lasts as long as its owner's row says: one row is renewed, whatever a node owns,
//! and rows of partitions change hands alone, so that renewing never waits for a commit.

use std::time::Duration;

use async_trait::async_trait;
use sea_orm::sea_query::Value as Cell;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, QueryResult, Statement};

use crate::ids::{Epoch, PartitionId};
use crate::service::ports::{LeaseStore, Roster, StoreResult};

use super::executions::{lease, within};
use super::{Database, row};

/// How long the row of a node that is gone stays, in microseconds: an hour, to see what happened.
const KEPT: i64 = 3_600_000_000;

/// The moment, in microseconds, in the words of each database.
fn clock(database: &DatabaseConnection) -> &'static str {
    match database.get_database_backend() {
        DbBackend::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        _ => "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
    }
}

/// Whether the node that owns partition `p` is alive.
fn owner_lives(clock: &str) -> String {
    format!("EXISTS (SELECT 1 FROM nodes AS n WHERE n.id = p.owner AND n.expires_at > {clock})")
}

#[async_trait]
impl LeaseStore for Database {
    async fn node_renew(&self, node: &str, lease: Duration) -> StoreResult<Roster> {
        let clock = clock(&self.leases);
        let micros = i64::try_from(lease.as_micros()).unwrap_or(i64::MAX);
        let renew = format!(
            "INSERT INTO nodes (id, joined_at, renewed_at, expires_at) VALUES ($1, {clock}, {clock}, {clock} + $2)
             ON CONFLICT (id) DO UPDATE SET renewed_at = excluded.renewed_at, expires_at = excluded.expires_at"
        );
        self.run(&renew, vec![row::words(node).into(), micros.into()]).await?;
        let lives = owner_lives(clock);
        let roster = format!(
            "SELECT p.id, p.epoch, CAST(CASE WHEN p.owner = $1 THEN 1 WHEN {lives} THEN 2 ELSE 0 END AS BIGINT) AS holder,
                 (SELECT COUNT(*) FROM nodes WHERE expires_at > {clock}) AS nodes
             FROM partitions AS p ORDER BY p.id"
        );
        roster_of(&self.query(&roster, vec![row::words(node).into()]).await?)
    }

    async fn leases_take(&self, node: &str, partitions: &[PartitionId]) -> StoreResult<Vec<(PartitionId, Epoch)>> {
        let clock = clock(&self.leases);
        let lock = match self.leases.get_database_backend() {
            DbBackend::Sqlite => "",
            // A process that stands still in the middle of a commit must not hold up the others.
            _ => " ORDER BY p.id FOR UPDATE OF p SKIP LOCKED",
        };
        let (lives, within) = (owner_lives(clock), within("p.id", partitions)?);
        let take = format!(
            "UPDATE partitions SET epoch = epoch + 1, owner = $1, taken_at = {clock} WHERE id IN
                 (SELECT p.id FROM partitions AS p WHERE (p.owner = $1 OR NOT {lives}){within}{lock})
             RETURNING id, epoch"
        );
        let taken = self.query(&take, vec![row::words(node).into()]).await?;
        self.run(&format!("DELETE FROM nodes WHERE expires_at < {clock} - $1"), vec![KEPT.into()]).await?;
        let mut taken = taken.iter().map(lease).collect::<StoreResult<Vec<_>>>()?;
        taken.sort_unstable();
        Ok(taken)
    }

    async fn leases_release(&self, node: &str, leases: &[(PartitionId, Epoch)]) -> StoreResult<()> {
        if leases.is_empty() {
            return Ok(());
        }
        let pairs: Vec<String> = leases.iter().map(|(partition, epoch)| format!("({partition}, {epoch})")).collect();
        let release = format!(
            "UPDATE partitions SET owner = '' WHERE owner = $1 AND (id, epoch) IN (VALUES {})",
            pairs.join(", ")
        );
        self.run(&release, vec![row::words(node).into()]).await
    }

    async fn node_leave(&self, node: &str) -> StoreResult<()> {
        self.run("UPDATE partitions SET owner = '' WHERE owner = $1", vec![row::words(node).into()]).await?;
        self.run("DELETE FROM nodes WHERE id = $1", vec![row::words(node).into()]).await
    }
}

impl Database {
    async fn run(&self, sql: &str, cells: Vec<Cell>) -> StoreResult<()> {
        let backend = self.leases.get_database_backend();
        self.leases.execute_raw(Statement::from_sql_and_values(backend, sql, cells)).await?;
        Ok(())
    }

    async fn query(&self, sql: &str, cells: Vec<Cell>) -> StoreResult<Vec<QueryResult>> {
        let backend = self.leases.get_database_backend();
        Ok(self.leases.query_all_raw(Statement::from_sql_and_values(backend, sql, cells)).await?)
    }
}

fn roster_of(rows: &[QueryResult]) -> StoreResult<Roster> {
    let mut roster = Roster { nodes: 1, ..Roster::default() };
    for found in rows {
        roster.nodes = usize::try_from(found.try_get::<i64>("", "nodes")?).unwrap_or(1).max(1);
        let of = lease(found)?;
        match found.try_get::<i64>("", "holder")? {
            0 => roster.free.push(of.0),
            1 => roster.held.push(of),
            _ => {}
        }
    }
    Ok(roster)
}
