//! Many starts in one request: each as if it were alone, all under way together, so that they share commits.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, stream};

use super::error::{ServiceError, ServiceResult};
use super::parts::Service;
use super::ports::Started;
use super::start::{Found, StartRequest};

/// The most starts in a batch.
pub const MAX_BATCH: usize = 1_000;

/// How many starts of a batch are under way at once: enough to share a commit, too few to take the database from others.
const AT_ONCE: usize = 256;

/// A start, its place in the batch, and what was found for it.
type Entry = (usize, StartRequest, Found);

impl Service {
    /// Starts executions and answers each in its place. Returns when all that were accepted are durable. Of those that share
    /// a key the first goes before the others, which get what it started. A request that could not be read gives its error.
    ///
    /// # Errors
    /// None, or more than `MAX_BATCH`.
    pub async fn execution_start_batch(
        &self,
        requests: Vec<ServiceResult<StartRequest>>,
    ) -> ServiceResult<Vec<ServiceResult<Started>>> {
        if !(1..=MAX_BATCH).contains(&requests.len()) {
            let message = format!("expected 1 to {MAX_BATCH} starts, found {}", requests.len());
            return Err(ServiceError::field("executions", message));
        }
        let mut answers = Vec::with_capacity(requests.len());
        let mut readable = Vec::with_capacity(requests.len());
        for (at, request) in requests.into_iter().enumerate() {
            match request {
                Ok(request) => readable.push((at, request)),
                Err(unreadable) => answers.push((at, Err(unreadable))),
            }
        }
        let (first, repeats) = fold(self.found_for(readable).await);
        answers.extend(self.start_each(first).await);
        answers.extend(self.start_each(repeats).await);
        answers.sort_unstable_by_key(|(at, _)| *at);
        Ok(answers.into_iter().map(|(_, answer)| answer).collect())
    }

    /// What each of these starts; each workflow is looked up once.
    async fn found_for(&self, requests: Vec<(usize, StartRequest)>) -> Vec<Entry> {
        let mut known: HashMap<(String, Option<i64>), Found> = HashMap::new();
        let mut entries = Vec::with_capacity(requests.len());
        for (at, request) in requests {
            let word = (request.workflow.clone(), request.version);
            let found = match known.get(&word) {
                Some(found) => found.clone(),
                None => self.startable(&request.workflow, request.version).await,
            };
            known.entry(word).or_insert_with(|| found.clone());
            entries.push((at, request, found));
        }
        entries
    }

    async fn start_each(&self, entries: Vec<Entry>) -> Vec<(usize, ServiceResult<Started>)> {
        let start = async |(at, request, found): Entry| (at, self.start_of(request, found).await);
        stream::iter(entries).map(start).buffer_unordered(AT_ONCE).collect().await
    }
}

/// Those that are the first of their key, or have none, and those that repeat an earlier one's.
fn fold(entries: Vec<Entry>) -> (Vec<Entry>, Vec<Entry>) {
    let mut seen = HashSet::new();
    entries.into_iter().partition(|(_, request, found)| match (&request.idempotency_key, found) {
        (Some(key), Ok(startable)) => seen.insert((startable.workflow, key.clone())),
        _ => true,
    })
}
