//! `stepwell test --from EXECUTION`: a recorded execution of a server as a test.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::cli::Exit;
use crate::cli::args::TestArgs;
use crate::cli::output;
use crate::engine::{ExecutionStatus, StepError, StepStatus};
use crate::expr::{Timestamp, Value, parse_timestamp};
use crate::lang::ast::File;
use crate::lang::format_file;
use crate::trial::{Recorded, RecordedRow, test_of};

/// How many attempts are read at once.
const PAGE: usize = 200;

/// Prints the test that an execution makes.
pub(super) fn run(args: &TestArgs, execution: &str) -> Exit {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&format!("can't start threads: {error}"), None),
    };
    match runtime.block_on(read(args, execution)) {
        Ok(recorded) => {
            let file = File { tests: vec![test_of(&recorded)], ..File::default() };
            output::print(&format_file(&file))
        }
        Err(message) => output::fail(&message, Some("name the server with `--server`, and the token with `--token`")),
    }
}

/// A server's API.
struct Api<'a> {
    client: reqwest::Client,
    base: String,
    token: Option<&'a str>,
}

impl Api<'_> {
    async fn get(&self, path: &str) -> Result<Json, String> {
        let url = format!("{}/api/v1/{path}", self.base);
        let mut request = self.client.get(&url);
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        let failed = |error: reqwest::Error| format!("can't read {url}: {}", error.without_url());
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        let json: Json = response.json().await.map_err(failed)?;
        if status.is_success() {
            return Ok(json);
        }
        let told = json.get("detail").and_then(Json::as_str).unwrap_or_default();
        Err(format!("{url} answers {status}: {told}"))
    }
}

async fn read(args: &TestArgs, id: &str) -> Result<Recorded, String> {
    // Another one may be in place already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().build().map_err(|error| format!("can't make requests: {error}"))?;
    if !reqwest::Url::parse(&args.server).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
        return Err(format!("`{}` is no URL of a server, as in `http://127.0.0.1:8080`", args.server));
    }
    let base = args.server.trim_end_matches('/').to_owned();
    let api = Api { client, base, token: args.token.as_deref() };
    let execution = api.get(&format!("executions/{id}")).await?;
    let mut rows = Vec::new();
    loop {
        let page = api.get(&format!("executions/{id}/steps?limit={PAGE}&offset={}", rows.len())).await?;
        let steps = page.get("steps").and_then(Json::as_array).cloned().unwrap_or_default();
        let full = steps.len() == PAGE;
        rows.extend(steps.iter().map(row_of).collect::<Result<Vec<_>, _>>()?);
        if !full {
            break;
        }
    }
    recorded_of(args, id, &execution, rows)
}

fn recorded_of(args: &TestArgs, id: &str, json: &Json, rows: Vec<RecordedRow>) -> Result<Recorded, String> {
    let status: ExecutionStatus = parsed(json, "status")?;
    if !status.is_terminal() {
        return Err(format!("the execution {id} is {status}, and a test is made of one that has ended"));
    }
    let workflow: Arc<str> = parsed(json, "workflow")?;
    let code = json.get("error_details").and_then(|error| error.get("code")).and_then(Json::as_str);
    Ok(Recorded {
        name: args.name.clone().unwrap_or_else(|| format!("execution {id}")),
        workflow,
        input: value(json, "input_data").unwrap_or_default(),
        settings: value(json, "settings").unwrap_or_default(),
        status,
        output: value(json, "output_data"),
        code: code.map(Arc::from),
        started_at: moment(json, "started_at").or_else(|| moment(json, "created_at")).unwrap_or_default(),
        cancel_requested_at: moment(json, "cancel_requested_at"),
        rows,
    })
}

fn row_of(json: &Json) -> Result<RecordedRow, String> {
    Ok(RecordedRow {
        path: parsed(json, "path")?,
        attempt: parsed(json, "attempt_number")?,
        task_type: parsed(json, "task_type")?,
        status: parsed::<StepStatus>(json, "status")?,
        output: value(json, "output_data"),
        error: error_of(json)?,
        waits_for: json.get("waits_for").and_then(Json::as_str).map(Arc::from),
        created_at: moment(json, "created_at").unwrap_or_default(),
        completed_at: moment(json, "completed_at"),
    })
}

/// An error: its details, and its message beside them.
fn error_of(json: &Json) -> Result<Option<StepError>, String> {
    let Some(Json::Object(details)) = json.get("error_details") else { return Ok(None) };
    let mut error = details.clone();
    error.insert("message".to_owned(), json.get("error_message").cloned().unwrap_or_default());
    let unknown = |error| format!("the server tells of an error that is none: {error}");
    serde_json::from_value(Json::Object(error)).map(Some).map_err(unknown)
}

fn parsed<T: DeserializeOwned>(json: &Json, key: &str) -> Result<T, String> {
    let given = json.get(key).cloned().unwrap_or_default();
    serde_json::from_value(given).map_err(|error| format!("the server's `{key}` is not understood: {error}"))
}

fn value(json: &Json, key: &str) -> Option<Value> {
    json.get(key).filter(|value| !value.is_null()).cloned().map(Value::from_json)
}

fn moment(json: &Json, key: &str) -> Option<Timestamp> {
    json.get(key).and_then(Json::as_str).and_then(parse_timestamp).map(Timestamp)
}
