//! Executions, the attempts at their steps, their logs and controls: the hot path.
//!
//! No foreign keys here. Each would cost a look-up per row in every commit, and in PostgreSQL a lock on the one row of the
//! workflow that all of its executions share. One writer per partition writes these tables, parents first, in one
//! transaction, and deletes go through the store, children first: what a key would guard can't happen.

pub const STATEMENTS: &[&str] = &[
    // `partition` is the hash of the id, kept so that an owner finds its own without reading ids.
    "CREATE TABLE workflow_executions (
        id {uuid} NOT NULL PRIMARY KEY,
        workflow_id {uuid} NOT NULL,
        workflow_name {text} NOT NULL,
        version {int} NOT NULL,
        plan_hash {text} NOT NULL,
        partition {small} NOT NULL,
        status {text} NOT NULL,
        seq {int} NOT NULL,
        input {text} NOT NULL,
        settings {text} NOT NULL,
        output {text},
        error {text},
        retry_count {int} NOT NULL,
        max_retries {int} NOT NULL,
        idempotency_key {text},
        request_hash {text},
        parent_execution {uuid},
        parent_path {text},
        parent_attempt {int},
        depth {int} NOT NULL,
        wake_at {int},
        scheduled_at {int},
        created_at {int} NOT NULL,
        started_at {int},
        completed_at {int},
        cancel_requested_at {int}
    )",
    "CREATE UNIQUE INDEX workflow_executions_key ON workflow_executions (workflow_id, idempotency_key)
        WHERE idempotency_key IS NOT NULL",
    // Lists go by (created_at, id), newest first: ids alone are no order of time, since a child's is a hash.
    "CREATE INDEX workflow_executions_created ON workflow_executions (created_at, id)",
    "CREATE INDEX workflow_executions_workflow ON workflow_executions (workflow_id, created_at, id)",
    "CREATE INDEX workflow_executions_status ON workflow_executions (status, created_at, id)",
    // What a recovery pages through. It holds live executions alone, so that history costs a start nothing.
    "CREATE INDEX workflow_executions_live ON workflow_executions (id, partition)
        WHERE status NOT IN ('completed', 'failed', 'cancelled')",
    "CREATE INDEX workflow_executions_live_workflow ON workflow_executions (workflow_id)
        WHERE status NOT IN ('completed', 'failed', 'cancelled')",
    // Timers. What has ended leaves these indexes by itself, so that they are as small as what waits.
    "CREATE INDEX workflow_executions_wake ON workflow_executions (wake_at, partition)
        WHERE wake_at IS NOT NULL AND status NOT IN ('completed', 'failed', 'cancelled')",
    // `partition` is the execution's, for the timers. In SQLite a row of some 500 bytes is cheaper in a table with row ids:
    // clustering by the key took 40 % more time for an insert.
    "CREATE TABLE step_executions (
        execution_id {uuid} NOT NULL,
        path {text} NOT NULL,
        attempt {int} NOT NULL,
        seq {int} NOT NULL,
        partition {small} NOT NULL,
        name {text} NOT NULL,
        step_order {int} NOT NULL,
        task_type {text} NOT NULL,
        status {text} NOT NULL,
        input {text},
        output {text},
        error {text},
        wake_at {int},
        created_at {int} NOT NULL,
        started_at {int},
        completed_at {int},
        PRIMARY KEY (execution_id, path, attempt)
    )",
    "CREATE INDEX step_executions_seq ON step_executions (execution_id, seq)",
    "CREATE INDEX step_executions_wake ON step_executions (wake_at, partition)
        WHERE wake_at IS NOT NULL AND status IN ('waiting', 'retrying')",
    "CREATE TABLE execution_logs (
        id {serial},
        execution_id {uuid} NOT NULL,
        level {text} NOT NULL,
        message {text} NOT NULL,
        details {text},
        path {text},
        at {int} NOT NULL
    )",
    "CREATE INDEX execution_logs_execution ON execution_logs (execution_id, id)",
    "CREATE TABLE execution_controls (
        execution_id {uuid} NOT NULL,
        seq {int} NOT NULL,
        control {text} NOT NULL,
        at {int} NOT NULL,
        PRIMARY KEY (execution_id, seq)
    ){clustered}",
];
