//! Events from outside, who took them, and which workflows wait for them.

pub const STATEMENTS: &[&str] = &[
    // An event goes once for each name and id, however often it is sent. One that is not kept is here for that alone.
    "CREATE TABLE events (
        name {text} NOT NULL,
        id {text} NOT NULL,
        data {text} NOT NULL,
        kept {bool} NOT NULL,
        created_at {int} NOT NULL,
        expires_at {int} NOT NULL,
        PRIMARY KEY (name, id)
    )",
    "CREATE INDEX events_kept ON events (name, created_at, id) WHERE kept",
    "CREATE INDEX events_expiry ON events (expires_at)",
    // Taken once for each workflow: the key is what makes it so.
    "CREATE TABLE event_deliveries (
        name {text} NOT NULL,
        event_id {text} NOT NULL,
        workflow_id {uuid} NOT NULL,
        execution_id {uuid} NOT NULL,
        at {int} NOT NULL,
        PRIMARY KEY (name, event_id, workflow_id)
    ){clustered}",
    // How long events of a name are kept for a version of a workflow that waits for them, in milliseconds.
    "CREATE TABLE event_listeners (
        event {text} NOT NULL,
        workflow_id {uuid} NOT NULL,
        version {int} NOT NULL,
        keep_ms {int} NOT NULL,
        PRIMARY KEY (event, workflow_id, version)
    ){clustered}",
];
