//! Statements that go to SQLite together.
//!
//! The database has a thread of its own, and each statement is a conversation with it: two wake-ups of threads, which took longer
//! than the statement. Statements that need no answer between them go as one text.
//!
//! This goes to the driver itself, which takes the cells as they are; SeaORM would copy each.

use futures::{TryStreamExt, future};
use sea_orm::sea_query::Value;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::sqlite::SqliteArguments;
use sea_orm::sqlx::{Arguments, AssertSqlSafe, Error, Executor, Sqlite, query_with};
use sea_orm::{DbBackend, DbErr, RuntimeErr, Statement};

use super::Database;

/// What a statement may bind to go with others. The text of several is prepared for each mix of their sizes: large ones would be
/// many large texts, and what they save is little beside their rows.
const MOST_CELLS: usize = 32 * 17;

/// Runs statements in a transaction of their own, as one message if they are small: all of them or none. Gives how many rows each
/// changed; what that is for one that changes none, nobody should ask.
pub(super) async fn transact(database: &Database, statements: Vec<Statement>) -> Result<Vec<u64>, DbErr> {
    let number = statements.len();
    let messages = messages([plain("BEGIN IMMEDIATE")].into_iter().chain(statements).chain([plain("COMMIT")]));
    let acquired = database.write.get_sqlite_connection_pool().acquire().await;
    let mut transaction = Transaction(Some(acquired.map_err(failed)?));
    let mut changed = Vec::new();
    for message in messages {
        match transaction.run(message).await {
            Ok(rows) => changed.extend(rows),
            Err(error) => {
                transaction.roll_back().await;
                return Err(failed(error));
            }
        }
    }
    transaction.end();
    Ok(changed.into_iter().skip(1).take(number).collect())
}

fn failed(error: Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn plain(text: &str) -> Statement {
    Statement::from_string(DbBackend::Sqlite, text)
}

/// What is sent at once: a text of statements, and what they bind, in order.
#[derive(Default)]
struct Message {
    text: String,
    values: Vec<Value>,
}

/// Small statements that follow each other go together, a large one by itself.
fn messages(statements: impl IntoIterator<Item = Statement>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    let mut open = false;
    for Statement { sql, values, .. } in statements {
        let values = values.map(|values| values.0).unwrap_or_default();
        let is_small = values.len() <= MOST_CELLS;
        match messages.last_mut().filter(|_| open && is_small) {
            Some(message) => {
                message.text.push_str(";\n");
                message.text.push_str(&sql);
                message.values.extend(values);
            }
            None => messages.push(Message { text: sql, values }),
        }
        open = is_small;
    }
    messages
}

/// The writer's connection in the middle of a transaction. Dropped there, it is closed, and what it did is undone.
struct Transaction(Option<PoolConnection<Sqlite>>);

impl Transaction {
    /// How many rows each of its statements changed.
    async fn run(&mut self, message: Message) -> Result<Vec<u64>, Error> {
        let connection = self.0.as_mut().ok_or(Error::WorkerCrashed)?;
        let Message { text, values } = message;
        let ran = connection.fetch_many(query_with(AssertSqlSafe(text), arguments(values)?));
        let changed = ran.try_filter_map(|done| future::ready(Ok(done.left().map(|done| done.rows_affected()))));
        changed.try_collect().await
    }

    /// Undoes it. Where an error ended the transaction itself there is nothing to roll back, and the connection is closed.
    async fn roll_back(mut self) {
        if self.run(Message { text: "ROLLBACK".to_owned(), ..Message::default() }).await.is_ok() {
            self.end();
        }
    }

    fn end(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        drop(self.0.take().map(PoolConnection::detach));
    }
}

fn arguments(values: Vec<Value>) -> Result<SqliteArguments, Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        let added = match value {
            Value::Uuid(uuid) => arguments.add(uuid.map(|uuid| uuid.as_bytes().to_vec())),
            Value::SmallInt(number) => arguments.add(number.map(i64::from)),
            Value::BigInt(number) => arguments.add(number),
            Value::String(text) => arguments.add(text),
            other => Err(format!("no statement of a message binds a cell like {other:?}").into()),
        };
        added.map_err(Error::Encode)?;
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Options;

    async fn database(folder: &tempfile::TempDir) -> std::sync::Arc<Database> {
        let url = format!("sqlite://{}", folder.path().join("message.db").display());
        Database::open(&Options::new(url)).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_given_up_in_the_middle_or_broken_leaves_the_writer_free_and_nothing_written() {
        let folder = tempfile::tempdir().unwrap();
        let database = database(&folder).await;
        for roll_back in [false, true] {
            let connection = database.write.get_sqlite_connection_pool().acquire().await.unwrap();
            let mut transaction = Transaction(Some(connection));
            let text =
                "BEGIN IMMEDIATE; UPDATE partitions SET owner = 'me'; SELECT json('lost: ' || id) FROM partitions";
            let text = text.to_owned();
            let broken = transaction.run(Message { text, ..Message::default() }).await.unwrap_err();
            assert!(broken.to_string().contains("malformed JSON"), "{broken}");
            if roll_back {
                transaction.roll_back().await;
            } else {
                drop(transaction);
            }
            let after = database.begin().await.unwrap();
            after.commit().await.unwrap();
            let mine = database.rows("SELECT id FROM partitions WHERE owner = 'me'", Vec::new()).await.unwrap();
            assert_eq!(mine.len(), 0);
        }
    }

    #[test]
    fn small_statements_go_together_and_large_ones_by_themselves() {
        let of = |text: &str, cells: usize| {
            Statement::from_sql_and_values(DbBackend::Sqlite, text, vec![Value::BigInt(Some(1)); cells])
        };
        let given = vec![of("a", 0), of("b", 2), of("c", MOST_CELLS + 1), of("d", MOST_CELLS), of("e", 0)];
        let sent = messages(given).into_iter().map(|message| (message.text, message.values.len()));
        assert_eq!(
            sent.collect::<Vec<_>>(),
            [("a;\nb".to_owned(), 2), ("c".to_owned(), MOST_CELLS + 1), ("d;\ne".to_owned(), MOST_CELLS)]
        );
    }
}
