//! What owners tell all workers at once. A worker that is cut off misses it, and nothing depends on it.

use std::time::Duration;

use futures::StreamExt;
use redis::Client;
use serde::{Deserialize, Serialize};

use crate::service::ports::AttemptKey;

use super::patience::Patience;

/// A notice.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Notice {
    /// These attempts are to be stopped.
    Stop(Vec<AttemptKey>),
    /// There is a queue that was not there before.
    Queues,
}

/// Hears notices for as long as it is polled; `Queues` also after each reconnect, since one may have been missed.
pub(super) async fn listen(client: Client, channel: String, mut heard: impl FnMut(Notice)) {
    let mut patience = Patience::default();
    loop {
        if let Err(error) = listen_once(&client, &channel, &mut heard, &mut patience).await {
            tracing::debug!(%error, "can't hear the notices of owners");
        }
        patience.wait().await;
    }
}

async fn listen_once(
    client: &Client,
    channel: &str,
    heard: &mut impl FnMut(Notice),
    patience: &mut Patience,
) -> redis::RedisResult<()> {
    let (mut sink, mut messages) = client.get_async_pubsub().await?.split();
    sink.subscribe(channel).await?;
    patience.reset();
    heard(Notice::Queues);
    loop {
        // A connection whose other end vanished says nothing: ask now and then.
        match tokio::time::timeout(Duration::from_secs(30), messages.next()).await {
            Ok(Some(message)) => match serde_json::from_slice(message.get_payload_bytes()) {
                Ok(notice) => heard(notice),
                Err(error) => tracing::debug!(%error, "a notice is not what this program sends"),
            },
            Ok(None) => return Ok(()),
            Err(_) => ping(&mut sink).await?,
        }
    }
}

async fn ping(sink: &mut redis::aio::PubSubSink) -> redis::RedisResult<()> {
    match tokio::time::timeout(Duration::from_secs(10), sink.ping::<redis::Value>()).await {
        Ok(answer) => answer.map(drop),
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}
