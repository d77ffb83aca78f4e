//! Two indexes of live executions that the indexes by state and time make up for.
//!
//! Every start wrote them, and every end took it back. What is live, of all or of one workflow, is what is in one of the few
//! states that are not an end, and those are looked up one by one.

pub const STATEMENTS: &[&str] =
    &["DROP INDEX workflow_executions_live", "DROP INDEX workflow_executions_live_workflow"];
