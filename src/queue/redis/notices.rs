//! What owners tell all workers at once. A worker that is cut off misses it, and nothing depends on it.

use std::time::Duration;

use futures::StreamExt;
use redis::Client;
use serde::de::DeserializeOwned;
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

/// What is heard on a channel.
pub(super) enum Heard<T> {
    /// The connection was made, or made again: what was said before may have been missed.
    Connected,
    /// Somebody said this.
    Said(T),
}

/// Hears what is said on a channel for as long as it is polled.
pub(super) async fn listen<T: DeserializeOwned>(client: Client, channel: String, mut heard: impl FnMut(Heard<T>)) {
    let mut patience = Patience::default();
    loop {
        if let Err(error) = listen_once(&client, &channel, &mut heard, &mut patience).await {
            tracing::debug!(%error, "can't hear what is said on a channel");
        }
        patience.wait().await;
    }
}

async fn listen_once<T: DeserializeOwned>(
    client: &Client,
    channel: &str,
    heard: &mut impl FnMut(Heard<T>),
    patience: &mut Patience,
) -> redis::RedisResult<()> {
    let (mut sink, mut messages) = client.get_async_pubsub().await?.split();
    sink.subscribe(channel).await?;
    patience.reset();
    heard(Heard::Connected);
    loop {
        // A connection whose other end vanished says nothing: ask now and then.
        match tokio::time::timeout(Duration::from_secs(30), messages.next()).await {
            Ok(Some(message)) => match serde_json::from_slice(message.get_payload_bytes()) {
                Ok(said) => heard(Heard::Said(said)),
                Err(error) => tracing::debug!(%error, "a message is not what this program sends"),
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
