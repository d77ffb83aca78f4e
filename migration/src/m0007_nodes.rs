//! Nodes, each with the time at which its leases lapse; and a row for each partition, which nobody owns at first.

pub const STATEMENTS: &[&str] = &[
    "CREATE TABLE nodes (
        id {text} NOT NULL PRIMARY KEY,
        joined_at {int} NOT NULL,
        renewed_at {int} NOT NULL,
        expires_at {int} NOT NULL
    )",
    // The number of partitions is for the life of a database.
    "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 63)
     INSERT INTO partitions (id, epoch, owner, taken_at) SELECT n, 0, '', 0 FROM numbers WHERE true
     ON CONFLICT (id) DO NOTHING",
];
