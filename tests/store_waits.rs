//! Events, who took them, and approvals, in both databases.

use std::sync::Arc;

use stepwell::engine::{ExecutionStatus, StepRow, StepStatus};
use stepwell::expr::{Timestamp, Value};
use stepwell::ids::WorkflowId;
use stepwell::lang::Notation;
use stepwell::service::model::{Execution, Origin, Version, WorkflowStatus};
use stepwell::service::ports::{Commit, ExecutionStore, NewVersion, StoreError, WorkflowStore};
use stepwell::service::waits::{ApprovalFilter, Delivery, KeptFilter, SentEvent, WaitCursor, WaitStore};
use uuid::Uuid;

use crate::sim::plans::compiled;
use crate::store::{Fresh, each, execution, id, step, workflow};

fn event(id: &str, at: i64) -> SentEvent {
    let data = Value::object([("n", Value::Int(at))]);
    let (at, expires_at) = (Timestamp(at), Timestamp(at + 1_000));
    SentEvent { name: "news".into(), id: id.into(), data, kept: true, at, expires_at }
}

fn kept(for_workflow: Option<WorkflowId>, now: i64) -> KeptFilter {
    let since = Timestamp(i64::MIN);
    KeptFilter { name: "news".into(), for_workflow, since, now: Timestamp(now), after: None, limit: 10 }
}

fn delivery(event: &str, n: u32) -> Delivery {
    Delivery { name: "news".into(), id: event.into(), workflow: workflow(), execution: id(n), at: Timestamp(9) }
}

fn ids(events: &[SentEvent]) -> Vec<&str> {
    events.iter().map(|event| &*event.id).collect()
}

/// A row that waits.
fn waits(n: u32, path: &str, task_type: &str, waits_for: &str, since: i64) -> StepRow {
    StepRow {
        task_type: task_type.into(),
        status: StepStatus::Waiting,
        output: None,
        completed_at: None,
        waits_for: Some(waits_for.into()),
        created_at: Timestamp(since),
        ..step(id(n), path, 1, 2)
    }
}

async fn insert(fresh: &Fresh, starts: Vec<Execution>, steps: Vec<StepRow>) {
    fresh.commit(Commit { starts, steps, ..Commit::default() }).await.unwrap();
}

#[tokio::test]
async fn an_event_is_recorded_once_for_its_name_and_id() {
    each(|fresh| async move {
        let store = &fresh.database;
        assert!(store.event_insert(&event("a", 5)).await.unwrap());
        assert!(!store.event_insert(&event("a", 6)).await.unwrap());
        assert!(store.event_insert(&SentEvent { name: "other".into(), ..event("a", 7) }).await.unwrap());
        assert!(store.event_insert(&SentEvent { kept: false, ..event("b", 5) }).await.unwrap());
        let found = store.events_kept(&kept(None, 10)).await.unwrap();
        assert_eq!(found, [event("a", 5)], "the first of the id, and not what is not kept");
    })
    .await;
}

#[tokio::test]
async fn kept_events_come_oldest_first_page_by_page_until_they_are_taken_or_expire() {
    each(|fresh| async move {
        let store = &fresh.database;
        for (id, at) in [("c", 5), ("b", 7), ("a", 7), ("d", 20)] {
            store.event_insert(&event(id, at)).await.unwrap();
        }
        insert(&fresh, vec![execution(1)], Vec::new()).await;
        fresh.commit(Commit { deliveries: vec![delivery("b", 1)], ..Commit::default() }).await.unwrap();
        let all = store.events_kept(&kept(None, 10)).await.unwrap();
        assert_eq!(ids(&all), ["c", "a", "b", "d"]);
        let left = store.events_kept(&kept(Some(workflow()), 10)).await.unwrap();
        assert_eq!(ids(&left), ["c", "a", "d"]);
        let after = KeptFilter { after: Some((Timestamp(5), Arc::from("c"))), limit: 1, ..kept(None, 10) };
        assert_eq!(ids(&store.events_kept(&after).await.unwrap()), ["a"]);
        let since = KeptFilter { since: Timestamp(7), ..kept(None, 10) };
        assert_eq!(ids(&store.events_kept(&since).await.unwrap()), ["d"]);
        assert_eq!(ids(&store.events_kept(&kept(None, 1_007)).await.unwrap()), ["d"], "the others have expired");
        assert_eq!(store.events_sweep(Timestamp(1_007), 2).await.unwrap(), 2, "in batches");
        assert_eq!(store.events_sweep(Timestamp(1_007), 2).await.unwrap(), 1);
        assert_eq!(fresh.count("events").await, 1);
        assert_eq!(fresh.count("event_deliveries").await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_event_is_taken_once_for_a_workflow_whatever_a_second_commit_says() {
    each(|fresh| async move {
        let store = &fresh.database;
        insert(&fresh, vec![execution(1), execution(2)], Vec::new()).await;
        let take = |n: u32| Commit {
            deliveries: vec![delivery("a", n)],
            steps: vec![step(id(n), "heard", 1, 3)],
            ..Commit::default()
        };
        fresh.commit(take(1)).await.unwrap();
        let refused = fresh.commit(take(2)).await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
        let histories = store.histories(&[id(1), id(2)]).await.unwrap();
        let steps: Vec<usize> = histories.iter().map(|history| history.steps.len()).collect();
        assert_eq!(steps, [1, 0], "what was refused is not written");
        assert_eq!(store.event_deliveries("news", "a").await.unwrap(), [delivery("a", 1)]);
        let other = Delivery { workflow: WorkflowId(Uuid::from_u128(0xB0)), ..delivery("a", 2) };
        fresh.commit(Commit { deliveries: vec![other], ..Commit::default() }).await.unwrap();
        assert_eq!(store.event_deliveries("news", "a").await.unwrap().len(), 2, "another workflow takes it too");
    })
    .await;
}

#[tokio::test]
async fn open_waits_come_oldest_first_with_how_long_events_are_kept_for_them() {
    each(|fresh| async move {
        let store = &fresh.database;
        let plan = compiled("workflow orders { keep 2h\n wait a: \"news\"\n wait b: \"other\" }").remove(0);
        let version = Version {
            workflow: workflow(),
            n: 0,
            source: "".into(),
            notation: Notation::Flow,
            source_hash: "s".into(),
            plan_hash: plan.hash(),
            plan,
            origin: Origin::Upload,
            created_at: Timestamp(1),
        };
        let new = NewVersion {
            before: None,
            fresh_id: workflow(),
            version,
            status: WorkflowStatus::Active,
            file: None,
            from_draft: false,
        };
        store.version_publish(&[new]).await.unwrap();
        assert_eq!(store.event_keep("news").await.unwrap(), Some(7_200_000));
        assert_eq!(store.event_keep("nothing").await.unwrap(), None);
        let unknown = Execution { workflow: WorkflowId(Uuid::from_u128(0xB0)), ..execution(3) };
        let rows = vec![
            waits(2, "a", "wait", "news", 5),
            waits(1, "a[1]", "wait", "news", 6),
            waits(1, "a[0]", "wait", "news", 6),
            waits(3, "a", "wait", "news", 7),
            waits(1, "b", "wait", "other", 1),
            waits(1, "news", "approve", "news", 1),
            StepRow { status: StepStatus::Completed, ..waits(1, "a[9]", "wait", "news", 1) },
        ];
        insert(&fresh, vec![execution(1), execution(2), unknown], rows).await;
        let first = store.waits_open("news", None, 3).await.unwrap();
        let told: Vec<_> = first.iter().map(|wait| (wait.cursor.execution, wait.cursor.path.to_string())).collect();
        assert_eq!(told, [(id(2), "a".to_owned()), (id(1), "a[0]".to_owned()), (id(1), "a[1]".to_owned())]);
        assert_eq!(first[0].keep_ms, Some(7_200_000));
        let rest = store.waits_open("news", Some(&first[2].cursor), 3).await.unwrap();
        assert_eq!((rest.len(), rest[0].cursor.execution, rest[0].keep_ms), (1, id(3), None));
    })
    .await;
}

#[tokio::test]
async fn open_approvals_are_listed_by_group_and_workflow_and_found_decided_too() {
    each(|fresh| async move {
        let store = &fresh.database;
        let other =
            Execution { workflow: WorkflowId(Uuid::from_u128(0xB0)), workflow_name: "others".into(), ..execution(2) };
        let rows = vec![
            waits(1, "late", "approve", "risk", 9),
            waits(2, "early", "approve", "risk", 5),
            waits(1, "legal", "approve", "law", 7),
            waits(1, "event", "wait", "risk", 1),
            StepRow { status: StepStatus::Failed, ..waits(1, "done", "approve", "risk", 1) },
            StepRow { attempt: 2, ..waits(1, "done", "approve", "risk", 8) },
        ];
        insert(&fresh, vec![execution(1), other], rows).await;
        let list = async |filter: ApprovalFilter| {
            let page = store.approval_list(&ApprovalFilter { limit: 10, ..filter }).await.unwrap();
            let told: Vec<String> =
                page.items.iter().map(|one| format!("{} {}#{}", one.workflow, one.row.path, one.row.attempt)).collect();
            (told, page.total.count)
        };
        let all = ["others early#1", "orders legal#1", "orders done#2", "orders late#1"];
        assert_eq!(list(ApprovalFilter::default()).await, (all.map(str::to_owned).to_vec(), 4));
        let law = ApprovalFilter { group: Some("law".to_owned()), ..ApprovalFilter::default() };
        assert_eq!(list(law).await, (vec!["orders legal#1".to_owned()], 1));
        let of_other =
            ApprovalFilter { workflow: Some(WorkflowId(Uuid::from_u128(0xB0))), ..ApprovalFilter::default() };
        assert_eq!(list(of_other).await, (vec!["others early#1".to_owned()], 1));
        let legal = WaitCursor { since: Timestamp(7), execution: id(1), path: stepwell::ids::StepPath::new("legal") };
        let behind = ApprovalFilter { after: Some(legal), ..ApprovalFilter::default() };
        assert_eq!(list(behind).await, (all[2..].iter().map(|one| (*one).to_owned()).collect(), 4));
        let page = ApprovalFilter { limit: 1, offset: 2, ..ApprovalFilter::default() };
        assert_eq!(store.approval_list(&page).await.unwrap().items[0].row.path.as_str(), "done");
        let found = store.approval_find(id(1), &stepwell::ids::StepPath::new("done")).await.unwrap().unwrap();
        assert_eq!((found.row.attempt, found.row.status), (2, StepStatus::Waiting), "the last attempt");
        let none = store.approval_find(id(1), &stepwell::ids::StepPath::new("event")).await.unwrap();
        assert_eq!(none, None, "a wait for an event is no approval");
    })
    .await;
}

#[tokio::test]
async fn timers_of_what_is_paused_do_not_ring() {
    each(|fresh| async move {
        let nap = StepRow { wake_at: Some(Timestamp(5)), ..waits(1, "nap", "sleep", "", 1) };
        let paused = Execution { status: ExecutionStatus::Paused, wake_at: Some(Timestamp(5)), ..execution(1) };
        insert(&fresh, vec![paused], vec![nap]).await;
        let all: Vec<_> = stepwell::ids::PartitionId::all().collect();
        assert_eq!(fresh.database.timers_due(&all, Timestamp(10), 10).await.unwrap(), []);
    })
    .await;
}
