//! Whether the database answers, in time.

use std::time::Duration;

use super::parts::Service;

/// How long the database has to answer.
const PATIENCE: Duration = Duration::from_secs(2);

impl Service {
    /// Whether the database answers.
    ///
    /// # Errors
    /// Why not, in words.
    pub async fn health_database(&self) -> Result<(), String> {
        match tokio::time::timeout(PATIENCE, self.store.ping()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(_) => Err(format!("the database did not answer within {} s", PATIENCE.as_secs())),
        }
    }
}
