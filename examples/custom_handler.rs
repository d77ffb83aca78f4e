//! A task type of one's own: `invoice.render`, carried out in the process of the worker.
//!
//! `cargo run --example custom_handler` registers it, sends it two tasks through the in-process queue as the engine would,
//! and prints their outcomes.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell::engine::LogLevel;
use stepwell::ids::{ExecutionId, StepPath};
use stepwell::queue::LocalQueue;
use stepwell::service::ports::{Dispatcher, Task};
use stepwell::service::{TaskContext, TaskError, TaskHandler};
use stepwell::worker::{HttpOptions, Options, Pool, builtin_handlers};

/// Renders an invoice as text.
struct RenderInvoice;

#[derive(Deserialize)]
struct Invoice {
    customer: String,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    cents: u64,
}

#[async_trait]
impl TaskHandler for RenderInvoice {
    fn task_type(&self) -> &str {
        "invoice.render"
    }

    fn description(&self) -> &str {
        "Renders an invoice as text."
    }

    fn config_schema(&self) -> Value {
        let item = json!({
            "type": "object",
            "required": ["name", "cents"],
            "properties": { "name": { "type": "string" }, "cents": { "type": "integer" } }
        });
        json!({
            "type": "object",
            "required": ["customer", "items"],
            "properties": { "customer": { "type": "string" }, "items": { "type": "array", "items": item } }
        })
    }

    fn output_schema(&self) -> Value {
        json!({
            "type": "object",
            "required": ["text", "cents"],
            "properties": { "text": { "type": "string" }, "cents": { "type": "integer" } }
        })
    }

    async fn execute(&self, ctx: &TaskContext, config: Value) -> Result<Value, TaskError> {
        let invoice: Invoice =
            serde_json::from_value(config).map_err(|error| TaskError::fatal("INVOICE", error.to_string()))?;
        if invoice.items.is_empty() {
            // Another attempt would find the same: it is fatal. What may pass is `TaskError::retryable`.
            return Err(TaskError::fatal("EMPTY_INVOICE", "an invoice needs an item"));
        }
        let cents: u64 = invoice.items.iter().map(|item| item.cents).sum();
        let lines = invoice.items.iter().map(|item| format!("{:<20}{:>8}", item.name, money(item.cents)));
        let text = format!("Invoice for {}\n{}\n", invoice.customer, lines.collect::<Vec<_>>().join("\n"));
        // The execution's log, not the process's.
        ctx.log(LogLevel::Info, format!("rendered {} for {}", money(cents), invoice.customer));
        Ok(json!({ "text": text, "cents": cents }))
    }
}

fn money(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// What the engine makes of `step invoice: invoice.render { … }`.
fn task(n: u128, config: Value) -> Task {
    let (execution, path) = (ExecutionId(uuid::Uuid::from_u128(n)), StepPath::new("invoice"));
    Task {
        execution,
        idempotency_key: execution.idempotency_key(&path).into(),
        path,
        attempt: 1,
        workflow: "billing".into(),
        task_type: "invoice.render".into(),
        queue: "default".into(),
        config: stepwell::expr::Value::from_json(config),
        timeout_ms: 10_000,
        traceparent: None,
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut handlers = builtin_handlers(HttpOptions::default());
    handlers.register(RenderInvoice);

    let queue = LocalQueue::new();
    let pool = Pool::start(queue.source(Vec::new(), "example"), handlers, Options::default());
    let items = json!([{ "name": "Well bucket", "cents": 1250 }, { "name": "Rope, 20 m", "cents": 899 }]);
    queue
        .dispatch(vec![
            task(1, json!({ "customer": "Ada", "items": items })),
            task(2, json!({ "customer": "Bob", "items": [] })),
        ])
        .await?;
    let mut left = 2;
    while left > 0 {
        for delivered in queue.outcomes(left).await? {
            left -= 1;
            match delivered.outcome.result {
                Ok(output) => println!("{}", output.get("text").and_then(stepwell::expr::Value::as_str).unwrap_or("")),
                Err(error) => println!("{error}"),
            }
            queue.ack(delivered.receipt.into_iter().collect()).await?;
        }
    }
    pool.drain(Duration::from_secs(5)).await;
    Ok(())
}
