//! The migrations of the database. Forward only; never imports an entity, since an entity changes its meaning with time.
//!
//! Each migration is SQL text with a few type names left open (`dialect`), so that the tables read as they are in both
//! databases. Once released a migration is never edited; what it made is changed by a later one.
//!
//! What holds for every table:
//! - Timestamps are 64-bit integers, microseconds since 1970 in UTC: exact in both databases, cheap and comparable.
//! - UUIDs are `uuid` in PostgreSQL and 16-byte blobs in SQLite.
//! - JSON is text, written and read whole; the database never looks into it.
//! - Text compares by its bytes in both, so that lists and cursors have one order.

use sea_orm_migration::prelude::*;

mod dialect;
mod forward;
mod m0001_workflows;
mod m0002_executions;
mod m0003_partitions;
mod m0004_waits;
mod m0005_events;
mod m0006_limits;
mod m0007_nodes;
mod m0008_inbox;
mod m0009_task_types;
mod m0010_fused;
mod m0011_lists;
mod m0012_retention;
mod m0013_live;
mod m0014_furthest;

/// The migration of a module, under the module's name.
macro_rules! forward {
    ($module:ident) => {
        Box::new(forward::Forward { name: stringify!($module), statements: $module::STATEMENTS })
    };
}

/// All migrations, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            forward!(m0001_workflows),
            forward!(m0002_executions),
            forward!(m0003_partitions),
            forward!(m0004_waits),
            forward!(m0005_events),
            forward!(m0006_limits),
            forward!(m0007_nodes),
            forward!(m0008_inbox),
            forward!(m0009_task_types),
            forward!(m0010_fused),
            forward!(m0011_lists),
            forward!(m0012_retention),
            forward!(m0013_live),
            forward!(m0014_furthest),
        ]
    }
}
