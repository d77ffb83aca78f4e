//! The connection that calls share, with one more try for what a reconnect can mend.

use redis::aio::ConnectionManager;
use redis::{Client, FromRedisValue, Pipeline, RedisResult, Script};

use crate::service::ports::QueueError;

use super::options::{self, RedisOptions, unavailable};

/// The shared connection.
#[derive(Clone)]
pub(super) struct Link {
    connection: ConnectionManager,
}

impl Link {
    /// Connects.
    pub(super) async fn connect(options: &RedisOptions) -> Result<(Client, Self), QueueError> {
        let client = options::client(options)?;
        let connection = options::shared(&client).await?;
        Ok((client, Self { connection }))
    }

    /// Sends commands together. A connection that broke is made again and they are sent once more: all that is sent here may
    /// be sent twice, at the cost of an attempt that is delivered twice.
    pub(super) async fn send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T, QueueError> {
        self.try_send(pipeline).await.map_err(unavailable)
    }

    /// As `send`, with the error as it is.
    pub(super) async fn try_send<T: FromRedisValue>(&self, pipeline: &Pipeline) -> RedisResult<T> {
        match pipeline.query_async(&mut self.connection.clone()).await {
            Err(error) if is_mendable(&error) => pipeline.query_async(&mut self.connection.clone()).await,
            done => done,
        }
    }

    /// Runs a script, with one more try as above.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[&[u8]],
    ) -> RedisResult<T> {
        let mut call = script.prepare_invoke();
        keys.iter().for_each(|key| {
            call.key(*key);
        });
        args.iter().for_each(|arg| {
            call.arg(*arg);
        });
        match call.invoke_async(&mut self.connection.clone()).await {
            Err(error) if is_mendable(&error) => call.invoke_async(&mut self.connection.clone()).await,
            done => done,
        }
    }
}

fn is_mendable(error: &redis::RedisError) -> bool {
    error.is_connection_dropped() || (error.is_io_error() && !error.is_timeout() && !error.is_connection_refusal())
}

/// Whether an error says that a stream or its group is gone: a flush, or a queue that nobody has read yet.
pub(super) fn is_no_group(error: &redis::RedisError) -> bool {
    let text = error.to_string();
    text.contains("NOGROUP") || text.contains("UNBLOCKED")
}

/// A command, for one that stands alone.
pub(super) fn one(name: &str, args: &[&str]) -> Pipeline {
    let mut pipeline = redis::pipe();
    pipeline.cmd(name);
    args.iter().for_each(|arg| {
        pipeline.arg(*arg);
    });
    pipeline
}
