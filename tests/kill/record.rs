//! What is on record of attempts that ended, read from the database itself, and what may never happen to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, DatabaseConnection, QueryResult, Statement};
use serde_json::Value;
use stepwell::ids::{ExecutionId, StepPath};
use uuid::Uuid;

/// An attempt: execution, path, number.
pub type Attempt = (Uuid, String, i64);

/// What is on record of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub status: String,
    pub seq: i64,
    pub output: Option<String>,
    pub error: Option<String>,
    pub completed_at: Option<i64>,
}

/// The attempts that ended.
#[derive(Clone, Debug, Default)]
pub struct Record(pub BTreeMap<Attempt, Outcome>);

impl Record {
    /// Reads it.
    pub async fn read(database: &DatabaseConnection) -> Self {
        let sql = "SELECT execution_id, path, attempt, status, seq, output, error, completed_at FROM step_executions \
                   WHERE status IN ('completed', 'failed', 'cancelled', 'skipped')";
        let mut record = Self::default();
        for row in rows(database, sql).await {
            let attempt = (get(&row, "execution_id"), get(&row, "path"), get(&row, "attempt"));
            let outcome = Outcome {
                status: get(&row, "status"),
                seq: get(&row, "seq"),
                output: get(&row, "output"),
                error: get(&row, "error"),
                completed_at: get(&row, "completed_at"),
            };
            let twice = record.0.insert(attempt.clone(), outcome);
            assert!(twice.is_none(), "an attempt has two rows: {attempt:?}");
        }
        record
    }

    /// How many steps are done.
    pub fn done(&self) -> usize {
        self.0.values().filter(|outcome| outcome.status == "completed").count()
    }

    /// How many steps of each execution are done.
    pub fn done_by_execution(&self) -> HashMap<Uuid, usize> {
        let mut done = HashMap::new();
        for ((execution, ..), _) in self.0.iter().filter(|(_, outcome)| outcome.status == "completed") {
            *done.entry(*execution).or_default() += 1;
        }
        done
    }

    /// What was on record and is there no longer, or is another now: outcomes that were recorded twice.
    pub fn changed_in(&self, later: &Self) -> Vec<String> {
        let changed = self.0.iter().filter(|(attempt, outcome)| later.0.get(*attempt) != Some(*outcome));
        changed.map(|(attempt, was)| format!("{attempt:?} was {was:?} and is {:?}", later.0.get(attempt))).collect()
    }

    /// Holds that these executions did each of their steps once: attempts are numbered without a gap, the last of them is
    /// the one that completed, those before it were lost, and no two outcomes come of one call, nor one of a call that was
    /// made for another step.
    pub fn assert_each_step_once(&self, executions: &[String], steps: usize, calls: &HashMap<u64, String>) {
        let mut by_step: BTreeMap<(Uuid, &str), Vec<(i64, &Outcome)>> = BTreeMap::new();
        for ((execution, path, attempt), outcome) in &self.0 {
            by_step.entry((*execution, path)).or_default().push((*attempt, outcome));
        }
        let ours: BTreeSet<Uuid> = executions.iter().map(|id| id.parse().unwrap()).collect();
        by_step.retain(|(execution, _), _| ours.contains(execution));
        assert_eq!(by_step.len(), executions.len() * steps);
        let mut nonces = BTreeSet::new();
        for ((execution, path), attempts) in by_step {
            let numbers: Vec<i64> = attempts.iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers, (1..=attempts.len() as i64).collect::<Vec<_>>(), "{execution} {path}");
            let ((_, last), lost) = attempts.split_last().unwrap();
            assert_eq!(last.status, "completed", "{execution} {path}: {last:?}");
            for (_, outcome) in lost {
                let error: Value = serde_json::from_str(outcome.error.as_ref().unwrap()).unwrap();
                assert_eq!((&*outcome.status, &error["code"]), ("failed", &"WORKER_LOST".into()), "{execution} {path}");
            }
            let output: Value = serde_json::from_str(last.output.as_ref().unwrap()).unwrap();
            let nonce = output["body"]["nonce"].as_u64().unwrap();
            assert!(nonces.insert(nonce), "{execution} {path}: its outcome is another's");
            let key = ExecutionId(execution).idempotency_key(&StepPath::new(path));
            assert_eq!(calls.get(&nonce), Some(&key), "{execution} {path}: its outcome is of a call for another step");
        }
    }
}

/// Runs a query.
pub async fn rows(database: &DatabaseConnection, sql: &str) -> Vec<QueryResult> {
    database.query_all_raw(Statement::from_string(database.get_database_backend(), sql)).await.unwrap()
}

/// A column.
pub fn get<T: sea_orm::TryGetable>(row: &QueryResult, column: &str) -> T {
    row.try_get("", column).unwrap()
}
