//! A server with a task type of its own, `invoice.render`, which the workflow in `examples/billing.flow` uses.
//!
//! From the repository's folder, `cargo run --example custom_handler`, and then:
//!
//! ```sh
//! curl -s http://127.0.0.1:8080/api/v1/executions -H 'content-type: application/json' \
//!   -d '{"workflow": "billing", "input_data": {"customer": "Ada", "items": [{"name": "bucket", "cents": 1250}]}}'
//! ```
//!
//! The steps and the log of the execution are at `/api/v1/executions/{id}/steps` and `/logs`; Swagger UI is at `/docs`, and
//! `/api/v1/task-types` shows `invoice.render` beside the built-in ones.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell::config::Config;
use stepwell::engine::LogLevel;
use stepwell::service::{TaskContext, TaskError, TaskHandler};

#[tokio::main]
async fn main() -> Result<(), stepwell::ServeError> {
    let mut config = Config { workflows: "examples".into(), ..Config::default() };
    config.database.url = format!("sqlite://{}", std::env::temp_dir().join("stepwell-example.db").display());
    stepwell::Server::new(config).handler(RenderInvoice).serve().await
}

/// Renders an invoice as text.
pub struct RenderInvoice;

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

    // The schemas are what workflows are checked against, before anything runs.
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
