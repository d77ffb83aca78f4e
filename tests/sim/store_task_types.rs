//! Registered task types of the store in memory.

use async_trait::async_trait;
use stepwell::service::ports::StoreResult;
use stepwell::service::task_types::{RegisteredType, TaskTypeStore, TypeStamp};

use super::store::MemoryStore;

#[async_trait]
impl TaskTypeStore for MemoryStore {
    async fn task_type_save(&self, task_type: &RegisteredType, most: u64) -> StoreResult<Option<bool>> {
        let types = &mut self.rows().task_types;
        let before = types.get(&task_type.name).cloned();
        if before.is_none() && types.len() as u64 >= most {
            return Ok(None);
        }
        let mut saved = task_type.clone();
        if let Some(before) = &before {
            saved.created_at = before.created_at;
            if before.definition == saved.definition {
                saved.updated_at = before.updated_at;
            }
        }
        types.insert(task_type.name.clone(), saved);
        Ok(Some(before.is_none()))
    }

    async fn task_type_find(&self, name: &str) -> StoreResult<Option<RegisteredType>> {
        Ok(self.rows().task_types.get(name).cloned())
    }

    async fn task_type_list(&self) -> StoreResult<Vec<RegisteredType>> {
        Ok(self.rows().task_types.values().cloned().collect())
    }

    async fn task_type_stamp(&self) -> StoreResult<TypeStamp> {
        let types = &self.rows().task_types;
        let changed_at = types.values().map(|one| one.updated_at).max();
        Ok(TypeStamp { count: types.len() as u64, changed_at })
    }

    async fn task_type_delete(&self, name: &str) -> StoreResult<bool> {
        Ok(self.rows().task_types.remove(name).is_some())
    }
}
