//! Workflows, their versions and their steps.
//!
//! These are written by people and deployments, seldom: foreign keys hold them together.

pub const STATEMENTS: &[&str] = &[
    "CREATE TABLE workflows (
        id {uuid} NOT NULL PRIMARY KEY,
        name {text} NOT NULL,
        description {text},
        metadata {text} NOT NULL,
        status {text} NOT NULL,
        active_version {int},
        has_draft {bool} NOT NULL,
        file {text},
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL
    )",
    "CREATE UNIQUE INDEX workflows_name ON workflows (name)",
    // A version is immutable. `plan` is JSON, and `plan_hash` is over it: equal plans have equal hashes.
    "CREATE TABLE workflow_versions (
        workflow_id {uuid} NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
        n {int} NOT NULL,
        source {text} NOT NULL,
        notation {text} NOT NULL,
        source_hash {text} NOT NULL,
        plan {text} NOT NULL,
        plan_hash {text} NOT NULL,
        origin {text} NOT NULL,
        created_at {int} NOT NULL,
        PRIMARY KEY (workflow_id, n)
    )",
    "CREATE INDEX workflow_versions_plan_hash ON workflow_versions (plan_hash)",
    // Steps of a version, or of the workflow's draft where `version` is null. Names and places are unique in a draft;
    // in a version the compiler has seen to it.
    "CREATE TABLE workflow_steps (
        id {uuid} NOT NULL PRIMARY KEY,
        workflow_id {uuid} NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
        version {int},
        name {text} NOT NULL,
        task_type {text} NOT NULL,
        step_order {int} NOT NULL,
        config {text} NOT NULL,
        timeout_seconds {int},
        max_retries {int},
        created_at {int} NOT NULL,
        updated_at {int} NOT NULL
    )",
    "CREATE INDEX workflow_steps_version ON workflow_steps (workflow_id, version, step_order)",
    "CREATE UNIQUE INDEX workflow_steps_draft_name ON workflow_steps (workflow_id, name) WHERE version IS NULL",
    "CREATE UNIQUE INDEX workflow_steps_draft_order ON workflow_steps (workflow_id, step_order) WHERE version IS NULL",
];
