//! Workflows, drafts and versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell::engine::ExecutionStatus;
use stepwell::expr::{Expr, ExprKind, Span, Timestamp, Value};
use stepwell::ids::WorkflowId;
use stepwell::lang::Notation;
use stepwell::plan::{Action, Node, NodeId, NodeKind, Plan, RetryPolicy, StepNode};
use stepwell::service::model::{DraftStep, Execution, Origin, Version, Workflow, WorkflowStatus};
use stepwell::service::ports::{
    Commit, ExecutionReads, ExecutionStore, LogFilter, NewVersion, StoreError, VersionFilter, WorkflowFilter,
    WorkflowStore,
};
use stepwell::store::Database;
use uuid::Uuid;

use crate::store::{Fresh, each, execution, id, log, step};
use crate::support::plans::plan_of_nodes;

fn workflow(n: u128, name: &str) -> Workflow {
    Workflow {
        id: WorkflowId(Uuid::from_u128(n)),
        name: name.into(),
        description: Some("what".to_owned()),
        metadata: Value::object([("team", Value::str("x"))]),
        status: WorkflowStatus::Draft,
        active_version: None,
        has_draft: false,
        file: Some("a.flow".to_owned()),
        created_at: Timestamp(1),
        updated_at: Timestamp(2),
    }
}

fn draft(n: u128, workflow: u128, name: &str, step_order: i32) -> DraftStep {
    DraftStep {
        id: Uuid::from_u128(n),
        workflow: WorkflowId(Uuid::from_u128(workflow)),
        version: None,
        name: name.to_owned(),
        task_type: "log".to_owned(),
        step_order,
        config: serde_json::json!({ "message": "hi", "n": [1, null] }),
        timeout_seconds: Some(3),
        max_retries: None,
        created_at: Timestamp(4),
        updated_at: Timestamp(5),
    }
}

const SOURCE: &str = "workflow w { step a: ship { to = input.city } }";

/// A plan with the one step of `SOURCE`.
fn plan(name: &str) -> Plan {
    let at = SOURCE.find("input.city").unwrap();
    let input = Expr { kind: ExprKind::Name("input".into()), span: Span::new(at, at + 5) };
    let city = ExprKind::Field { base: Box::new(input), name: "city".into(), optional: false };
    let city = Expr { kind: city, span: Span::new(at, at + 10) };
    let literal = Expr { kind: ExprKind::Literal(Value::Int(7)), span: Span::new(0, 0) };
    let entry =
        |key: &str, value| stepwell::expr::ObjectEntry::Field { key: key.into(), key_span: Span::new(0, 0), value };
    let config = ExprKind::Object(vec![entry("to", city), entry("n", literal)]);
    let step = StepNode {
        name: "a".into(),
        ident: "a".into(),
        task_type: "ship".into(),
        order: 1,
        action: Action::Task { config: Expr { kind: config, span: Span::new(0, 0) } },
        when: None,
        timeout_ms: 1_500,
        retry: RetryPolicy { max: 2, ..RetryPolicy::default() },
        queue: "default".into(),
        output: None,
        reads_data: false,
        undo: None,
        rarely: stepwell::plan::Rarely::default(),
    };
    let node = |id: &str, parent, kind| Node { id: id.into(), parent, span: Span::new(0, 0), kind };
    let nodes = vec![
        node("body", None, NodeKind::Block { children: vec![NodeId(1)] }),
        node("a", Some(NodeId(0)), NodeKind::Step(Box::new(step))),
    ];
    Plan {
        description: Some("planned".into()),
        labels: BTreeMap::from([("team".to_owned(), serde_json::json!("y"))]),
        ..plan_of_nodes(name, nodes)
    }
}

fn new_version(fresh: u128, name: &str) -> NewVersion {
    let plan = plan(name);
    let version = Version {
        workflow: WorkflowId(Uuid::nil()),
        n: 0,
        source: SOURCE.into(),
        notation: Notation::Flow,
        source_hash: "s".into(),
        plan_hash: plan.hash(),
        plan: Arc::new(plan),
        origin: Origin::File { path: "a.flow".to_owned() },
        created_at: Timestamp(100),
    };
    let file = Some("a.flow".to_owned());
    NewVersion {
        before: None,
        fresh_id: WorkflowId(Uuid::from_u128(fresh)),
        version,
        status: WorkflowStatus::Active,
        file,
        from_draft: false,
    }
}

/// Publishes over what is there.
async fn publish(fresh: &Fresh, new: NewVersion) -> (Workflow, Version) {
    let before = fresh.database.workflow_find_by_name(&new.version.plan.workflow).await.unwrap();
    fresh.database.version_publish(&[NewVersion { before, ..new }]).await.unwrap().remove(0)
}

/// The workflow as it is now.
async fn now(database: &Database, name: &str) -> Workflow {
    database.workflow_find_by_name(name).await.unwrap().unwrap()
}

fn is_stale<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Stale(_))), "{result:?}");
}

#[tokio::test]
async fn a_workflow_comes_back_as_it_was_written_and_its_name_is_unique() {
    each(|fresh| async move {
        let database = &fresh.database;
        let mut one = workflow(1, "orders");
        database.workflow_insert(&one).await.unwrap();
        assert_eq!(database.workflow_find(one.id).await.unwrap(), Some(one.clone()));
        let taken = database.workflow_insert(&workflow(2, "orders")).await.unwrap_err();
        assert!(matches!(taken, StoreError::Conflict(_)), "{taken}");

        (one.description, one.file, one.has_draft) = (None, None, true);
        (one.status, one.active_version) = (WorkflowStatus::Inactive, Some(9));
        database.workflow_update(&workflow(1, "orders"), &one).await.unwrap();
        assert_eq!(database.workflow_find_by_name("orders").await.unwrap(), Some(one));
        assert_eq!(database.workflow_find_by_name("Orders").await.unwrap(), None);

        database.workflow_insert(&workflow(3, "bills")).await.unwrap();
        let renamed = database.workflow_update(&workflow(3, "bills"), &workflow(3, "orders")).await.unwrap_err();
        assert!(matches!(renamed, StoreError::Conflict(_)), "{renamed}");
        is_stale(database.workflow_update(&workflow(4, "new"), &workflow(4, "newer")).await);
    })
    .await;
}

#[tokio::test]
async fn workflows_are_listed_by_name_with_filters_and_a_cursor() {
    each(|fresh| async move {
        for (n, name) in (1..).zip(["b.x_y", "a", "C", "b.xzy"]) {
            fresh.database.workflow_insert(&workflow(n, name)).await.unwrap();
        }
        let active = Workflow { status: WorkflowStatus::Active, ..workflow(2, "a") };
        fresh.database.workflow_update(&workflow(2, "a"), &active).await.unwrap();
        let list = |filter: WorkflowFilter| {
            let database = fresh.database.clone();
            async move {
                let page = database.workflow_list(&filter).await.unwrap();
                let names = page.items.iter().map(|workflow| workflow.name.to_string()).collect::<Vec<_>>();
                (names.join(" "), page.total.count)
            }
        };
        let any = || WorkflowFilter { limit: 10, ..WorkflowFilter::default() };
        assert_eq!(list(any()).await, ("C a b.x_y b.xzy".to_owned(), 4));
        assert_eq!(list(WorkflowFilter { limit: 2, offset: 1, ..any() }).await, ("a b.x_y".to_owned(), 4));
        assert_eq!(list(WorkflowFilter { after: Some("a".to_owned()), ..any() }).await, ("b.x_y b.xzy".to_owned(), 4));
        let named = |name: &str| WorkflowFilter { name: Some(name.to_owned()), ..any() };
        assert_eq!(list(named("X_")).await, ("b.x_y".to_owned(), 1), "no wildcards, any case");
        assert_eq!(list(named("%")).await, (String::new(), 0));
        let status = Some(WorkflowStatus::Active);
        assert_eq!(list(WorkflowFilter { status, ..any() }).await, ("a".to_owned(), 1));
    })
    .await;
}

#[tokio::test]
async fn versions_are_numbered_from_one_and_come_back_as_they_were_published() {
    each(|fresh| async move {
        let (workflow, first) = publish(&fresh, new_version(1, "orders")).await;
        assert_eq!((first.n, first.workflow), (1, WorkflowId(Uuid::from_u128(1))));
        assert_eq!((workflow.active_version, workflow.status), (Some(1), WorkflowStatus::Active));
        assert_eq!(workflow.description.as_deref(), Some("planned"));
        assert_eq!(workflow.metadata, Value::object([("team", Value::str("y"))]));
        assert_eq!(workflow.file.as_deref(), Some("a.flow"));

        let mut again = new_version(2, "orders");
        (again.file, again.version.created_at) = (None, Timestamp(200));
        let (workflow, second) = publish(&fresh, again).await;
        assert_eq!((second.n, second.workflow), (2, first.workflow));
        assert_eq!(
            (workflow.file.clone(), workflow.created_at, workflow.updated_at),
            (None, Timestamp(100), Timestamp(200))
        );
        assert_eq!(fresh.database.workflow_find(workflow.id).await.unwrap(), Some(workflow));

        let database = &fresh.database;
        assert_eq!(database.version_find(first.workflow, 1).await.unwrap(), Some(first.clone()));
        assert_eq!(database.version_find(first.workflow, 3).await.unwrap(), None);
        let list = async |before, limit| {
            let page = database.version_list(first.workflow, &VersionFilter { before, limit }).await.unwrap();
            (page.items, page.total.count)
        };
        assert_eq!(list(None, 10).await, (vec![second.clone(), first.clone()], 2));
        assert_eq!(list(None, 1).await, (vec![second], 2));
        assert_eq!(list(Some(2), 10).await, (vec![first.clone()], 2));
        assert_eq!(database.plan_find(&first.plan_hash).await.unwrap(), Some(first.plan));
        assert_eq!(database.plan_find(&stepwell::plan::PlanHash("none".into())).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_versions_steps_are_its_plans_with_expressions_as_written() {
    each(|fresh| async move {
        let (workflow, _) = publish(&fresh, new_version(1, "orders")).await;
        let steps = fresh.database.draft_step_list(workflow.id, Some(1)).await.unwrap();
        let [step] = &steps[..] else { panic!("one step") };
        assert_eq!((&*step.name, &*step.task_type, step.step_order), ("a", "ship", 1));
        assert_eq!(step.config, serde_json::json!({ "to": "${input.city}", "n": 7 }));
        assert_eq!((step.timeout_seconds, step.max_retries), (Some(2), Some(2)));
        assert_eq!(fresh.database.draft_step_list(workflow.id, None).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_source_of_several_workflows_is_published_whole_and_in_order() {
    each(|fresh| async move {
        let (before, _) = publish(&fresh, new_version(3, "m")).await;
        let again = NewVersion { before: Some(before), ..new_version(3, "m") };
        let published =
            fresh.database.version_publish(&[new_version(1, "z"), again.clone(), new_version(2, "a")]).await;
        let published = published.unwrap();
        let seen: Vec<_> = published.iter().map(|(workflow, version)| (&*workflow.name, version.n)).collect();
        assert_eq!(seen, [("z", 1), ("m", 2), ("a", 1)]);
        // One of them is not as it was: none is written.
        is_stale(fresh.database.version_publish(&[new_version(4, "new"), again]).await);
        is_stale(fresh.database.version_publish(&[new_version(5, "new"), new_version(6, "z")]).await);
        assert_eq!(fresh.database.workflow_find_by_name("new").await.unwrap(), None);
        assert_eq!(fresh.count("workflow_versions").await, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn versions_published_at_once_get_numbers_of_their_own() {
    each(|fresh| async move {
        let publishers = (1..=8).map(|n| {
            let database = fresh.database.clone();
            tokio::spawn(async move {
                loop {
                    let before = async |name: &str| database.workflow_find_by_name(name).await.unwrap();
                    let mut new = [new_version(n, "orders"), new_version(100 + n, "bills")];
                    (new[0].before, new[1].before) = (before("orders").await, before("bills").await);
                    match database.version_publish(&new).await {
                        Err(StoreError::Stale(_)) => {}
                        published => return published.unwrap(),
                    }
                }
            })
        });
        let mut numbers = Vec::new();
        for publisher in publishers.collect::<Vec<_>>() {
            numbers.push(publisher.await.unwrap()[0].1.n);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_changes_decided_on_the_same_one_is_written() {
    each(|fresh| async move {
        let (before, _) = publish(&fresh, new_version(1, "orders")).await;
        let changes = (0..8).map(|n| {
            let (database, before) = (fresh.database.clone(), before.clone());
            tokio::spawn(async move {
                let at = Timestamp(1_000 + n);
                match n % 4 {
                    0 => {
                        let new = NewVersion { before: Some(before), ..new_version(9, "orders") };
                        database.version_publish(&[new]).await.map(drop)
                    }
                    1 => {
                        let after = Workflow { status: WorkflowStatus::Inactive, updated_at: at, ..before.clone() };
                        database.workflow_update(&before, &after).await
                    }
                    2 => database.draft_step_insert(&before, &[draft(11, 1, "a", 1)], at).await,
                    _ => database.draft_step_delete(&before, Uuid::from_u128(12), at).await.map(drop),
                }
            })
        });
        let mut written = 0;
        for change in changes.collect::<Vec<_>>() {
            match change.await.unwrap() {
                Ok(()) => written += 1,
                told => is_stale(told),
            }
        }
        assert_eq!(written, 1);
        is_stale(fresh.database.workflow_delete(&before).await);
    })
    .await;
}

#[tokio::test]
async fn a_draft_becomes_the_version_that_is_compiled_from_it() {
    each(|fresh| async move {
        let database = &fresh.database;
        database.workflow_insert(&workflow(1, "orders")).await.unwrap();
        let at = Timestamp(150);
        database
            .draft_step_insert(&workflow(1, "orders"), &[draft(12, 1, "b", 2), draft(11, 1, "a", 1)], at)
            .await
            .unwrap();
        let marked = now(database, "orders").await;
        assert_eq!((marked.has_draft, marked.updated_at), (true, at));
        assert_eq!(
            database.draft_step_list(marked.id, None).await.unwrap(),
            [draft(11, 1, "a", 1), draft(12, 1, "b", 2)]
        );

        // A source that comes meanwhile leaves the draft alone.
        let (workflow, _) = publish(&fresh, new_version(9, "orders")).await;
        assert!(workflow.has_draft);
        let (workflow, version) = publish(&fresh, NewVersion { from_draft: true, ..new_version(9, "orders") }).await;
        assert!(!workflow.has_draft);
        let steps = database.draft_step_list(workflow.id, Some(version.n)).await.unwrap();
        assert!(steps.iter().map(|step| step.id.as_u128()).eq([11, 12]));
        assert_eq!(database.draft_step_list(workflow.id, None).await.unwrap(), []);
        // The names are free again for the next draft, and a version's step is no draft's to delete.
        database.draft_step_insert(&workflow, &[draft(13, 1, "a", 1)], at).await.unwrap();
        let workflow = now(database, "orders").await;
        assert!(!database.draft_step_delete(&workflow, Uuid::from_u128(11), at).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn names_and_places_of_a_draft_are_unique() {
    each(|fresh| async move {
        let database = &fresh.database;
        database.workflow_insert(&workflow(1, "orders")).await.unwrap();
        database.workflow_insert(&workflow(2, "bills")).await.unwrap();
        let at = Timestamp(150);
        database.draft_step_insert(&workflow(1, "orders"), &[draft(11, 1, "a", 1)], at).await.unwrap();
        database.draft_step_insert(&workflow(2, "bills"), &[draft(12, 2, "a", 1)], at).await.unwrap();
        let orders = async || now(database, "orders").await;
        for wrong in [draft(13, 1, "a", 2), draft(13, 1, "b", 1), draft(13, 7, "b", 1)] {
            // All or none.
            let steps = [draft(14, 1, "c", 3), wrong];
            let error = database.draft_step_insert(&orders().await, &steps, at).await.unwrap_err();
            assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        }
        let changed = DraftStep { max_retries: Some(4), timeout_seconds: None, ..draft(11, 1, "renamed", 9) };
        database.draft_step_update(&orders().await, &changed).await.unwrap();
        assert_eq!(database.draft_step_list(changed.workflow, None).await.unwrap(), [changed]);
        assert!(database.draft_step_delete(&orders().await, Uuid::from_u128(11), at).await.unwrap());
        assert!(!database.draft_step_delete(&orders().await, Uuid::from_u128(11), at).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_workflow_goes_with_all_of_its_rows_once_nothing_of_it_is_live() {
    each(|fresh| async move {
        let (workflow, _) = publish(&fresh, new_version(1, "orders")).await;
        let of = |n, status| Execution { workflow: workflow.id, status, ..execution(n) };
        let mut starts: Vec<_> = (10..1_300).map(|n| of(n, ExecutionStatus::Completed)).collect();
        starts.push(of(1, ExecutionStatus::Running));
        starts.push(execution(2));
        let steps = vec![step(id(10), "a", 1, 2), step(id(2), "a", 1, 2)];
        let logs = vec![(id(10), log(stepwell::engine::LogLevel::Info, "x"))];
        fresh.commit(Commit { starts, steps, logs, ..Commit::default() }).await.unwrap();

        let error = fresh.database.workflow_delete(&workflow).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict(_)), "{error}");
        assert_eq!(fresh.count("workflow_executions").await, 1_292, "a refusal deletes nothing");
        let ended = vec![crate::store::update(id(1), 9, ExecutionStatus::Cancelled)];
        fresh.commit(Commit { executions: ended, ..Commit::default() }).await.unwrap();
        fresh.database.workflow_delete(&workflow).await.unwrap();

        for table in ["workflows", "workflow_versions", "workflow_steps", "execution_logs"] {
            assert_eq!(fresh.count(table).await, 0, "{table}");
        }
        assert_eq!(fresh.count("workflow_executions").await, 1, "another workflow's stays");
        assert_eq!(fresh.count("step_executions").await, 1);
        assert_eq!(fresh.database.log_list(id(10), &LogFilter { limit: 1, ..LogFilter::default() }).await.unwrap(), []);
        is_stale(fresh.database.workflow_delete(&workflow).await);
    })
    .await;
}
