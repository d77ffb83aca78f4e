//! `fused_steps`: a run of pure steps.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fused_steps")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub execution_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    pub length: i64,
    pub skipped: i64,
    pub furthest: i64,
    pub steps: String,
}

impl ActiveModelBehavior for ActiveModel {}
