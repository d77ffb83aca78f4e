//! Statements over many rows at once, for both databases.
//!
//! PostgreSQL takes each column as one array (`UNNEST`): one text and one plan whatever the number of rows. Its driver's
//! arrays hold no nulls here, so a null travels as a value that the column never has (`Kind::null`) and `NULLIF` makes it one
//! again. SQLite takes `VALUES` of a few sizes, filled up with rows of nulls that are left out again, so that few prepared
//! statements serve every number of rows.

use sea_orm::sea_query::{ArrayType, Value};
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement};
use uuid::Uuid;

/// The values of a row, in the order of its table's columns.
pub(super) type Row = Vec<Value>;

/// The largest batch of one SQLite statement: 256 rows of 26 columns are far below its limit of 32,766 parameters.
const SQLITE_BATCH: usize = 256;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A UUID; the nil UUID is null.
    Uuid,
    /// A 16-bit integer, never null.
    Small,
    /// A 64-bit integer; the least one is null.
    Int,
    /// Text; the control character U+0001 alone is null.
    Text,
    /// Text that may be empty and is never null.
    Words,
}

impl Kind {
    fn postgres_type(self) -> (&'static str, ArrayType) {
        match self {
            Self::Uuid => ("uuid[]", ArrayType::Uuid),
            Self::Small => ("int2[]", ArrayType::SmallInt),
            Self::Int => ("int8[]", ArrayType::BigInt),
            Self::Text | Self::Words => ("text[]", ArrayType::String),
        }
    }

    /// What travels for a null.
    fn null(self) -> Value {
        match self {
            Self::Uuid => Value::Uuid(Some(Uuid::nil())),
            Self::Small => Value::SmallInt(Some(i16::MIN)),
            Self::Int => Value::BigInt(Some(i64::MIN)),
            Self::Text | Self::Words => Value::String(Some("\u{1}".to_owned())),
        }
    }

    /// The column as PostgreSQL reads it back out of its array.
    fn postgres_select(self, column: &str) -> String {
        match self {
            Self::Uuid => format!("NULLIF({column}, '{}'::uuid)", Uuid::nil()),
            Self::Int => format!("NULLIF({column}, '{}'::int8)", i64::MIN),
            Self::Text => format!("NULLIF({column}, chr(1))"),
            Self::Small | Self::Words => column.to_owned(),
        }
    }
}

/// What binds as a null, whatever the column.
const NULL: Value = Value::BigInt(None);

/// Columns by name and kind; the first one's values are never null.
pub(super) type Columns = [(&'static str, Kind)];

/// A statement around rows: `before`, the rows as a query, `after`.
pub(super) struct Shape<'a> {
    /// The columns of the rows.
    pub columns: &'a Columns,
    /// What stands before the rows.
    pub before: &'a str,
    /// What stands after them.
    pub after: &'a str,
}

/// `INSERT INTO table (columns) <rows> after`.
pub(super) fn insert_into(table: &str, columns: &Columns) -> String {
    format!("INSERT INTO {table} ({}) ", names(columns))
}

/// `a, b, c`.
pub(super) fn names(columns: &Columns) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Runs a statement over all of these rows, in their order.
pub(super) async fn execute(transaction: &DatabaseTransaction, shape: &Shape<'_>, rows: Vec<Row>) -> Result<(), DbErr> {
    run(transaction, statements(transaction.get_database_backend(), shape, rows)).await.map(drop)
}

/// As `execute`; how many rows of its table it changed.
pub(super) async fn change(transaction: &DatabaseTransaction, shape: &Shape<'_>, rows: Vec<Row>) -> Result<u64, DbErr> {
    run(transaction, statements(transaction.get_database_backend(), shape, rows)).await
}

/// Runs statements one by one; how many rows they changed.
pub(super) async fn run(transaction: &DatabaseTransaction, statements: Vec<Statement>) -> Result<u64, DbErr> {
    let mut changed = 0;
    for statement in statements {
        changed += transaction.execute_raw(statement).await?.rows_affected();
    }
    Ok(changed)
}

/// Runs a statement that returns rows over all of these, in their order.
pub(super) async fn query(
    transaction: &DatabaseTransaction,
    shape: &Shape<'_>,
    rows: Vec<Row>,
) -> Result<Vec<QueryResult>, DbErr> {
    query_all(transaction, statements(transaction.get_database_backend(), shape, rows)).await
}

/// Runs statements that return rows, one by one.
pub(super) async fn query_all(
    transaction: &DatabaseTransaction,
    statements: Vec<Statement>,
) -> Result<Vec<QueryResult>, DbErr> {
    let mut results = Vec::new();
    for statement in statements {
        results.extend(transaction.query_all_raw(statement).await?);
    }
    Ok(results)
}

/// The statement over all of these rows, in their order; several where there are very many, none where there is no row.
pub(super) fn statements(backend: DbBackend, shape: &Shape<'_>, rows: Vec<Row>) -> Vec<Statement> {
    match backend {
        _ if rows.is_empty() => Vec::new(),
        DbBackend::Sqlite => sqlite_statements(shape, rows),
        _ => vec![postgres_statement(shape, rows)],
    }
}

fn sqlite_statements(shape: &Shape<'_>, rows: Vec<Row>) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        let (given, size) = batch(rows.len());
        let mut values = Vec::with_capacity(size * shape.columns.len());
        values.extend(rows.by_ref().take(given).flatten());
        values.resize(size * shape.columns.len(), NULL);
        statements.push(Statement::from_sql_and_values(DbBackend::Sqlite, sqlite_text(shape, size), values));
    }
    statements
}

/// How many of the rows that are left go into the next statement, and how many it has room for: each size is a prepared
/// statement. A row of nulls costs a third of another, and each statement two wake-ups of threads.
fn batch(left: usize) -> (usize, usize) {
    let given = left.min(SQLITE_BATCH);
    (given, given.next_power_of_two())
}

/// The text of a statement over so many rows. Those whose first column is null are none: no table has such.
pub(super) fn sqlite_text(shape: &Shape<'_>, rows: usize) -> String {
    let row = format!("({})", vec!["?"; shape.columns.len()].join(","));
    let mut text = String::with_capacity(shape.before.len() + shape.after.len() + (row.len() + 1) * rows + 64);
    text.push_str(shape.before);
    text.push_str("SELECT * FROM (VALUES ");
    for at in 0..rows {
        text.push_str(if at == 0 { "" } else { "," });
        text.push_str(&row);
    }
    text.push_str(") WHERE column1 IS NOT NULL ");
    text.push_str(shape.after);
    text
}

fn postgres_statement(shape: &Shape<'_>, rows: Vec<Row>) -> Statement {
    let mut columns: Vec<Vec<Value>> = shape.columns.iter().map(|_| Vec::with_capacity(rows.len())).collect();
    for row in rows {
        for ((column, (_, kind)), value) in columns.iter_mut().zip(shape.columns).zip(row) {
            column.push(if is_null(&value) { kind.null() } else { value });
        }
    }
    let arrays = columns.into_iter().zip(shape.columns);
    let values = arrays.map(|(column, (_, kind))| Value::Array(kind.postgres_type().1, Some(Box::new(column))));
    Statement::from_sql_and_values(DbBackend::Postgres, postgres_text(shape), values.collect::<Vec<_>>())
}

/// The order of the rows is kept, so that identities rise in it.
fn postgres_text(shape: &Shape<'_>) -> String {
    let selected: Vec<String> = shape.columns.iter().map(|(name, kind)| kind.postgres_select(name)).collect();
    let arrays: Vec<String> =
        (1..).zip(shape.columns).map(|(n, (_, kind))| format!("${n}::{}", kind.postgres_type().0)).collect();
    let (selected, arrays, names) = (selected.join(", "), arrays.join(", "), names(shape.columns));
    let (before, after) = (shape.before, shape.after);
    format!(
        "{before}SELECT {selected} FROM UNNEST({arrays}) WITH ORDINALITY AS given ({names}, place) ORDER BY place {after}"
    )
}

fn is_null(value: &Value) -> bool {
    matches!(value, Value::Uuid(None) | Value::SmallInt(None) | Value::BigInt(None) | Value::String(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_rows_is_cut_into_few_sizes() {
        let cut = |mut left: usize| {
            let mut sizes = Vec::new();
            while left > 0 {
                let (given, size) = batch(left);
                sizes.push((given, size));
                left -= given;
            }
            sizes
        };
        assert_eq!(cut(1), [(1, 1)]);
        assert_eq!(cut(7), [(7, 8)]);
        assert_eq!(cut(63), [(63, 64)]);
        assert_eq!(cut(600), [(256, 256), (256, 256), (88, 128)]);
    }

    #[test]
    fn a_null_travels_to_postgres_as_a_value_the_column_never_has() {
        let columns = [("a", Kind::Uuid), ("b", Kind::Text)];
        let shape = Shape { columns: &columns, before: "INSERT INTO t (a, b) ", after: "" };
        let text = postgres_text(&shape);
        assert!(text.contains("NULLIF(b, chr(1))"), "{text}");
        assert!(text.contains("UNNEST($1::uuid[], $2::text[]) WITH ORDINALITY AS given (a, b, place)"), "{text}");
    }
}
