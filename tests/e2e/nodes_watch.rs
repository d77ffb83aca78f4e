//! Two servers that watch one folder: what a file says is published once, whoever sees it first, and both tell the same of it.

use serde_json::{Value, json};

use super::nodes::Two;
use super::server::{Backend, Setup, TestServer};

fn grows(n: i64) -> String {
    format!("workflow grows {{\n  return {{ version: {n} }}\n}}\n")
}

/// Two servers that watch a folder with the first version of `grows`.
async fn start() -> Two {
    // Nothing but what is told of files, and what is wrong.
    let level = ("STEPWELL_LOG__LEVEL", "error,stepwell::watch=info");
    let setup = Setup::on(Backend::Servers).variable(level.0, level.1).logged().file("grows.flow", &grows(1));
    let mut two = Two::of(setup).await;
    for which in 0..2 {
        two.tells(which, "grows.flow", "applied", Some(1)).await;
    }
    two
}

impl Two {
    /// Waits until a server tells of a file that it is in this state, with this version of its one workflow.
    async fn tells(&mut self, which: usize, file: &str, state: &str, version: Option<i64>) -> Value {
        let look = async |server: &TestServer| {
            let list = server.get("/sources").await;
            let told = list["sources"].as_array().unwrap().iter().find(|one| one["path"] == file)?.clone();
            (told["state"] == state && told["workflows"][0]["version"].as_i64() == version).then_some(told)
        };
        self.at(which).until(&format!("`{file}` is {state} at version {version:?}"), look).await
    }

    /// How many versions there are.
    async fn versions(&mut self, workflow: &str) -> Value {
        self.at(0).get(&format!("/workflows/{workflow}/versions")).await["count"].clone()
    }

    /// Runs it at a server at once; what it gives.
    async fn gives(&mut self, which: usize, workflow: &str) -> Value {
        let server = self.at(which);
        let id = server.execute(workflow, json!({})).await;
        server.ended(&id).await["output_data"].clone()
    }

    /// What the server's log says with this mark.
    fn logged(&self, which: usize, mark: &str) -> Vec<String> {
        let log = self.server.log(which);
        log.lines().filter(|line| line.contains(mark)).map(str::to_owned).collect()
    }

    /// The log of neither tells of anything that is wrong.
    fn nothing_is_wrong(&self) {
        for (which, mark) in [(0, "ERROR"), (1, "ERROR"), (0, "WARN"), (1, "WARN")] {
            assert_eq!(self.logged(which, mark), Vec::<String>::new());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_one_version_and_runs_at_once_at_both() {
    let mut two = start().await;
    for n in 2..=6 {
        // Both have the version before in their memory.
        for which in 0..2 {
            assert_eq!(two.gives(which, "grows").await, json!({ "version": n - 1 }));
        }
        two.server.write("grows.flow", &grows(n));
        for which in 0..2 {
            two.tells(which, "grows.flow", "applied", Some(n)).await;
            assert_eq!(two.gives(which, "grows").await, json!({ "version": n }), "right after it was told of");
        }
        assert_eq!(two.versions("grows").await, n);
    }
    let told: usize = (0..2).map(|which| two.logged(which, "a workflow is active").len()).sum();
    assert_eq!(told, 6, "each version is published by one of them");
    two.nothing_is_wrong();
}

#[tokio::test(flavor = "multi_thread")]
async fn new_files_are_published_once_and_gone_ones_deactivated_once() {
    let mut two = start().await;
    let many = 20;
    let name = |n: i64| (format!("many{n}"), format!("many{n}.flow"));
    for n in 0..many {
        let (workflow, file) = name(n);
        two.server.write(&file, &grows(n).replace("grows", &workflow));
    }
    for n in 0..many {
        let (workflow, file) = name(n);
        for which in 0..2 {
            two.tells(which, &file, "applied", Some(1)).await;
        }
        assert_eq!((two.versions(&workflow).await, two.gives(1, &workflow).await), (json!(1), json!({ "version": n })));
    }
    let watched = two.server.folder().join("workflows");
    for n in 0..many {
        std::fs::remove_file(watched.join(name(n).1)).unwrap();
    }
    for n in 0..many {
        let (workflow, file) = name(n);
        for which in 0..2 {
            two.tells(which, &file, "removed", None).await;
        }
        let found = two.at(0).get(&format!("/workflows/{workflow}")).await;
        assert_eq!((&found["status"], &found["active_version"]), (&json!("inactive"), &json!(1)), "{found}");
    }
    std::fs::rename(watched.join("grows.flow"), watched.join("renamed.flow")).unwrap();
    for which in 0..2 {
        two.tells(which, "renamed.flow", "applied", Some(1)).await;
        two.tells(which, "grows.flow", "removed", None).await;
        assert_eq!(two.gives(which, "grows").await, json!({ "version": 1 }));
    }
    two.nothing_is_wrong();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_file_is_told_by_both_and_changes_nothing() {
    let mut two = start().await;
    two.server.write("grows.flow", "workflow grows {\n  return { version: 2 + \"\" }\n}\n");
    let mut told = Vec::new();
    for which in 0..2 {
        let bad = two.tells(which, "grows.flow", "failed", Some(1)).await;
        let wrong = &bad["diagnostics"][0];
        assert_eq!((&wrong["severity"], &wrong["labels"][0]["line"]), (&json!("error"), &json!(2)), "{bad}");
        told.push((bad["hash"].clone(), bad["diagnostics"].clone()));
        assert_eq!(two.gives(which, "grows").await, json!({ "version": 1 }));
        assert_eq!(two.logged(which, "a file of workflows does not compile").len(), 1);
        assert_eq!(two.logged(which, "grows.flow:2:").len(), 1, "the place is logged");
    }
    assert_eq!(told[0], told[1]);
    two.server.write("grows.flow", &grows(2));
    for which in 0..2 {
        two.tells(which, "grows.flow", "applied", Some(2)).await;
        assert_eq!(two.gives(which, "grows").await, json!({ "version": 2 }));
    }
    assert_eq!(two.versions("grows").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_sees_later_is_what_the_other_published() {
    let mut two = start().await;
    for n in [2, 4] {
        two.second.signal("STOP");
        for n in [n, n + 1] {
            two.server.write("grows.flow", &grows(n));
            two.tells(0, "grows.flow", "applied", Some(n)).await;
        }
        two.second.signal("CONT");
        two.tells(1, "grows.flow", "applied", Some(n + 1)).await;
        assert_eq!(two.versions("grows").await, n + 1, "one for each change");
    }
    assert_eq!(two.gives(0, "grows").await, json!({ "version": 5 }));
    assert_eq!(two.logged(1, "a workflow is active"), Vec::<String>::new());
}
