//! `workflow_versions`: a version of a workflow.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "workflow_versions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub workflow_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub n: i64,
    pub source: String,
    pub notation: String,
    pub source_hash: String,
    pub plan: String,
    pub plan_hash: String,
    pub origin: String,
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
