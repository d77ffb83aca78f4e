//! What is measured: each metric by name, kind, labels and meaning. `docs/metrics.md` shows this table.

use Kind::{Counter, Gauge, Histogram};

/// What a metric does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It rises.
    Counter,
    /// It is what it is now.
    Gauge,
    /// It falls into buckets, with a sum and a count.
    Histogram,
}

/// A metric.
pub(super) struct Metric {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub what: &'static str,
}

const fn metric(name: &'static str, kind: Kind, labels: &'static [&'static str], what: &'static str) -> Metric {
    Metric { name, kind, labels, what }
}

/// All metrics of a process.
pub(super) const METRICS: &[Metric] = &[
    metric("stepwell_executions_started_total", Counter, &["workflow"], "Executions started"),
    metric("stepwell_executions_ended_total", Counter, &["workflow", "status"], "Executions ended"),
    metric("stepwell_execution_seconds", Histogram, &["workflow"], "How long executions took, from their start"),
    metric("stepwell_start_seconds", Histogram, &[], "From the request of a start until it is durable"),
    metric("stepwell_steps_total", Counter, &["task_type", "status"], "Attempts at steps ended"),
    metric("stepwell_step_seconds", Histogram, &["task_type"], "How long attempts took"),
    metric("stepwell_outcomes_superseded_total", Counter, &[], "Outcomes of attempts that were given up meanwhile"),
    metric("stepwell_cache_hits_total", Counter, &[], "Steps answered with an output that was kept (`cache`)"),
    metric("stepwell_commit_seconds", Histogram, &[], "How long commits took"),
    metric("stepwell_commit_rows", Histogram, &[], "Rows in a commit"),
    metric("stepwell_commit_events", Histogram, &[], "Events in a commit"),
    metric("stepwell_commits_failed_total", Counter, &[], "Commits of which nobody knows, since the database was away"),
    metric("stepwell_retention_deleted_total", Counter, &["what"], "Rows deleted of executions past their retention"),
    metric("stepwell_partitions", Gauge, &[], "Partitions that this process owns"),
    metric("stepwell_live_executions", Gauge, &[], "Executions in memory"),
    metric("stepwell_worker_busy", Gauge, &[], "Attempts under way in this process"),
    metric("stepwell_tasks_leased", Gauge, &[], "Tasks that workers over HTTP have from this process"),
    metric("stepwell_queue_depth", Gauge, &["queue"], "Tasks that wait for a worker"),
    metric("stepwell_queue_claimed", Gauge, &["queue"], "Tasks that workers have"),
    metric("stepwell_queue_oldest_seconds", Gauge, &["queue"], "How long the oldest task that waits has waited"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    /// The names that the sources of a folder measure by.
    fn measured(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                measured(&path, names);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let calls = ["counter!(", "gauge!(", "histogram!("];
                let after = calls.iter().flat_map(|call| text.split(call).skip(1));
                let quoted = after.filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
                names.extend(quoted.filter(|name| name.starts_with("stepwell_")).map(str::to_owned));
            }
        }
    }

    #[test]
    fn what_is_measured_is_what_is_told_of() {
        let mut names = BTreeSet::new();
        measured(&root().join("src"), &mut names);
        let told: BTreeSet<String> = METRICS.iter().map(|metric| metric.name.to_owned()).collect();
        assert_eq!(names, told);
    }

    #[test]
    fn the_page_shows_each_metric() {
        let row = |Metric { name, kind, labels, what }: &Metric| {
            let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
            format!("| `{name}` | {} | {} | {what} |", format!("{kind:?}").to_lowercase(), labels.join(", "))
        };
        let page = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
        let shown: Vec<&str> = page.lines().filter(|line| line.starts_with("| `stepwell_")).collect();
        assert_eq!(shown, METRICS.iter().map(row).collect::<Vec<_>>());
    }
}
