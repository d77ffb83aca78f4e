//! Registered task types.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, QueryResult, Statement};

use crate::expr::Timestamp;
use crate::service::ports::StoreResult;
use crate::service::task_types::{RegisteredType, TaskTypeStore, TypeStamp};

use super::{Database, row};

/// A definition that is there is replaced; `created_at` stays. One that is registered again as it was has not changed.
const SAVE: &str = "
INSERT INTO task_types (name, definition, created_at, updated_at)
SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM task_types WHERE name <> $1) < $5
ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, updated_at =
    CASE WHEN task_types.definition = excluded.definition THEN task_types.updated_at ELSE excluded.updated_at END
RETURNING created_at";

const COLUMNS: &str = "SELECT name, definition, created_at, updated_at FROM task_types";

#[async_trait]
impl TaskTypeStore for Database {
    async fn task_type_save(&self, task_type: &RegisteredType, most: u64) -> StoreResult<Option<bool>> {
        let created_at = task_type.created_at.0;
        let cells = vec![
            row::words(&task_type.name).into(),
            row::json(&task_type.definition).into(),
            created_at.into(),
            task_type.updated_at.0.into(),
            i64::try_from(most).unwrap_or(i64::MAX).into(),
        ];
        let transaction = self.begin().await?;
        let statement = Statement::from_sql_and_values(transaction.get_database_backend(), SAVE, cells);
        let saved = transaction.query_one_raw(statement).await?;
        transaction.commit().await?;
        Ok(saved.map(|saved| saved.try_get::<i64>("", "created_at")).transpose()?.map(|there| there == created_at))
    }

    async fn task_type_find(&self, name: &str) -> StoreResult<Option<RegisteredType>> {
        let found = self.rows(&format!("{COLUMNS} WHERE name = $1"), vec![row::words(name).into()]).await?;
        found.first().map(from_row).transpose()
    }

    async fn task_type_list(&self) -> StoreResult<Vec<RegisteredType>> {
        self.rows(&format!("{COLUMNS} ORDER BY name"), Vec::new()).await?.iter().map(from_row).collect()
    }

    async fn task_type_stamp(&self) -> StoreResult<TypeStamp> {
        let found =
            self.rows("SELECT count(*) AS count, max(updated_at) AS changed_at FROM task_types", Vec::new()).await?;
        let Some(stamp) = found.first() else { return Ok(TypeStamp::default()) };
        let (count, changed_at): (i64, Option<i64>) = (stamp.try_get("", "count")?, stamp.try_get("", "changed_at")?);
        Ok(TypeStamp { count: u64::try_from(count).unwrap_or(0), changed_at: changed_at.map(Timestamp) })
    }

    async fn task_type_delete(&self, name: &str) -> StoreResult<bool> {
        let gone = self.change("DELETE FROM task_types WHERE name = $1", vec![row::words(name).into()]).await?;
        Ok(gone > 0)
    }
}

fn from_row(found: &QueryResult) -> StoreResult<RegisteredType> {
    let (name, definition): (String, String) = (found.try_get("", "name")?, found.try_get("", "definition")?);
    Ok(RegisteredType {
        name: name.into(),
        definition: row::parse("the definition of a task type", &definition)?,
        created_at: Timestamp(found.try_get("", "created_at")?),
        updated_at: Timestamp(found.try_get("", "updated_at")?),
    })
}
