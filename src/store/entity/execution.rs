//! `workflow_executions`: an execution of a version.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_executions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workflow_id: Uuid,
    pub workflow_name: String,
    pub version: i64,
    pub plan_hash: String,
    pub partition: i16,
    pub status: String,
    pub seq: i64,
    pub input: String,
    pub settings: String,
    pub output: Option<String>,
    pub error: Option<String>,
    pub retry_count: i64,
    pub max_retries: i64,
    pub idempotency_key: Option<String>,
    pub request_hash: Option<String>,
    pub parent_execution: Option<Uuid>,
    pub parent_path: Option<String>,
    pub parent_attempt: Option<i64>,
    pub depth: i64,
    pub wake_at: Option<i64>,
    pub scheduled_at: Option<i64>,
    pub created_at: i64,
    pub started_at: Option<i64>,
    pub completed_at: Option<i64>,
    pub cancel_requested_at: Option<i64>,
    pub compensation: String,
    pub concurrency_key: Option<String>,
    pub furthest: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
