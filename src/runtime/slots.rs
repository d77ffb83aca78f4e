//! Who may run, where a workflow says `concurrency`: slots, derived from the rows.
//!
//! An execution of such a workflow is first recorded, PENDING; after the commit its group is looked at, and so it is after
//! the end of one. Whoever holds a slot is whoever runs: no slot is a row of its own, and none can be held by what is gone.
//!
//! Each group belongs to one node, the owner of the partition of its hash; the others tell it who came and who left.
//!
//! Invariant: one task decides for all groups of a node, and what it granted and cannot see running yet counts as running. A
//! grant is written only while its group's partition has the epoch under which it was decided: what the owner before granted
//! is seen running by the next, or never will be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::engine::{Event, StepError, code};
use crate::expr::Timestamp;
use crate::ids::{Epoch, ExecutionId};
use crate::plan::{Overflow, Plan};
use crate::service::inbox::{Grant, Message};
use crate::service::model::Execution;
use crate::service::ports::{SlotGroup, Slots, StoreResult};

use super::backoff::Backoff;
use super::message::Job;
use super::shared::Shared;
use super::timers::later;

/// How many of those that wait are looked at in one go, past the limit.
const LOOK: usize = 256;

/// How many groups are looked at again in one sweep.
const SWEEP: usize = 256;

/// The group that an execution counts in, and its rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SlotOf {
    pub group: SlotGroup,
    pub limit: usize,
    pub otherwise: Overflow,
}

impl SlotOf {
    /// Where an execution counts; none where it is not limited.
    pub fn of(execution: &Execution, plan: &Plan) -> Option<Arc<Self>> {
        let key = execution.concurrency_key.clone()?;
        Self::rule(SlotGroup { workflow: execution.workflow, key }, plan)
    }

    fn rule(group: SlotGroup, plan: &Plan) -> Option<Arc<Self>> {
        let concurrency = plan.concurrency.as_ref()?;
        let limit = usize::try_from(concurrency.limit).unwrap_or(usize::MAX);
        Some(Arc::new(Self { group, limit, otherwise: concurrency.otherwise }))
    }
}

/// A group in which somebody waits.
struct Group {
    rule: Arc<SlotOf>,
    /// The epoch of its partition under which it is decided.
    epoch: Epoch,
    /// Those that were told to start, and are not seen running yet; and when they were told last.
    granted: BTreeMap<ExecutionId, Timestamp>,
}

/// What follows from the slots of a group.
#[derive(Debug, Default, PartialEq)]
struct Verdict {
    start: Vec<ExecutionId>,
    cancel: Vec<ExecutionId>,
    reject: Vec<ExecutionId>,
}

/// The desk of slots.
pub(super) struct Desk {
    shared: Arc<Shared>,
    asked: mpsc::UnboundedReceiver<Arc<SlotOf>>,
    groups: BTreeMap<SlotGroup, Group>,
    /// Where the last sweep ended.
    swept: Option<SlotGroup>,
}

impl Desk {
    pub fn new(shared: Arc<Shared>, asked: mpsc::UnboundedReceiver<Arc<SlotOf>>) -> Self {
        Self { shared, asked, groups: BTreeMap::new(), swept: None }
    }

    /// Runs until the node ends.
    pub async fn run(mut self) {
        let mut changes = self.shared.ownership.changes();
        self.recover().await;
        let (clock, sweep) = (self.shared.ports.clock.clone(), self.shared.options.sweep);
        loop {
            tokio::select! {
                biased;
                asked = self.asked.recv() => match asked {
                    Some(rule) => self.look_at(rule).await,
                    None => return,
                },
                Ok(()) = changes.changed() => self.recover().await,
                () = clock.sleep(sweep) => self.sweep().await,
            }
        }
    }

    /// Finds the groups in which somebody waits, of those that are this node's now; the others are decided elsewhere.
    async fn recover(&mut self) {
        self.groups.retain(|group, _| self.shared.ownership.epoch(group.partition()).is_some());
        let mut backoff = Backoff::new();
        while let Err(error) = self.try_recover().await {
            tracing::warn!(%error, "those that wait for a slot can't be read; trying again");
            backoff.wait(&*self.shared.ports.clock).await;
        }
    }

    async fn try_recover(&mut self) -> StoreResult<()> {
        let store = self.shared.ports.store.clone();
        for (group, hash) in store.slot_groups_waiting().await? {
            if self.shared.ownership.epoch(group.partition()).is_none() {
                continue;
            }
            let Some(plan) = store.plan_find(&hash).await? else { continue };
            if let Some(rule) = SlotOf::rule(group, &plan) {
                self.look_at(rule).await;
            }
        }
        Ok(())
    }

    /// Looks again at groups in which somebody waits: a word may have been lost, and a start may have come to nothing.
    async fn sweep(&mut self) {
        let after = self.swept.take();
        let rules: Vec<_> = self
            .groups
            .iter()
            .filter(|(group, _)| after.as_ref().is_none_or(|after| *group > after))
            .take(SWEEP)
            .map(|(_, group)| group.rule.clone())
            .collect();
        if rules.len() == SWEEP {
            self.swept = rules.last().map(|rule| rule.group.clone());
        }
        for rule in rules {
            self.look_at(rule).await;
        }
    }

    /// Decides a group by its rows, or has the node decide whose it is. What can't be read now is looked at again by the sweep.
    async fn look_at(&mut self, rule: Arc<SlotOf>) {
        // The epoch comes first: what is decided by what is read after it is void once another has taken over.
        let partition = rule.group.partition();
        let Some(epoch) = self.shared.ownership.epoch(partition) else {
            self.groups.remove(&rule.group);
            let SlotOf { group, limit, otherwise } = (*rule).clone();
            return self.shared.tell(Message::Slots { group, limit, otherwise });
        };
        let store = &self.shared.ports.store;
        let slots = match store.slots(&rule.group, self.shared.now(), rule.limit.saturating_add(LOOK)).await {
            Ok(slots) => Some(slots),
            Err(error) => {
                tracing::warn!(%error, "the slots of a group can't be read; trying again");
                None
            }
        };
        let fresh = || Group { rule: rule.clone(), epoch, granted: BTreeMap::new() };
        let group = self.groups.entry(rule.group.clone()).or_insert_with(fresh);
        group.rule = rule.clone();
        if group.epoch != epoch {
            *group = fresh();
        }
        let Some(slots) = slots else { return };
        let (now, again) = (self.shared.now(), self.shared.options.sweep);
        group.granted.retain(|id, _| slots.waiting.contains(id));
        let mut verdict = decide(&rule, &slots, &group.granted.keys().copied().collect());
        // Those that were told a moment ago are on their way.
        verdict.start.retain(|id| group.granted.get(id).is_none_or(|told| later(*told, again) <= now));
        group.granted.extend(verdict.start.iter().map(|id| (*id, now)));
        let settled = slots.waiting.is_empty();
        if settled {
            self.groups.remove(&rule.group);
        }
        self.act(&rule, Grant { partition, epoch }, verdict);
    }

    fn act(&self, rule: &SlotOf, grant: Grant, verdict: Verdict) {
        let apply = |id, event| self.shared.apply(id, Job { grant: Some(grant), ..Job::event(event) });
        for id in verdict.start {
            apply(id, Event::Started);
        }
        for id in verdict.cancel {
            let reason = format!("another execution has the concurrency key {}", rule.group.key).into();
            apply(id, Event::Cancel { reason, undo: true });
        }
        for id in verdict.reject {
            let message = format!("there are {} executions with the concurrency key {}", rule.limit, rule.group.key);
            let error = StepError::fatal(code::CONCURRENCY, message);
            apply(id, Event::Reject { error: Box::new(error) });
        }
    }
}

/// What a group's rule makes of its slots. Those that were granted are told again: a start that came to nothing is made up.
fn decide(rule: &SlotOf, slots: &Slots, granted: &BTreeSet<ExecutionId>) -> Verdict {
    let mut verdict = Verdict::default();
    let keep = match rule.otherwise {
        Overflow::Replace => newest(rule.limit, slots),
        _ => slots.waiting.iter().copied().collect(),
    };
    if rule.otherwise == Overflow::Replace {
        let running = slots.running.iter().filter(|(id, stopping)| !stopping && !keep.contains(id));
        let waiting = slots.waiting.iter().filter(|id| !keep.contains(id));
        verdict.cancel = running.map(|(id, _)| *id).chain(waiting.copied()).collect();
    }
    let mut taken = slots.running.len() + granted.iter().filter(|id| keep.contains(id)).count();
    for id in slots.waiting.iter().filter(|id| keep.contains(id)) {
        if granted.contains(id) {
            verdict.start.push(*id);
        } else if taken < rule.limit {
            taken += 1;
            verdict.start.push(*id);
        } else {
            match rule.otherwise {
                Overflow::Cancel => verdict.cancel.push(*id),
                Overflow::Fail => verdict.reject.push(*id),
                Overflow::Queue | Overflow::Replace => {}
            }
        }
    }
    verdict
}

/// The newest of those that run and wait, as many as there are slots.
fn newest(limit: usize, slots: &Slots) -> BTreeSet<ExecutionId> {
    let running = slots.running.iter().filter(|(_, stopping)| !stopping).map(|(id, _)| *id);
    let all: Vec<ExecutionId> = running.chain(slots.waiting.iter().copied()).collect();
    all.iter().rev().take(limit).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::WorkflowId;

    fn id(n: u128) -> ExecutionId {
        ExecutionId(uuid::Uuid::from_u128(n))
    }

    fn ids(numbers: &[u128]) -> Vec<ExecutionId> {
        numbers.iter().map(|n| id(*n)).collect()
    }

    fn rule(limit: usize, otherwise: Overflow) -> SlotOf {
        SlotOf { group: SlotGroup { workflow: WorkflowId(uuid::Uuid::nil()), key: "1".into() }, limit, otherwise }
    }

    fn slots(running: &[u128], waiting: &[u128]) -> Slots {
        Slots { running: running.iter().map(|n| (id(*n), false)).collect(), waiting: ids(waiting) }
    }

    #[test]
    fn the_oldest_that_wait_take_the_free_slots() {
        let verdict = decide(&rule(2, Overflow::Queue), &slots(&[1], &[2, 3]), &BTreeSet::new());
        assert_eq!(verdict, Verdict { start: ids(&[2]), ..Verdict::default() });
    }

    #[test]
    fn what_was_granted_counts_until_it_is_seen_running_and_is_told_again() {
        let granted = BTreeSet::from([id(3)]);
        // An older one came to be seen later: it does not push the granted one aside.
        let verdict = decide(&rule(1, Overflow::Queue), &slots(&[], &[2, 3]), &granted);
        assert_eq!(verdict, Verdict { start: ids(&[3]), ..Verdict::default() });
    }

    #[test]
    fn past_the_limit_one_is_cancelled_or_fails() {
        let over = slots(&[1], &[2]);
        assert_eq!(decide(&rule(1, Overflow::Cancel), &over, &BTreeSet::new()).cancel, ids(&[2]));
        assert_eq!(decide(&rule(1, Overflow::Fail), &over, &BTreeSet::new()).reject, ids(&[2]));
    }

    #[test]
    fn the_newest_replaces_and_starts_when_the_other_has_ended() {
        let rule = rule(1, Overflow::Replace);
        let verdict = decide(&rule, &slots(&[1], &[2, 3]), &BTreeSet::new());
        assert_eq!(verdict, Verdict { cancel: ids(&[1, 2]), ..Verdict::default() });
        let stopping = Slots { running: vec![(id(1), true)], waiting: ids(&[3]) };
        assert_eq!(decide(&rule, &stopping, &BTreeSet::new()), Verdict::default());
        assert_eq!(decide(&rule, &slots(&[], &[3]), &BTreeSet::new()).start, ids(&[3]));
    }
}
