//! The keeper: compares a scan with what was applied, and applies the difference through the use cases.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::lang::{Report, Severity, Source, report};
use crate::service::model::Origin;
use crate::service::task_types::TypeStamp;
use crate::service::{Published, Service, ServiceError, SourceState, SourceStatus, Upload};

use super::Options;
use super::scan::{Found, Scan, scan};

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Everything is as the files have it.
    Done,
    /// A file is missing for the first time; the next pass takes it for removed.
    Missing,
    /// The database did not take something.
    Unfinished,
}

/// What is known of the files.
pub(super) struct Keeper {
    options: Options,
    service: Arc<Service>,
    known: BTreeMap<String, Known>,
    /// Files that own workflows by the database; none until it was asked.
    owners: Option<BTreeSet<String>>,
    /// Files that were missing in the pass before.
    missing: BTreeSet<String>,
    /// The registered task types as they were in the pass before.
    types: Option<TypeStamp>,
    /// Whether the folder could not be read, which is told once.
    unreadable: bool,
}

/// What became of a file when it was last looked at.
struct Known {
    found: Found,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Its workflows are active. Tried again whenever the registered task types change: what it is checked against may be
    /// another, and then so is its plan.
    Applied(BTreeSet<String>),
    /// It does not compile, or can't be read. The last good version of its workflows stays. Tried again whenever the
    /// registered task types change.
    Bad,
    /// Another file has one of its workflows: tried again whenever another file changes.
    Taken,
    /// Not now: tried again in any case.
    Later,
}

impl Keeper {
    pub fn new(options: Options, service: Arc<Service>) -> Self {
        let (known, missing) = (BTreeMap::new(), BTreeSet::new());
        Self { options, service, known, owners: None, missing, types: None, unreadable: false }
    }

    /// Scans the folder and applies what is new, changed or gone.
    pub async fn pass(&mut self) -> Pass {
        let Some(scan) = self.scan().await else { return Pass::Done };
        if self.owners.is_none() {
            self.owners = self.service.source_owners().await.inspect_err(log_later).ok();
        }
        let missing = self.missing_in(&scan);
        let gone: BTreeSet<String> = missing.intersection(&self.missing).cloned().collect();
        let types_changed = self.types_changed().await;
        let changed = self.changed_in(&scan, !gone.is_empty(), types_changed);
        self.missing = &missing - &gone;
        let mut later = self.owners.is_none();
        let holds = self.holds(&scan, &changed).await;
        for path in in_order(&changed, &holds, &self.known) {
            let Some(found) = scan.files.get(&path) else { continue };
            let outcome = self.apply(&path, found, &holds, &missing).await;
            later |= outcome == Outcome::Later;
            self.known.insert(path, Known { found: found.clone(), outcome });
        }
        for path in &gone {
            later |= !self.remove(path).await;
        }
        match (later, self.missing.is_empty()) {
            (true, _) => Pass::Unfinished,
            (false, false) => Pass::Missing,
            (false, true) => Pass::Done,
        }
    }

    async fn scan(&mut self) -> Option<Scan> {
        let dir = self.options.dir.clone();
        let scanned = tokio::task::spawn_blocking(move || scan(&dir)).await;
        let reason = match scanned {
            Ok(Ok(scan)) => {
                if scan.truncated {
                    tracing::warn!(dir = %self.options.dir.display(), taken = scan.files.len(), "too many files; the rest is not read");
                }
                self.unreadable = false;
                return Some(scan);
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        if !self.unreadable {
            tracing::warn!(dir = %self.options.dir.display(), reason, "can't read the folder of workflows; what is active stays so");
        }
        self.unreadable = true;
        None
    }

    /// Files that are known, or own workflows, and are not there.
    fn missing_in(&self, scan: &Scan) -> BTreeSet<String> {
        // A scan that was cut short does not show what is missing.
        if scan.truncated {
            return BTreeSet::new();
        }
        let owners = self.owners.iter().flatten();
        self.known.keys().chain(owners).filter(|path| !scan.files.contains_key(*path)).cloned().collect()
    }

    /// Whether task types were registered, changed or deleted since the pass before.
    async fn types_changed(&mut self) -> bool {
        let Ok(now) = self.service.task_types_stamp().await.inspect_err(log_later) else { return false };
        self.types.replace(now).is_some_and(|before| before != now)
    }

    /// Files that are to be looked at: new ones, changed ones, and those that had to wait.
    fn changed_in(&self, scan: &Scan, gone: bool, types_changed: bool) -> Vec<String> {
        let fresh = |path: &String, found: &Found| self.known.get(path).is_none_or(|known| known.found != *found);
        let any = gone || scan.files.iter().any(|(path, found)| fresh(path, found));
        let due = |path: &String| match self.known.get(path).map(|known| &known.outcome) {
            Some(Outcome::Taken) => any,
            Some(Outcome::Bad | Outcome::Applied(_)) => types_changed,
            Some(Outcome::Later) => true,
            _ => false,
        };
        scan.files
            .iter()
            .filter(|(path, found)| fresh(path, found) || due(path))
            .map(|(path, _)| path.clone())
            .collect()
    }

    /// Which workflows each file holds. Of a file that does not compile, the last good ones.
    async fn holds(&self, scan: &Scan, changed: &[String]) -> BTreeMap<String, BTreeSet<String>> {
        let mut holds = BTreeMap::new();
        for (path, known) in &self.known {
            if let Outcome::Applied(names) = &known.outcome
                && scan.files.contains_key(path)
            {
                holds.insert(path.clone(), names.clone());
            }
        }
        for path in changed {
            if let Some(Found::Text { notation, text, .. }) = scan.files.get(path) {
                let source = Source { name: self.shown(path).into(), notation: *notation, text: text.clone() };
                if let Ok(valid) = self.service.source_validate(source).await {
                    let names = valid.plans.iter().map(|plan| plan.workflow.to_string()).collect();
                    holds.insert(path.clone(), names);
                }
            }
        }
        holds
    }

    /// The path as diagnostics show it.
    fn shown(&self, path: &str) -> String {
        self.options.dir.join(path).display().to_string()
    }

    async fn apply(
        &self,
        path: &str,
        found: &Found,
        holds: &BTreeMap<String, BTreeSet<String>>,
        missing: &BTreeSet<String>,
    ) -> Outcome {
        let (notation, text, hash) = match found {
            Found::Text { notation, text, hash } => (*notation, text, hash),
            Found::Unreadable(reason) => {
                tracing::warn!(file = path, reason, "a file of workflows can't be used");
                self.tell(path, None, Err((Some(reason.clone()), Vec::new())));
                return Outcome::Bad;
            }
        };
        let upload = Upload {
            name: self.shown(path),
            notation,
            text: text.clone(),
            origin: Origin::File { path: path.to_owned() },
            takes_from: takes_from(path, holds, missing),
        };
        match self.service.source_publish(upload).await {
            Ok(published) => {
                let names = published.workflows.iter().map(|one| one.workflow.name.to_string()).collect();
                log_published(path, &published);
                self.tell(path, Some(hash), Ok(&published));
                Outcome::Applied(names)
            }
            Err(error) => self.refused(path, hash, &error),
        }
    }

    /// Tells why a file was not applied.
    fn refused(&self, path: &str, hash: &str, error: &ServiceError) -> Outcome {
        let (outcome, told) = match error {
            ServiceError::Diagnostics { source, diagnostics, .. } => {
                let reports = report(source, diagnostics);
                let mistakes = lines(&reports);
                tracing::warn!(
                    file = path,
                    "a file of workflows does not compile; the last good version stays active\n{mistakes}"
                );
                (Outcome::Bad, (None, reports))
            }
            ServiceError::Unavailable { .. } => {
                log_later(error);
                (Outcome::Later, (Some(error.to_string()), Vec::new()))
            }
            ServiceError::Conflict { .. } => {
                tracing::warn!(file = path, %error, "a file of workflows is not applied");
                (Outcome::Taken, (Some(error.to_string()), Vec::new()))
            }
            _ => {
                tracing::warn!(file = path, %error, "a file of workflows is not applied");
                (Outcome::Bad, (Some(error.to_string()), Vec::new()))
            }
        };
        self.tell(path, Some(hash), Err(told));
        outcome
    }

    /// Deactivates what a removed file owned; false where it has to be tried again.
    async fn remove(&mut self, path: &str) -> bool {
        match self.service.source_remove(path).await {
            Ok(workflows) => {
                let names: Vec<_> = workflows.iter().map(|workflow| &*workflow.name).collect();
                tracing::info!(file = path, deactivated = ?names, "a file of workflows was removed");
                self.known.remove(path);
                self.owners.iter_mut().for_each(|owners| {
                    owners.remove(path);
                });
                let sources = self.service.sources();
                let removed = sources.get(path).unwrap_or_else(|| self.empty(path));
                sources.set(SourceStatus {
                    state: SourceState::Removed,
                    hash: None,
                    workflows: Vec::new(),
                    error: None,
                    diagnostics: Vec::new(),
                    at: self.service.now(),
                    ..removed
                });
                true
            }
            Err(error) => {
                log_later(&error);
                self.missing.insert(path.to_owned());
                false
            }
        }
    }

    fn empty(&self, path: &str) -> SourceStatus {
        SourceStatus {
            path: path.to_owned(),
            state: SourceState::Failed,
            hash: None,
            workflows: Vec::new(),
            error: None,
            diagnostics: Vec::new(),
            at: self.service.now(),
        }
    }

    /// Records what became of a file.
    fn tell(&self, path: &str, hash: Option<&str>, result: Result<&Published, (Option<String>, Vec<Report>)>) {
        let sources = self.service.sources();
        // What stays active of a file that failed is still its.
        let before = sources.get(path).map(|status| status.workflows).unwrap_or_default();
        let mut status = SourceStatus { hash: hash.map(str::to_owned), ..self.empty(path) };
        match result {
            Ok(published) => {
                status.state = SourceState::Applied;
                let workflows = published.workflows.iter();
                status.workflows = workflows.map(|one| (one.workflow.name.to_string(), one.version)).collect();
                status.diagnostics = report(&published.source, &published.diagnostics);
            }
            Err((error, diagnostics)) => {
                status.workflows = before;
                status.error = error;
                status.diagnostics = diagnostics;
            }
        }
        sources.set(status);
    }
}

/// The files whose workflows this one may take over: those that are gone, and those that hold none of its workflows any
/// more. So a rename or a move never leaves a workflow inactive in between.
fn takes_from(path: &str, holds: &BTreeMap<String, BTreeSet<String>>, missing: &BTreeSet<String>) -> BTreeSet<String> {
    let none = BTreeSet::new();
    let own = holds.get(path).unwrap_or(&none);
    let given_up = holds.iter().filter(|(other, names)| *other != path && names.is_disjoint(own));
    given_up.map(|(other, _)| other.clone()).chain(missing.iter().cloned()).collect()
}

/// The order to apply changed files in: those that have gained a workflow come before those that may have lost it.
fn in_order(
    changed: &[String],
    holds: &BTreeMap<String, BTreeSet<String>>,
    known: &BTreeMap<String, Known>,
) -> Vec<String> {
    let gained = |path: &String| {
        let before = match known.get(path).map(|known| &known.outcome) {
            Some(Outcome::Applied(names)) => names.clone(),
            _ => BTreeSet::new(),
        };
        holds.get(path).is_some_and(|names| !names.is_subset(&before))
    };
    let mut order = changed.to_vec();
    order.sort_by_key(|path| !gained(path));
    order
}

fn log_published(path: &str, published: &Published) {
    for one in published.workflows.iter().filter(|one| one.changed) {
        tracing::info!(file = path, workflow = &*one.workflow.name, version = one.version, "a workflow is active");
    }
    if !published.diagnostics.is_empty() {
        let warnings = lines(&report(&published.source, &published.diagnostics));
        tracing::warn!(file = path, "a file of workflows has warnings\n{warnings}");
    }
}

/// How many diagnostics of a file are logged; `/api/v1/sources` has them all.
const LOGGED: usize = 20;

/// Diagnostics for the log: one a line, `file:line:column` first, as editors and terminals link it.
fn lines(reports: &[Report]) -> String {
    let line = |report: &Report| {
        let at = report.labels.first().map(|label| format!("{}:{}:{}: ", label.file, label.line, label.column));
        let kind = if report.severity == Severity::Error { "error" } else { "warning" };
        let help = report.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("  {}{kind}[{}]: {}{help}", at.unwrap_or_default(), report.code, report.message)
    };
    let mut lines: Vec<_> = reports.iter().take(LOGGED).map(line).collect();
    if reports.len() > LOGGED {
        lines.push(format!("  and {} more", reports.len() - LOGGED));
    }
    lines.join("\n")
}

fn log_later(error: &ServiceError) {
    tracing::warn!(%error, "files of workflows can't be applied now; trying again");
}
