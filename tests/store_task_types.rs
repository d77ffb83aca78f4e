//! Registered task types, in both databases.

use serde_json::json;
use stepwell::expr::Timestamp;
use stepwell::service::task_types::{RegisteredType, TaskTypeStore, TypeDefinition};

use crate::store::each;

fn registered(name: &str, at: i64) -> RegisteredType {
    let definition = TypeDefinition {
        description: "says where an address is\u{0}".to_owned(),
        config_schema: json!({ "type": "object", "properties": { "ip": { "type": "string" } } }),
        output_schema: json!(true),
        queue: Some("near".into()),
        timeout_ms: Some(5_000),
        idempotent: true,
    };
    RegisteredType { name: name.into(), definition, created_at: Timestamp(at), updated_at: Timestamp(at) }
}

#[tokio::test]
async fn a_type_comes_back_as_it_was_and_keeps_when_it_was_first_registered() {
    each(|fresh| async move {
        let store = &fresh.database;
        assert_eq!(store.task_type_save(&registered("geo.lookup", 5), 10).await.unwrap(), Some(true));
        assert_eq!(store.task_type_find("geo.lookup").await.unwrap(), Some(registered("geo.lookup", 5)));
        assert_eq!(store.task_type_save(&registered("geo.lookup", 7), 10).await.unwrap(), Some(false));
        assert_eq!(store.task_type_stamp().await.unwrap().changed_at, Some(Timestamp(5)), "nothing has changed");
        let mut again = registered("geo.lookup", 9);
        again.definition.queue = None;
        assert_eq!(store.task_type_save(&again, 10).await.unwrap(), Some(false));
        let there = store.task_type_find("geo.lookup").await.unwrap().unwrap();
        assert_eq!((there.created_at, there.updated_at), (Timestamp(5), Timestamp(9)));
        assert_eq!(there.definition, again.definition);
        assert_eq!(store.task_type_find("geo").await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn types_are_listed_by_name_and_are_never_more_than_may_be() {
    each(|fresh| async move {
        let store = &fresh.database;
        for (name, at) in [("b", 1), ("a.z", 2), ("B", 3)] {
            assert_eq!(store.task_type_save(&registered(name, at), 3).await.unwrap(), Some(true), "{name}");
        }
        assert_eq!(store.task_type_save(&registered("c", 4), 3).await.unwrap(), None, "there is no room");
        assert_eq!(store.task_type_save(&registered("b", 5), 3).await.unwrap(), Some(false), "one that is there stays");
        let names: Vec<_> = store.task_type_list().await.unwrap().into_iter().map(|one| one.name.to_string()).collect();
        assert_eq!(names, ["B", "a.z", "b"]);
        assert!(store.task_type_delete("B").await.unwrap());
        assert!(!store.task_type_delete("B").await.unwrap());
        assert_eq!(store.task_type_save(&registered("c", 6), 3).await.unwrap(), Some(true));
    })
    .await;
}
