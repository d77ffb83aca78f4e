//! Events from outside, and signals to one execution.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::Control;
use crate::expr::{Value, canonical_json};
use crate::ids::ExecutionId;
use crate::plan::DEFAULT_KEEP_MS;

use super::error::{FieldError, ServiceError, ServiceResult};
use super::parts::Service;
use super::waits::{Delivery, SentEvent};

/// The longest name or id of an event, in bytes.
const MAX_NAME: usize = 255;

/// How long whoever sends an event waits for the word of who took it.
const ANSWER: Duration = Duration::from_secs(5);

/// An event to be sent.
#[derive(Clone, Debug, Default)]
pub struct EventRequest {
    /// What it is.
    pub name: String,
    /// What it says.
    pub data: Value,
    /// What makes sending it again change nothing, within the name.
    pub id: Option<String>,
    /// Whether it goes to every wait that is open now, and to none that opens later.
    pub broadcast: bool,
}

/// What came of an event.
#[derive(Clone, Debug, PartialEq)]
pub struct EventView {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Arc<str>,
    /// Whether it was sent before, so that nothing changed.
    pub is_repeat: bool,
    /// Who took it, as far as that is known.
    pub taken: Vec<Delivery>,
}

impl Service {
    /// Sends an event: to the oldest wait of each workflow that it fits, now or as long as it is kept.
    ///
    /// # Errors
    /// Invalid fields; a limit, for its data.
    pub async fn event_send(&self, request: EventRequest) -> ServiceResult<EventView> {
        check_names([("name", Some(&request.name)), ("id", request.id.as_ref())])?;
        self.check_data(&request.data)?;
        let id: Arc<str> = request.id.unwrap_or_else(|| self.entropy.uuid().to_string()).into();
        let name: Arc<str> = request.name.into();
        let at = self.clock.now();
        let keep = self.store.event_keep(&name).await?.unwrap_or_default().max(DEFAULT_KEEP_MS);
        let event = SentEvent {
            name: name.clone(),
            id: id.clone(),
            data: request.data,
            kept: !request.broadcast,
            at,
            expires_at: at.plus_ms(keep),
        };
        if self.store.event_insert(&event).await? {
            let taken = self.runtime.event(event, ANSWER).await?;
            return Ok(EventView { name, id, is_repeat: false, taken });
        }
        let taken = self.store.event_deliveries(&name, &id).await?;
        Ok(EventView { name, id, is_repeat: true, taken })
    }

    /// Sends a signal to one execution, which keeps it until a wait takes it; its id. One that is sent again under its id
    /// changes nothing.
    ///
    /// # Errors
    /// Not found; illegal where it has ended; a conflict where it keeps too much already.
    pub async fn execution_signal(
        &self,
        execution: ExecutionId,
        name: String,
        data: Value,
        id: Option<String>,
    ) -> ServiceResult<String> {
        check_names([("name", Some(&name)), ("Idempotency-Key", id.as_ref())])?;
        self.check_data(&data)?;
        let id = id.unwrap_or_else(|| self.entropy.uuid().to_string());
        // Another kind of id than an event's from outside: neither is taken for the other.
        let known_as = format!("signal:{name}:{id}").into();
        self.runtime.control(execution, Control::Signal { id: known_as, name: name.into(), data }).await?;
        Ok(id)
    }

    fn check_data(&self, data: &Value) -> ServiceResult<()> {
        let (bytes, most) = (canonical_json(data).len(), self.limits.input_bytes);
        if bytes <= most {
            return Ok(());
        }
        Err(ServiceError::Limit { message: format!("the data has {bytes} bytes as JSON, and {most} is the most") })
    }
}

fn check_names<'a>(names: impl IntoIterator<Item = (&'static str, Option<&'a String>)>) -> ServiceResult<()> {
    let wrong = |(field, name): (&str, Option<&String>)| {
        let length = name?.len();
        let told = format!("expected 1 to {MAX_NAME} bytes, found {length}");
        (!(1..=MAX_NAME).contains(&length)).then(|| FieldError::new(field, told))
    };
    let errors: Vec<FieldError> = names.into_iter().filter_map(wrong).collect();
    if errors.is_empty() { Ok(()) } else { Err(ServiceError::Invalid { errors }) }
}
