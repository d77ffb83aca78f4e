//! The watcher over a real folder and a real store: what becomes of files, whatever editors and deployments do to them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stepwell::config::Config;
use stepwell::server::Core;
use stepwell::service::model::WorkflowStatus;
use stepwell::service::task_types::TypeDefinition;
use stepwell::service::{Handlers, SourceState, SourceStatus, StartRequest};
use stepwell::watch::{Options, Watcher};
use tempfile::TempDir;
use tokio::sync::watch::Receiver;

use crate::support::postgres::Postgres;

/// How long a change may take to be seen before the test has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Watched {
    dir: PathBuf,
    core: Core,
    watcher: Option<Watcher>,
    changes: Receiver<u64>,
    poll: Option<Duration>,
    _temp: TempDir,
}

fn source(workflow: &str, message: &str) -> String {
    format!("name = \"{workflow}\"\n[[step]]\nname = \"say\"\ntask = \"log\"\nwith = {{ message = \"{message}\" }}\n")
}

impl Watched {
    /// A folder with these files, watched.
    async fn with(files: &[(&str, &str)]) -> Self {
        Self::new(files, None).await
    }

    async fn new(files: &[(&str, &str)], poll: Option<Duration>) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("flows");
        fs::create_dir(&dir).unwrap();
        let mut config = Config::default();
        config.database.url = format!("sqlite://{}", temp.path().join("test.db").display());
        let core = Core::start(&config, Handlers::default()).await.unwrap();
        let changes = core.service().sources().changes();
        let mut watched = Self { dir, core, watcher: None, changes, poll, _temp: temp };
        for (name, text) in files {
            watched.write(name, text);
        }
        watched.start().await;
        watched
    }

    async fn start(&mut self) {
        let options = Options { dir: self.dir.clone(), poll: self.poll, debounce: Duration::from_millis(20) };
        self.watcher = Some(Watcher::start(options, self.core.service().clone()).await);
    }

    async fn stop(&mut self) {
        self.watcher.take().unwrap().stop().await;
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Puts the file there whole, as `git` and editors do: the watcher can't meet a half of it.
    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        let written = self.dir.with_extension("written");
        fs::write(&written, text).unwrap();
        fs::rename(written, self.path(name)).unwrap();
    }

    /// The workflow's state and the number of its active version.
    async fn workflow(&self, name: &str) -> Option<(WorkflowStatus, i64, Option<String>)> {
        let workflow = self.core.service().workflow_resolve(name).await.ok()?;
        Some((workflow.status, workflow.active_version.unwrap_or(0), workflow.file))
    }

    async fn active(&self, name: &str) -> bool {
        self.workflow(name).await.is_some_and(|(status, ..)| status == WorkflowStatus::Active)
    }

    fn status(&self, path: &str) -> Option<SourceStatus> {
        self.core.service().sources().get(path)
    }

    /// Waits until the registry shows it.
    async fn until(&mut self, path: &str, holds: impl Fn(&SourceStatus) -> bool) -> SourceStatus {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            self.changes.mark_unchanged();
            if let Some(status) = self.status(path).filter(&holds) {
                return status;
            }
            if tokio::time::timeout_at(deadline, self.changes.changed()).await.is_err() {
                panic!("`{path}` did not get there: {:#?}", self.core.service().sources().list());
            }
        }
    }

    async fn until_state(&mut self, path: &str, state: SourceState) -> SourceStatus {
        self.until(path, |status| status.state == state).await
    }

    /// Waits until the file is applied with this version of its one workflow.
    async fn until_version(&mut self, path: &str, version: i64) {
        self.until(path, |status| {
            status.state == SourceState::Applied && status.workflows.iter().all(|(_, n)| *n == version)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_the_folder_and_of_those_below_are_active_when_the_start_returns() {
    let watched = Watched::with(&[
        ("a.toml", &source("a", "1")),
        ("team/b.toml", &source("b", "1")),
        ("notes.md", "nothing"),
        ("team/.hidden.toml", &source("hidden", "1")),
    ])
    .await;
    assert!(watched.active("a").await && watched.active("b").await);
    assert!(watched.workflow("hidden").await.is_none());
    let paths: Vec<_> = watched.core.service().sources().list().into_iter().map(|status| status.path).collect();
    assert_eq!(paths, ["a.toml", "team/b.toml"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_makes_a_version_and_the_same_text_does_not() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1"))]).await;
    watched.write("a.toml", source("a", "2"));
    watched.until_version("a.toml", 2).await;
    watched.stop().await;
    watched.start().await;
    assert_eq!(watched.workflow("a").await.unwrap(), (WorkflowStatus::Active, 2, Some("a.toml".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_compile_leaves_the_last_good_version() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1"))]).await;
    watched.write("a.toml", "name = \"a\"\nnonsense = 1\n");
    let status = watched.until_state("a.toml", SourceState::Failed).await;
    assert!(!status.diagnostics.is_empty(), "{status:?}");
    assert_eq!(status.workflows, [("a".to_owned(), 1)]);
    assert!(watched.active("a").await);
    watched.write("a.toml", source("a", "2"));
    watched.until_version("a.toml", 2).await;
    assert_eq!(watched.status("a.toml").unwrap().diagnostics, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_file_deactivates_its_workflow_and_a_returned_one_activates_it() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1"))]).await;
    fs::remove_file(watched.path("a.toml")).unwrap();
    watched.until_state("a.toml", SourceState::Removed).await;
    assert_eq!(watched.workflow("a").await.unwrap(), (WorkflowStatus::Inactive, 1, None));
    watched.write("a.toml", source("a", "1"));
    watched.until_state("a.toml", SourceState::Applied).await;
    assert!(watched.active("a").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_removed_while_nobody_watched_deactivates_its_workflow() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1")), ("b.toml", &source("b", "1"))]).await;
    watched.stop().await;
    fs::remove_file(watched.path("a.toml")).unwrap();
    watched.start().await;
    watched.until_state("a.toml", SourceState::Removed).await;
    assert!(!watched.active("a").await);
    assert!(watched.active("b").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_file_keeps_its_workflow_active_all_the_while() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1"))]).await;
    let before = watched.core.service().workflow_resolve("a").await.unwrap();
    fs::rename(watched.path("a.toml"), watched.path("z.toml")).unwrap();
    watched.until_state("a.toml", SourceState::Removed).await;
    let after = watched.core.service().workflow_resolve("a").await.unwrap();
    assert_eq!(after.file.as_deref(), Some("z.toml"));
    // Given up and taken again would be another version, or a spell of being inactive that lasts: neither was.
    assert_eq!((after.status, after.active_version), (WorkflowStatus::Active, before.active_version));
    assert_eq!(watched.status("z.toml").unwrap().state, SourceState::Applied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_with_a_change_is_one_version_of_the_same_workflow() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1"))]).await;
    fs::remove_file(watched.path("a.toml")).unwrap();
    watched.write("b.toml", source("a", "2"));
    watched.until_version("b.toml", 2).await;
    watched.until_state("a.toml", SourceState::Removed).await;
    assert_eq!(watched.workflow("a").await.unwrap(), (WorkflowStatus::Active, 2, Some("b.toml".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn editors_that_write_beside_and_rename_are_followed() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1"))]).await;
    for version in 2..5 {
        watched.write("a.toml.tmp", source("a", &version.to_string()));
        fs::rename(watched.path("a.toml.tmp"), watched.path("a.toml")).unwrap();
        watched.until_version("a.toml", version).await;
    }
    watched.write(".a.toml.swp", "binary");
    watched.write("a.toml~", source("other", "1"));
    watched.write("a.toml", source("a", "last"));
    watched.until_version("a.toml", 5).await;
    assert!(watched.workflow("other").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_removes_and_makes_again_deactivates_nothing() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1")), ("b.toml", &source("b", "1"))]).await;
    fs::remove_file(watched.path("a.toml")).unwrap();
    fs::remove_file(watched.path("b.toml")).unwrap();
    watched.write("a.toml", source("a", "2"));
    watched.write("new/c.toml", source("c", "1"));
    watched.until_version("a.toml", 2).await;
    watched.until_state("new/c.toml", SourceState::Applied).await;
    watched.until_state("b.toml", SourceState::Removed).await;
    assert!(watched.active("a").await && watched.active("c").await && !watched.active("b").await);
}

/// As kubelet does it: files are links through `..data`, and `..data` is swapped for another folder in one step.
#[tokio::test(flavor = "multi_thread")]
async fn the_swap_of_a_mounted_config_map_is_followed() {
    let mut watched = Watched::with(&[]).await;
    let put = |watched: &Watched, folder: &str, message: &str| {
        watched.write(&format!("{folder}/a.toml"), source("a", message));
        symlink(folder, watched.path("..data_tmp")).unwrap();
        fs::rename(watched.path("..data_tmp"), watched.path("..data")).unwrap();
    };
    put(&watched, "..2026_1", "1");
    symlink("..data/a.toml", watched.path("a.toml")).unwrap();
    watched.until_version("a.toml", 1).await;
    put(&watched, "..2026_2", "2");
    fs::remove_dir_all(watched.path("..2026_1")).unwrap();
    watched.until_version("a.toml", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_changes_nothing_and_is_followed_when_it_is_back() {
    let mut watched = Watched::with(&[("a.toml", &source("a", "1"))]).await;
    let aside = watched.dir.with_extension("aside");
    fs::rename(&watched.dir, &aside).unwrap();
    fs::create_dir(watched.dir.with_extension("new")).unwrap();
    fs::write(watched.dir.with_extension("new").join("a.toml"), source("a", "2")).unwrap();
    assert!(watched.active("a").await);
    fs::rename(watched.dir.with_extension("new"), &watched.dir).unwrap();
    watched.until_version("a.toml", 2).await;
    // What happens in the new folder is seen, too.
    watched.write("a.toml", source("a", "3"));
    watched.until_version("a.toml", 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_comes_later_is_followed() {
    let mut watched = Watched::with(&[]).await;
    watched.stop().await;
    fs::remove_dir(&watched.dir).unwrap();
    watched.start().await;
    watched.write("a.toml", source("a", "1"));
    watched.until_version("a.toml", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_files_with_one_workflow_is_told_of_the_first() {
    let mut watched = Watched::with(&[("a.toml", &source("same", "1")), ("b.toml", &source("same", "2"))]).await;
    let status = watched.until_state("b.toml", SourceState::Failed).await;
    assert!(status.error.as_deref().is_some_and(|error| error.contains("`a.toml`")), "{status:?}");
    assert_eq!(watched.workflow("same").await.unwrap().2.as_deref(), Some("a.toml"));
    // When the first gives it up, the second has it.
    watched.write("a.toml", source("another", "1"));
    watched.until_state("b.toml", SourceState::Applied).await;
    assert_eq!(watched.workflow("same").await.unwrap().2.as_deref(), Some("b.toml"));
    assert!(watched.active("another").await && watched.active("same").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_source_is_reported() {
    let mut watched = Watched::with(&[("good.toml", &source("good", "1"))]).await;
    watched.write("big.flow", vec![b' '; 2 * 1024 * 1024 + 1]);
    watched.write("latin.flow", b"workflow caf\xe9 { }");
    let big = watched.until_state("big.flow", SourceState::Failed).await;
    assert_eq!(big.error.as_deref(), Some("it has 2097153 bytes, and 2097152 are allowed"));
    let latin = watched.until_state("latin.flow", SourceState::Failed).await;
    assert_eq!(latin.error.as_deref(), Some("byte 12 is not UTF-8"));
    assert!(watched.active("good").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_sees_what_events_would_tell() {
    let mut watched = Watched::new(&[("a.toml", &source("a", "1"))], Some(Duration::from_millis(50))).await;
    watched.write("a.toml", source("a", "2"));
    watched.until_version("a.toml", 2).await;
    fs::remove_file(watched.path("a.toml")).unwrap();
    watched.until_state("a.toml", SourceState::Removed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_the_folder_that_is_swapped_is_followed() {
    let temp = tempfile::tempdir().unwrap();
    let release = |name: &str, message: &str| -> PathBuf {
        let folder = temp.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.toml"), source("a", message)).unwrap();
        folder
    };
    let point = |to: &Path, link: &Path| {
        symlink(to, temp.path().join("next")).unwrap();
        fs::rename(temp.path().join("next"), link).unwrap();
    };
    let mut watched = Watched::with(&[]).await;
    watched.stop().await;
    fs::remove_dir(&watched.dir).unwrap();
    point(&release("one", "1"), &watched.dir);
    watched.start().await;
    assert!(watched.active("a").await);
    point(&release("two", "2"), &watched.dir);
    watched.until_version("a.toml", 2).await;
}

#[tokio::test]
async fn a_file_whose_task_type_is_registered_later_is_applied_then() {
    let text = "name = \"look\"\n[[step]]\nname = \"place\"\ntask = \"geo.lookup\"\nwith = { ip = \"192.0.2.7\" }\n";
    let mut watched = Watched::with(&[("look.toml", text)]).await;
    assert_eq!(watched.status("look.toml").unwrap().state, SourceState::Failed);
    let service = watched.core.service().clone();
    service.task_type_register("geo.lookup".to_owned(), TypeDefinition::default()).await.unwrap_err();
    let anything = serde_json::json!(true);
    let definition =
        TypeDefinition { config_schema: anything.clone(), output_schema: anything, ..TypeDefinition::default() };
    service.task_type_register("geo.lookup".to_owned(), definition).await.unwrap();
    watched.until_state("look.toml", SourceState::Applied).await;
    assert!(watched.active("look").await);
}

#[tokio::test]
async fn another_definition_of_a_task_type_is_another_version_and_one_that_does_not_fit_leaves_the_last() {
    let text = "workflow look {\n  step place: geo.lookup { ip = \"192.0.2.7\" }\n  return place.country\n}\n";
    let mut watched = Watched::with(&[("look.flow", text), ("other.toml", &source("other", "1"))]).await;
    let service = watched.core.service().clone();
    let register = async |field: &str, ty: &str| {
        let output_schema = serde_json::json!({
            "type": "object", "properties": { field: { "type": ty } }, "required": [field], "additionalProperties": false,
        });
        let definition = TypeDefinition { config_schema: true.into(), output_schema, ..TypeDefinition::default() };
        service.task_type_register("geo.lookup".to_owned(), definition).await.unwrap();
    };
    register("country", "string").await;
    watched.until_version("look.flow", 1).await;
    register("country", "integer").await;
    watched.until_version("look.flow", 2).await;
    // One that somebody deactivated stays so.
    service.workflow_deactivate("look").await.unwrap();
    register("country", "boolean").await;
    watched.until_version("look.flow", 3).await;
    assert!(!watched.active("look").await);
    service.workflow_activate("look").await.unwrap();
    register("land", "string").await;
    watched.until_state("look.flow", SourceState::Failed).await;
    let (status, version, ..) = watched.workflow("look").await.unwrap();
    assert_eq!((status, version), (WorkflowStatus::Active, 3));
    // What does not use it is as it was.
    watched.until_version("other.toml", 1).await;
}

/// Starts a workflow once the process has a share of the executions; the version that it runs.
async fn started(core: &Core, workflow: &str) -> i64 {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let request = StartRequest { workflow: workflow.to_owned(), ..StartRequest::default() };
        match core.service().execution_start(request).await {
            Ok(started) => return started.execution().version,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_published_runs_as_soon_as_this_one_tells_of_the_file() {
    let temp = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.database.url = Postgres::shared().database().await;
    let other = Core::start(&config, Handlers::default()).await.unwrap();
    let this = Core::start(&config, Handlers::default()).await.unwrap();
    let options = Options { dir: temp.path().to_owned(), poll: None, debounce: Duration::from_millis(20) };
    for version in 1..=3 {
        fs::write(temp.path().join("a.toml"), source("a", &version.to_string())).unwrap();
        for core in [&other, &this] {
            Watcher::start(options.clone(), core.service().clone()).await.stop().await;
        }
        let told = this.service().sources().get("a.toml").unwrap();
        assert_eq!(told.workflows, [("a".to_owned(), version)]);
        // Nothing tells the one process of the other, and what is kept of the version before is still fresh.
        assert_eq!(started(&this, "a").await, version);
    }
}
