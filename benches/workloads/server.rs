//! This program as the server, and as a worker: with the handler of the workloads, as a user would write one.

use async_trait::async_trait;
use serde_json::{Value, json};
use stepwell::config::{Config, Inputs};
use stepwell::service::{TaskContext, TaskError, TaskHandler};
use stepwell::{Server, Worker};

/// Gives back what it gets.
struct Echo;

#[async_trait]
impl TaskHandler for Echo {
    fn task_type(&self) -> &str {
        "bench.echo"
    }

    fn config_schema(&self) -> Value {
        json!({ "type": "object", "properties": { "payload": { "type": "string" } }, "required": ["payload"] })
    }

    fn output_schema(&self) -> Value {
        self.config_schema()
    }

    async fn execute(&self, _: &TaskContext, config: Value) -> Result<Value, TaskError> {
        Ok(config)
    }
}

fn config() -> Config {
    Config::load(&Inputs::of_process(None, Vec::new())).unwrap_or_else(|errors| panic!("{errors}")).config
}

pub async fn serve() {
    Server::new(config()).handler(Echo).serve().await.unwrap();
}

pub async fn work() {
    Worker::new(config()).handler(Echo).run().await.unwrap();
}
