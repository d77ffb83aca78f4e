//! The list of executions: a page by its key, and how many match, as far as that is counted.
//!
//! Executions are indexed by state and time, alone and under their workflow, and by nothing else, since each further index
//! costs every start. So a list over all states is merged from the newest of each. Whatever the filter, a page reads about as
//! many rows as it shows, however many there are.

use sea_orm::sea_query::Value as Cell;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement};

use crate::engine::ExecutionStatus;
use crate::service::model::Execution;
use crate::service::ports::{ExecutionFilter, Page, StoreResult, Total};

use super::entity::execution;
use super::{Database, row};

/// The statement that gives a page of executions.
fn execution_page(backend: DbBackend, filter: &ExecutionFilter) -> Statement {
    let mut cells = Vec::new();
    let mut condition = matching(filter, &mut cells);
    if let Some(before) = filter.before {
        let created_at = bind(&mut cells, before.created_at.0);
        let id = bind(&mut cells, before.id.0);
        condition.push_str(&format!(" AND (created_at, id) < ({created_at}, {id})"));
    }
    let most = bind(&mut cells, signed(filter.offset.saturating_add(filter.limit)));
    let (limit, offset) = (bind(&mut cells, signed(filter.limit)), bind(&mut cells, signed(filter.offset)));
    let executions = indexed(backend, filter.workflow.is_some());
    let newest = each_state(filter, |status| {
        format!(
            "SELECT * FROM (SELECT created_at, id FROM {executions} WHERE status = '{status}'{condition}
             ORDER BY created_at DESC, id DESC LIMIT {most}) AS {status}"
        )
    });
    let sql = format!(
        "SELECT execution.* FROM (
             SELECT created_at, id FROM ({newest}) AS newest ORDER BY created_at DESC, id DESC LIMIT {limit} OFFSET {offset}
         ) AS page JOIN workflow_executions AS execution ON execution.id = page.id
         ORDER BY page.created_at DESC, page.id DESC"
    );
    Statement::from_sql_and_values(backend, sql, cells)
}

/// The statement that gives a row if more executions match than are told: to pass over rows costs a fraction of counting them.
fn execution_past(backend: DbBackend, filter: &ExecutionFilter) -> Statement {
    matches(backend, filter, |all| format!("{all} LIMIT 1 OFFSET {}", Total::MOST))
}

/// The statement that counts executions, up to one past the most that are told.
fn execution_total(backend: DbBackend, filter: &ExecutionFilter) -> Statement {
    matches(backend, filter, |all| format!("SELECT COUNT(*) FROM ({all} LIMIT {}) AS counted", Total::MOST + 1))
}

/// A statement over a row for each execution that matches.
fn matches(backend: DbBackend, filter: &ExecutionFilter, sql: impl FnOnce(&str) -> String) -> Statement {
    let mut cells = Vec::new();
    let condition = matching(filter, &mut cells);
    let executions = indexed(backend, filter.workflow.is_some());
    let one = |status: &str| format!("SELECT 1 AS one FROM {executions} WHERE status = '{status}'{condition}");
    Statement::from_sql_and_values(backend, sql(&each_state(filter, one)), cells)
}

impl Database {
    pub(super) async fn list_executions(&self, filter: &ExecutionFilter) -> StoreResult<Page<Execution>> {
        let backend = self.read.get_database_backend();
        let page = execution::Entity::find().from_raw_sql(execution_page(backend, filter)).all(&self.read).await?;
        let shown = page.len() as u64;
        // A page that begins the list and is not full is all there is.
        let whole = filter.before.is_none() && filter.offset == 0 && shown < filter.limit;
        let total = if whole { shown } else { self.total(backend, filter).await? };
        let items = page.into_iter().map(row::execution).collect::<StoreResult<_>>()?;
        Ok(Page { items, total: Total::of(total) })
    }

    /// How many match, up to one past the most that are told.
    async fn total(&self, backend: DbBackend, filter: &ExecutionFilter) -> StoreResult<u64> {
        match self.read.query_one_raw(execution_past(backend, filter)).await? {
            Some(_) => Ok(Total::MOST + 1),
            None => self.count(execution_total(backend, filter)).await,
        }
    }

    /// How the database would find a page of executions, how it would find out whether there are more than are told, and how
    /// it would count them: its plans in its own words, a line for each step.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn explain_executions(&self, filter: &ExecutionFilter) -> StoreResult<[Vec<String>; 3]> {
        let backend = self.read.get_database_backend();
        let (explain, told) = match backend {
            DbBackend::Sqlite => ("EXPLAIN QUERY PLAN", 3),
            _ => ("EXPLAIN", 0),
        };
        let lines = async |mut statement: Statement| {
            statement.sql.insert_str(0, &format!("{explain} "));
            let lines = self.read.query_all_raw(statement).await?;
            lines.iter().map(|line| Ok(line.try_get_by_index(told)?)).collect::<StoreResult<Vec<String>>>()
        };
        Ok([
            lines(execution_page(backend, filter)).await?,
            lines(execution_past(backend, filter)).await?,
            lines(execution_total(backend, filter)).await?,
        ])
    }

    /// The number that a statement gives.
    pub(super) async fn count(&self, statement: Statement) -> StoreResult<u64> {
        let counted = self.read.query_one_raw(statement).await?;
        let count: i64 = counted.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(u64::try_from(count).unwrap_or_default())
    }
}

/// All of a filter but its state and its cursor, which narrows the page and not the total.
fn matching(filter: &ExecutionFilter, cells: &mut Vec<Cell>) -> String {
    let mut condition = String::new();
    if let Some(workflow) = filter.workflow {
        condition.push_str(&format!(" AND workflow_id = {}", bind(cells, workflow.0)));
    }
    if let Some(from) = filter.created_from {
        condition.push_str(&format!(" AND created_at >= {}", bind(cells, from.0)));
    }
    if let Some(to) = filter.created_to {
        condition.push_str(&format!(" AND created_at < {}", bind(cells, to.0)));
    }
    condition
}

/// A query for each state that the filter lets through, together.
fn each_state(filter: &ExecutionFilter, query: impl Fn(&str) -> String) -> String {
    let states = ExecutionStatus::ALL.into_iter().filter(|status| filter.status.is_none_or(|only| only == *status));
    states.map(|status| query(status.as_str())).collect::<Vec<_>>().join(" UNION ALL ")
}

/// The executions, by the index of their states, of one workflow or of all. SQLite has to be told: once it has statistics it
/// takes the index of all workflows for that of none, and sorts what it finds there.
pub(super) fn indexed(backend: DbBackend, of_workflow: bool) -> &'static str {
    match (backend, of_workflow) {
        (DbBackend::Sqlite, true) => "workflow_executions INDEXED BY workflow_executions_workflow_status",
        (DbBackend::Sqlite, false) => "workflow_executions INDEXED BY workflow_executions_status",
        _ => "workflow_executions",
    }
}

/// The place of a value in a statement.
fn bind(cells: &mut Vec<Cell>, value: impl Into<Cell>) -> String {
    cells.push(value.into());
    format!("${}", cells.len())
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
