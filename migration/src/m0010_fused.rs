//! Runs of pure steps, each as one row.

pub const STATEMENTS: &[&str] = &[
    // `seq` is of the first of `length` steps, each with the `seq` after the one before it; `steps` is a JSON list of them.
    // What is not skipped of them is completed. `furthest` is the greatest `step_order`.
    "CREATE TABLE fused_steps (
        execution_id {uuid} NOT NULL,
        seq {int} NOT NULL,
        length {int} NOT NULL,
        skipped {int} NOT NULL,
        furthest {int} NOT NULL,
        steps {text} NOT NULL,
        PRIMARY KEY (execution_id, seq)
    )",
];
