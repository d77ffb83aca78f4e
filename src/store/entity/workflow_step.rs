//! `workflow_steps`: a step of a version, or of a draft.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_steps")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub workflow_id: Uuid,
    pub version: Option<i64>,
    pub name: String,
    pub task_type: String,
    pub step_order: i64,
    pub config: String,
    pub timeout_seconds: Option<i64>,
    pub max_retries: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
