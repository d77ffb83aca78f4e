//! What starts a workflow, and how many of its executions run at once.

use std::sync::Arc;

use crate::lang::ast::{self, Name, PolicyKind, TriggerKind, Workflow};
use crate::lang::constant::count;
use crate::plan::{CatchUp, Concurrency, Overflow, Overlap, Trigger, TriggerOn};

use super::flow::ident;

/// The timezone of a `cron` that names none.
const UTC: &str = "UTC";

/// `on …`.
pub fn trigger(trigger: &ast::Trigger) -> Trigger {
    let on = match &trigger.kind {
        TriggerKind::Cron { schedule, timezone, catch_up, overlap } => TriggerOn::Cron {
            schedule: schedule.value.clone(),
            timezone: timezone.as_ref().map_or_else(|| Arc::from(UTC), |timezone| timezone.value.clone()),
            catch_up: catch_up_of(catch_up.as_ref()),
            overlap: overlap_of(overlap.as_ref()),
        },
        TriggerKind::Event { event } => TriggerOn::Event { event: event.value.clone() },
        TriggerKind::Webhook { path, hmac, dedupe } => TriggerOn::Webhook {
            path: path.value.clone(),
            hmac: hmac.as_ref().map(|secret| ident(&secret.value)),
            dedupe: dedupe.clone(),
        },
    };
    Trigger { on, condition: trigger.condition.clone(), with: trigger.with.clone() }
}

/// `concurrency key … limit N else …`.
pub fn concurrency(workflow: &Workflow) -> Option<Concurrency> {
    workflow.policies.iter().find_map(|policy| match &policy.kind {
        PolicyKind::Concurrency { key, limit, otherwise } => {
            let otherwise = overflow_of(otherwise.as_ref());
            Some(Concurrency { key: key.clone(), limit: count(limit)?, otherwise })
        }
        _ => None,
    })
}

fn catch_up_of(word: Option<&Name>) -> CatchUp {
    match word.map(|word| &*word.value) {
        Some("last") => CatchUp::Last,
        Some("all") => CatchUp::All,
        _ => CatchUp::None,
    }
}

fn overlap_of(word: Option<&Name>) -> Overlap {
    match word.map(|word| &*word.value) {
        Some("skip") => Overlap::Skip,
        Some("queue") => Overlap::Queue,
        Some("replace") => Overlap::Replace,
        _ => Overlap::Allow,
    }
}

fn overflow_of(word: Option<&Name>) -> Overflow {
    match word.map(|word| &*word.value) {
        Some("cancel") => Overflow::Cancel,
        Some("replace") => Overflow::Replace,
        Some("fail") => Overflow::Fail,
        _ => Overflow::Queue,
    }
}
