//! Task types: those of this program, and those that workers elsewhere register.
//!
//! Invariant: a registration is what sources are checked against from then on. What was published before keeps its plan.

use std::sync::Arc;

use tokio::sync::watch;

use crate::expr::{Type, nearest, type_from_schema};
use crate::plan::{QUEUE_NAME, TaskType, TaskTypes, is_queue_name};

use super::error::{FieldError, ServiceError, ServiceResult};
use super::parts::Service;
use super::task_types::{RegisteredType, TypeDefinition, TypeStamp};
use super::workflow::{MAX_DESCRIPTION, check_dotted_name};

/// How many task types can be registered.
const MAX_TYPES: u64 = 500;

/// How many bytes the JSON of both schemas of a type may have.
const MAX_SCHEMAS: usize = 64 * 1024;

/// The longest time-out of an attempt, in milliseconds: a week.
const MAX_TIMEOUT_MS: u64 = 604_800_000;

/// A task type that is known.
#[derive(Clone, Debug)]
pub struct KnownType {
    /// As the checker knows it.
    pub task_type: TaskType,
    /// Its registration; none where it is this program's own.
    pub registered: Option<RegisteredType>,
}

impl Service {
    /// Registers a task type, or changes its registration; the type, and whether it is new.
    ///
    /// # Errors
    /// Invalid fields; a conflict with a type of this program, or where too many are registered.
    pub async fn task_type_register(
        &self,
        name: String,
        definition: TypeDefinition,
    ) -> ServiceResult<(KnownType, bool)> {
        check_definition(&name, &definition)?;
        self.refuse_built_in(&name)?;
        let now = self.clock.now();
        let registered = RegisteredType { name: name.into(), definition, created_at: now, updated_at: now };
        let Some(is_new) = self.store.task_type_save(&registered, MAX_TYPES).await? else {
            return Err(ServiceError::conflict(format!("{MAX_TYPES} task types are registered, which is the most"))
                .help("delete one that nothing uses: DELETE /api/v1/task-types/NAME"));
        };
        self.registrations.send_modify(|changes| *changes += 1);
        Ok((self.task_type_find(&registered.name).await?, is_new))
    }

    /// A task type by its name.
    ///
    /// # Errors
    /// Not found, with the nearest name where there is one.
    pub async fn task_type_find(&self, name: &str) -> ServiceResult<KnownType> {
        if let Some(own) = self.own_types.get(name) {
            return Ok(KnownType { task_type: own.clone(), registered: None });
        }
        match self.store.task_type_find(name).await?.and_then(known) {
            Some(known) => Ok(known),
            None => Err(self.no_task_type(name).await),
        }
    }

    /// Every task type that is known, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn task_type_list(&self) -> ServiceResult<Vec<KnownType>> {
        let own = self.own_types.iter().map(|own| KnownType { task_type: own.clone(), registered: None });
        // What a program carries out itself is not what somebody registered under its name.
        let others = self.store.task_type_list().await?.into_iter().filter_map(known);
        let others = others.filter(|known| self.own_types.get(&known.task_type.name).is_none());
        let mut all: Vec<KnownType> = own.chain(others).collect();
        all.sort_by(|a, b| a.task_type.name.cmp(&b.task_type.name));
        Ok(all)
    }

    /// Takes a registration back: sources that use the type are refused from then on, unless they declare it themselves.
    ///
    /// # Errors
    /// Not found; a conflict with a type of this program.
    pub async fn task_type_delete(&self, name: &str) -> ServiceResult<()> {
        self.refuse_built_in(name)?;
        match self.store.task_type_delete(name).await? {
            true => {
                self.registrations.send_modify(|changes| *changes += 1);
                Ok(())
            }
            false => Err(self.no_task_type(name).await),
        }
    }

    /// What changes whenever a type is registered, changed or deleted, by whichever process.
    ///
    /// # Errors
    /// The store's.
    pub async fn task_types_stamp(&self) -> ServiceResult<TypeStamp> {
        Ok(self.store.task_type_stamp().await?)
    }

    /// Tells of every change of registered types that this process makes from now on.
    pub fn registrations(&self) -> watch::Receiver<u64> {
        self.registrations.subscribe()
    }

    /// What sources are checked against.
    pub(super) async fn known_task_types(&self) -> ServiceResult<Arc<TaskTypes>> {
        let registered = self.store.task_type_list().await?;
        if registered.is_empty() {
            return Ok(self.own_types.clone());
        }
        let mut types = TaskTypes::default();
        registered.iter().filter_map(RegisteredType::task_type).for_each(|registered| types.insert(registered));
        self.own_types.iter().for_each(|own| types.insert(own.clone()));
        Ok(Arc::new(types))
    }

    fn refuse_built_in(&self, name: &str) -> ServiceResult<()> {
        match self.own_types.get(name) {
            Some(_) => Err(ServiceError::conflict(format!("the task type `{name}` is this server's own"))
                .help("give yours another name")),
            None => Ok(()),
        }
    }

    async fn no_task_type(&self, name: &str) -> ServiceError {
        let error = ServiceError::not_found("task type", name);
        let Ok(all) = self.known_task_types().await else { return error };
        match nearest(name, all.iter().map(|known| &*known.name)) {
            Some(close) => error.help(format!("did you mean `{close}`?")),
            None => error.help(format!("register it: PUT /api/v1/task-types/{name}")),
        }
    }
}

fn known(registered: RegisteredType) -> Option<KnownType> {
    Some(KnownType { task_type: registered.task_type()?, registered: Some(registered) })
}

fn check_definition(name: &str, definition: &TypeDefinition) -> ServiceResult<()> {
    let mut errors = Vec::new();
    check_dotted_name(name, &mut errors);
    if definition.description.len() > MAX_DESCRIPTION {
        let message = format!("has {} bytes, and {MAX_DESCRIPTION} is the most", definition.description.len());
        errors.push(FieldError::new("description", message));
    }
    check_schemas(definition, &mut errors);
    if let Some(queue) = definition.queue.as_deref().filter(|queue| !is_queue_name(queue)) {
        let message = format!("`{queue}` is no name of a queue: {QUEUE_NAME}");
        errors.push(FieldError::new("queue", message));
    }
    if definition.timeout_ms.is_some_and(|timeout| !(1..=MAX_TIMEOUT_MS).contains(&timeout)) {
        errors.push(FieldError::new("timeout_seconds", format!("expected 1 to {}", MAX_TIMEOUT_MS / 1_000)));
    }
    if errors.is_empty() { Ok(()) } else { Err(ServiceError::Invalid { errors }) }
}

fn check_schemas(definition: &TypeDefinition, errors: &mut Vec<FieldError>) {
    let schemas = [("config_schema", &definition.config_schema), ("output_schema", &definition.output_schema)];
    for (field, schema) in schemas {
        if !schema.is_object() && !schema.is_boolean() {
            errors.push(FieldError::new(field, "expected a JSON Schema: an object, or true"));
        }
    }
    let config = type_from_schema(&definition.config_schema);
    if !matches!(config, Type::Object(_) | Type::Map(_) | Type::Any) {
        let message = format!("expected the schema of an object, found one of `{config}`");
        errors.push(FieldError::new("config_schema", message));
    }
    let bytes: usize = schemas.iter().map(|(_, schema)| schema.to_string().len()).sum();
    if bytes > MAX_SCHEMAS {
        let message = format!("the two schemas have {bytes} bytes, and {MAX_SCHEMAS} is the most");
        errors.push(FieldError::new("config_schema", message));
    }
}
