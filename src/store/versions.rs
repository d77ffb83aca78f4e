//! Versions: published in one transaction, numbered without a gap, immutable.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, TryInsertResult,
};

use crate::expr::{Timestamp, Value};
use crate::ids::WorkflowId;
use crate::lang::Notation;
use crate::plan::PlanHash;
use crate::service::model::{Version, Workflow, WorkflowStatus};
use crate::service::ports::{NewVersion, Page, StoreResult, Total, VersionFilter};

use super::database::only;
use super::entity::{version, workflow, workflow_step};
use super::{events, row, version_steps, workflows};

/// Publishes versions in a transaction that the caller began; this ends it.
pub(super) async fn publish(
    transaction: DatabaseTransaction,
    new: &[NewVersion],
) -> StoreResult<Vec<(Workflow, Version)>> {
    // One order in every process, so that two that publish at once wait for each other and don't deadlock.
    let mut by_name: Vec<usize> = (0..new.len()).collect();
    by_name.sort_by_key(|&at| &new[at].version.plan.workflow);
    let mut published = Vec::with_capacity(new.len());
    for at in by_name {
        published.push((at, publish_one(&transaction, &new[at]).await?));
    }
    transaction.commit().await?;
    published.sort_by_key(|(at, _)| *at);
    Ok(published.into_iter().map(|(_, one)| one).collect())
}

async fn publish_one(transaction: &DatabaseTransaction, new: &NewVersion) -> StoreResult<(Workflow, Version)> {
    let before = workflow_for_update(transaction, new).await?;
    let n = next_number(transaction, before.id).await?;
    let version = Version { workflow: before.id, n, ..new.version.clone() };
    let inserted = version::Entity::insert(model(&version).into_active_model());
    inserted.exec_without_returning(transaction).await?;
    write_steps(transaction, new, &version).await?;
    events::listen(transaction, before.id, n, &version.plan).await?;
    let after =
        Workflow { active_version: Some(n), has_draft: before.has_draft && !new.from_draft, ..described(new, before) };
    let update = workflow::Entity::update(workflows::model(&after).into_active_model().reset_all());
    update.exec(transaction).await?;
    Ok((after, version))
}

/// The workflow of a new version, locked: as it was when this was decided on, or made now.
async fn workflow_for_update(transaction: &DatabaseTransaction, new: &NewVersion) -> StoreResult<Workflow> {
    if let Some(before) = &new.before {
        workflows::lock(transaction, before).await?;
        return Ok(before.clone());
    }
    let name = &new.version.plan.workflow;
    let fresh = Workflow {
        id: new.fresh_id,
        name: name.clone(),
        description: None,
        metadata: Value::object::<&str>([]),
        status: WorkflowStatus::Active,
        active_version: None,
        has_draft: false,
        file: None,
        created_at: new.version.created_at,
        updated_at: new.version.created_at,
    };
    let inserted = workflow::Entity::insert(workflows::model(&fresh).into_active_model())
        .on_conflict_do_nothing_on([workflow::Column::Name])
        .exec_without_returning(transaction)
        .await?;
    match inserted {
        TryInsertResult::Inserted(1) => Ok(fresh),
        _ => Err(workflows::stale(name)),
    }
}

/// A workflow as its new version describes it.
fn described(new: &NewVersion, before: Workflow) -> Workflow {
    let plan = &new.version.plan;
    let labels = plan.labels.iter().map(|(key, value)| (key.as_str(), Value::from_json(value.clone())));
    Workflow {
        description: plan.description.as_deref().map(str::to_owned),
        metadata: Value::object(labels),
        status: new.status,
        file: new.file.clone(),
        updated_at: new.version.created_at,
        ..before
    }
}

async fn next_number(transaction: &DatabaseTransaction, workflow: WorkflowId) -> StoreResult<i64> {
    let last = version::Entity::find()
        .filter(version::Column::WorkflowId.eq(workflow.0))
        .order_by_desc(version::Column::N)
        .select_only()
        .column(version::Column::N);
    Ok(last.into_tuple::<i64>().one(transaction).await?.unwrap_or(0) + 1)
}

/// The steps of a version: those of the draft that it was compiled from, or its plan's.
async fn write_steps(transaction: &DatabaseTransaction, new: &NewVersion, version: &Version) -> StoreResult<()> {
    use workflow_step::Column;
    if new.from_draft {
        let draft = workflow_step::Entity::update_many()
            .col_expr(Column::Version, Expr::value(version.n))
            .filter(Column::WorkflowId.eq(version.workflow.0))
            .filter(Column::Version.is_null());
        draft.exec(transaction).await?;
        return Ok(());
    }
    let steps = version_steps::of(version);
    for steps in steps.chunks(workflows::STEPS) {
        let rows = steps.iter().map(|step| workflows::step_model(step).into_active_model());
        workflow_step::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// One version.
pub(super) async fn find<C: ConnectionTrait>(
    connection: &C,
    workflow: WorkflowId,
    n: i64,
) -> StoreResult<Option<Version>> {
    only(version::Entity::find_by_id((workflow.0, n)), connection).await?.map(from_model).transpose()
}

/// A page of the versions of a workflow, newest first.
pub(super) async fn list<C: ConnectionTrait>(
    connection: &C,
    workflow: WorkflowId,
    filter: &VersionFilter,
) -> StoreResult<Page<Version>> {
    let versions = version::Entity::find().filter(version::Column::WorkflowId.eq(workflow.0));
    let counted = versions.clone().select_only().column(version::Column::N).limit(Total::MOST + 1);
    let total = Total::of(counted.count(connection).await?);
    let older = filter.before.map(|n| version::Column::N.lt(n));
    let page = versions.filter(Condition::all().add_option(older)).order_by_desc(version::Column::N);
    let rows = page.limit(filter.limit).all(connection).await?;
    Ok(Page { items: rows.into_iter().map(from_model).collect::<StoreResult<_>>()?, total })
}

fn model(version: &Version) -> version::Model {
    version::Model {
        workflow_id: version.workflow.0,
        n: version.n,
        source: row::words(&version.source),
        notation: version.notation.to_string(),
        source_hash: version.source_hash.to_string(),
        plan: version.plan.to_json(),
        plan_hash: version.plan_hash.0.to_string(),
        origin: row::json(&version.origin),
        created_at: version.created_at.0,
    }
}

fn from_model(row: version::Model) -> StoreResult<Version> {
    let notation = |text: &str| [Notation::Flow, Notation::Toml].into_iter().find(|known| known.to_string() == text);
    Ok(Version {
        workflow: WorkflowId(row.workflow_id),
        n: row.n,
        source: row.source.into(),
        notation: row::word("notation", &row.notation, notation)?,
        source_hash: row.source_hash.into(),
        plan_hash: PlanHash(row.plan_hash.into()),
        plan: row::plan(&row.plan)?,
        origin: row::parse("origin of a version", &row.origin)?,
        created_at: Timestamp(row.created_at),
    })
}
