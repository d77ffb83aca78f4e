//! Entries of streams: one field, the JSON of a task or an outcome.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::service::ports::QueueError;

/// The name of an entry's field.
pub(super) const FIELD: &str = "j";

/// An entry as Redis gives it: its id, and its fields' names and values in turn. An entry that was deleted has none.
pub(super) type Entry = (String, Option<Vec<Vec<u8>>>);

/// Entries by the key of their stream.
pub(super) type Streams = Option<Vec<(String, Vec<Entry>)>>;

/// The JSON of what goes into an entry.
pub(super) fn encode(what: &impl Serialize) -> Result<Vec<u8>, QueueError> {
    serde_json::to_vec(what).map_err(|error| QueueError(format!("can't be written as JSON: {error}")))
}

/// What is in an entry; none where it was deleted or holds something else, which is logged.
pub(super) fn decode<T: DeserializeOwned>((id, fields): &Entry) -> Option<T> {
    let json = fields.as_ref()?.get(1)?;
    match serde_json::from_slice(json) {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::error!(entry = id, %error, "an entry of the queue is not what this program writes");
            None
        }
    }
}
