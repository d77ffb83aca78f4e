//! What lists of executions are found by.
//!
//! By state and time, alone and under the workflow; a list over all states is merged from these. The two indexes that had no
//! state are not needed any more: there is one fewer to write, and the state of one workflow is found at once.

pub const STATEMENTS: &[&str] = &[
    "CREATE INDEX workflow_executions_workflow_status ON workflow_executions (workflow_id, status, created_at, id)",
    "DROP INDEX workflow_executions_created",
    "DROP INDEX workflow_executions_workflow",
];
