//! `stepwell run`: one workflow, to its end, on an engine that lives as long.
//!
//! Invariant: nothing is left behind: the database is a file of a temporary folder that goes with the process.

mod demo;
mod folder;
mod input;
mod shows;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::config::{Config, Loaded};
use crate::engine::ExecutionStatus;
use crate::lang::Source;
use crate::server::{Core, ServeError, Telemetry, stop_signal};
use crate::service::model::{Execution, Origin};
use crate::service::ports::{Runtime, StepFilter};
use crate::service::{Handlers, Service, ServiceError, StartRequest, Upload};

use super::Exit;
use super::args::{Format, RunArgs};
use super::color;
use super::output;
use super::source::{plan_of, read_file};
use super::trouble::Trouble;

use folder::Folder;
use shows::Shows;

/// How long an execution is waited for.
const WAIT: Duration = Duration::from_secs(24 * 3600);

/// How many other files of the folder are read for child workflows.
const MAX_SIBLINGS: usize = 500;

impl From<ServiceError> for Trouble {
    fn from(error: ServiceError) -> Self {
        let message = match &error {
            ServiceError::Invalid { errors } => {
                let lines = errors.iter().map(|error| format!("`{}`: {}", error.path, error.message));
                lines.collect::<Vec<_>>().join("\n       ")
            }
            error => error.to_string(),
        };
        Self::Failed(message, None)
    }
}

impl From<ServeError> for Trouble {
    fn from(error: ServeError) -> Self {
        let help = error.help();
        Self::Failed(error.to_string(), help)
    }
}

/// Runs a workflow.
pub(super) fn run(args: &RunArgs) -> Exit {
    let loaded = match args.load() {
        Ok(loaded) => loaded,
        Err(errors) => return output::usage(&errors, None),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::fail(&format!("can't start threads: {error}"), None),
    };
    let ran = runtime.block_on(prepare_and_run(args, &loaded));
    runtime.shutdown_background();
    match ran {
        Ok(exit) => exit,
        Err(trouble) => trouble.tell(),
    }
}

async fn prepare_and_run(args: &RunArgs, loaded: &Loaded) -> Result<Exit, Trouble> {
    let source = read_file(&args.file).map_err(|unread| unread.trouble(&args.file))?;
    let workflow = plan_of(&source, args.workflow.as_deref())?.workflow.to_string();
    let input = input::read(&args.input).map_err(|(message, help)| Trouble::Usage(message, Some(help)))?;
    let folder =
        Folder::new().map_err(|error| Trouble::Failed(format!("can't make a temporary folder: {error}"), None))?;
    let mut config = embedded(loaded, &folder, args.demo);
    let telemetry = Telemetry::start(&config).map_err(|message| Trouble::Usage(message, None))?;
    let stub = demo::serve(&config).await.map_err(|message| Trouble::Failed(message, None))?;
    config.settings.demo_url = stub.as_ref().map(|stub| stub.url.clone());
    let core = Core::start(&config, Handlers::default()).await?;
    let ran = run_on(args, &core, source, &workflow, input).await;
    core.stop(Duration::from_secs(1)).await;
    drop(stub);
    telemetry.stop().await;
    ran
}

/// The settings, with a database and a queue of its own.
fn embedded(loaded: &Loaded, folder: &Folder, demo: bool) -> Config {
    let mut config = loaded.config.clone();
    config.database.url = format!("sqlite://{}", folder.path().join("run.db").display());
    config.redis.url = None;
    config.workflows = PathBuf::new();
    config.demo = demo;
    config.workers.queues = Vec::new();
    config.workers.concurrency = config.workers.concurrency.max(1);
    if loaded.origin("log.level") == crate::config::Origin::Default {
        config.log.level = "error".to_owned();
    }
    config
}

async fn run_on(
    args: &RunArgs,
    core: &Core,
    source: Source,
    workflow: &str,
    input: serde_json::Value,
) -> Result<Exit, Trouble> {
    let service = core.service();
    publish_siblings(service, &args.file).await;
    service.source_publish(upload(source)).await?;
    let request = StartRequest {
        workflow: workflow.to_owned(),
        input: crate::expr::Value::from_json(input),
        ..StartRequest::default()
    };
    let started = service.execution_start(request).await?;
    let execution = started.execution();
    let color = if args.output == Format::Json { color::stderr() } else { color::stdout() };
    let mut shows = Shows::new(execution.id, args.output == Format::Json, color, service.now());
    follow(core, &mut shows, execution).await?;
    let ended = service.execution_find(execution.id).await?.execution;
    result(args, service, &mut shows, &ended).await
}

fn upload(source: Source) -> Upload {
    Upload {
        name: source.name.to_string(),
        notation: source.notation,
        text: source.text,
        origin: Origin::Upload,
        takes_from: Default::default(),
    }
}

/// The other files of the folder: a `workflow` step may name what they hold. One that does not compile is not needed, or
/// the step that names it says that it is missing.
async fn publish_siblings(service: &Arc<Service>, file: &Path) {
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    let own = file.file_name();
    for path in paths.iter().filter(|path| path.file_name() != own).take(MAX_SIBLINGS) {
        if let Ok(source) = read_file(path) {
            let _ = service.source_publish(upload(source)).await;
        }
    }
}

/// Shows what happens until the execution has ended. The first signal cancels it.
async fn follow(core: &Core, shows: &mut Shows, execution: &Execution) -> Result<(), Trouble> {
    let service = core.service();
    let mut progress = core.node().watch(execution.id).await;
    // What happened before we watched.
    shows.rows(service).await?;
    let ended = core.node().wait_ended(execution.id, WAIT);
    tokio::pin!(ended);
    let mut signal = Box::pin(stop_signal());
    let mut cancelled = false;
    loop {
        tokio::select! {
            Some(change) = progress.recv() => shows.change(change),
            told = &mut signal, if !cancelled => {
                cancelled = true;
                if told.is_ok() {
                    shows.line("cancelling; once more ends it at once");
                    service.execution_cancel(execution.id, Some("interrupted".to_owned()), true).await?;
                }
            }
            _ = &mut ended => break,
        }
    }
    while let Ok(change) = progress.try_recv() {
        shows.change(change);
    }
    Ok(shows.rows(service).await?)
}

/// Shows what came out.
async fn result(args: &RunArgs, service: &Service, shows: &mut Shows, ended: &Execution) -> Result<Exit, Trouble> {
    let exit = if ended.status == ExecutionStatus::Completed { Exit::Done } else { Exit::Failed };
    let output = ended.output.as_ref().map(crate::expr::Value::to_json);
    let printed = match args.output {
        Format::Json => {
            let all = StepFilter { limit: u64::from(u16::MAX), ..StepFilter::default() };
            let steps = service.execution_steps(ended.id, all).await?.items;
            let document = json!({
                "execution_id": ended.id,
                "workflow": &*ended.workflow_name,
                "status": ended.status,
                "output": output,
                "error": ended.error,
                "steps": steps.iter().map(shows::step_json).collect::<Vec<_>>(),
            });
            output::print(&format!("{document:#}\n"))
        }
        Format::Text => output::print(&shows.result(ended, output.as_ref())),
    };
    Ok(if printed == Exit::Done { exit } else { printed })
}
