//! `execution_logs`: an entry of an execution's log.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "execution_logs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub execution_id: Uuid,
    pub level: String,
    pub message: String,
    pub details: Option<String>,
    pub path: Option<String>,
    pub at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
