//! What a source compiles to, as it is stored: a change of the plan's format is seen here.
//!
//! `UPDATE=1 cargo test plans` writes the snapshots anew. A plan in a database outlives the program that wrote it, so that a
//! difference that is meant needs a thought for the plans that are stored already.

use std::fs;
use std::path::Path;

use stepwell::lang::{Notation, Source, builtin_task_types, compile};
use stepwell::plan::{PLAN_FORMAT, Plan};
use stepwell::service::Upload;
use stepwell::service::model::Origin;

use crate::support::server::Server;

fn sample(notation: Notation) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    fs::read_to_string(root.join(format!("order.{notation}"))).unwrap()
}

#[test]
fn the_plan_of_each_notation_is_as_it_was() {
    for notation in [Notation::Flow, Notation::Toml] {
        let source = Source { name: "order".into(), notation, text: sample(notation).into() };
        let compiled = compile(&source, &builtin_task_types());
        let plan: serde_json::Value = serde_json::from_str(&compiled.plans[0].to_json()).unwrap();
        let wanted = format!("{plan:#}\n");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/plans/order.{notation}.json"));
        if std::env::var_os("UPDATE").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "the plan of `order.{notation}` is another: see the difference with UPDATE=1");
    }
}

/// The plans that the format before wrote are kept as they were.
#[test]
fn a_plan_of_the_format_before_is_read_to_what_is_compiled_now() {
    for notation in [Notation::Flow, Notation::Toml] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/plans/order.{notation}.1.json"));
        let stored = Plan::from_json(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!((stored.format, PLAN_FORMAT), (1, 2));
        let source = Source { name: "order".into(), notation, text: sample(notation).into() };
        let compiled = compile(&source, &builtin_task_types());
        // What task types give it does not say, and so it is not held against that.
        let wanted = Plan { format: 1, task_outputs: Default::default(), ..(*compiled.plans[0]).clone() };
        assert!(stored == wanted, "`order.{notation}`");
    }
}

#[tokio::test]
async fn line_ends_make_no_other_source_and_no_other_plan() {
    let server = Server::start().await;
    let upload = |notation: Notation, text: String| Upload {
        name: "order".into(),
        notation,
        text: text.into(),
        origin: Origin::Upload,
        takes_from: Default::default(),
    };
    for notation in [Notation::Flow, Notation::Toml] {
        let text = sample(notation);
        let windows = text.replace('\n', "\r\n");
        let valid =
            |text: &str| server.service.source_validate(Source { name: "order".into(), notation, text: text.into() });
        let (here, there) = (valid(&text).await.unwrap(), valid(&windows).await.unwrap());
        assert_eq!(here.hash, there.hash);
        assert_eq!(here.plans[0].hash(), there.plans[0].hash());
        assert!(server.service.source_publish(upload(notation, text)).await.unwrap().workflows[0].changed);
        assert!(!server.service.source_publish(upload(notation, windows)).await.unwrap().workflows[0].changed);
    }
}
