//! The command line, on the real binary.

use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::e2e::server::{BINARY, Backend, Program, TestServer, clean};

fn stepwell(folder: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    clean(&mut command);
    command.args(args).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const GOOD: &str = "workflow good {\n input who: string\n step say: log { message = \"hi ${input.who}\" }\n return { who: input.who }\n}\n";

#[test]
fn check_tells_good_files_from_bad_ones() {
    let folder = folder(&[("good.flow", GOOD), ("Cargo.toml", "[package]"), ("stepwell.toml", "demo = true")]);
    let (code, out, _) = said(&stepwell(&folder, &["check", "."]));
    assert_eq!((code, &*out), (0, "1 file: ok, 1 workflow\n"));
    std::fs::write(folder.path().join("bad.toml"), "name = \"bad\"\nnonsense = 1\n").unwrap();
    let (code, out, _) = said(&stepwell(&folder, &["check", "."]));
    assert_eq!(code, 1);
    assert!(out.contains("nonsense") && !out.contains('\u{1b}'), "{out}");
    let (code, out, _) = said(&stepwell(&folder, &["check", "bad.toml", "--format", "json"]));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1);
    let lines = report["files"][0]["diagnostics"].as_array().unwrap().iter();
    assert!(lines.map(|one| &one["labels"][0]["line"]).any(|line| *line == 2), "{report}");
    assert_eq!(said(&stepwell(&folder, &["check", "nowhere"])).0, 2);
}

#[test]
fn run_shows_steps_and_result() {
    let folder = folder(&[("good.flow", GOOD)]);
    let (code, out, err) = said(&stepwell(&folder, &["run", "good.flow", "--input", r#"{"who": "you"}"#]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("say") && out.contains("hi you") && out.contains("good completed"), "{out}");
    let args = ["run", "good.flow", "--input", r#"{"who": "you"}"#, "--output", "json"];
    let (_, out, _) = said(&stepwell(&folder, &args));
    let result: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&result["status"], &result["output"]["who"]), (&"completed".into(), &"you".into()));
}

#[test]
fn run_fails_as_the_workflow_does_and_names_a_wrong_input() {
    let folder = folder(&[("bad.flow", "workflow bad {\n fail \"no\" code \"NO\"\n}\n"), ("good.flow", GOOD)]);
    let (code, out, _) = said(&stepwell(&folder, &["run", "bad.flow"]));
    assert_eq!(code, 1);
    assert!(out.contains("NO: no"), "{out}");
    let (code, _, err) = said(&stepwell(&folder, &["run", "good.flow"]));
    assert_eq!(code, 1);
    assert!(err.contains("`input_data.who`"), "{err}");
    assert_eq!(said(&stepwell(&folder, &["run", "good.flow", "--input", "[]"])).0, 2);
}

#[test]
fn a_wrong_setting_is_exit_code_2_and_names_its_place() {
    let folder = folder(&[("stepwell.toml", "listne = \"x\"\n")]);
    let (code, _, err) = said(&stepwell(&folder, &["config"]));
    assert_eq!(code, 2);
    assert!(err.contains("stepwell.toml:1: unknown key `listne`") && err.contains("did you mean `listen`?"), "{err}");
}

#[test]
fn config_masks_passwords_and_says_from_where() {
    let folder = folder(&[("stepwell.toml", "[redis]\nurl = \"redis://:secret@cache\"\n")]);
    let (code, out, _) = said(&stepwell(&folder, &["config", "--database", "postgres://me:secret@db/x"]));
    assert_eq!(code, 0);
    assert!(!out.contains("secret") && out.contains("stepwell.toml:2") && out.contains("--database"), "{out}");
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let folder = folder(&[]);
    for command in ["openapi", "config", "--help"] {
        let mut child = Command::new(BINARY)
            .arg(command)
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let (code, _, err) = said(&child.wait_with_output().unwrap());
        assert_eq!((code, &*err), (0, ""), "{command}");
    }
}

#[test]
fn a_public_address_is_refused() {
    let folder = folder(&[]);
    let (code, _, err) = said(&stepwell(&folder, &["serve", "--listen", "0.0.0.0:0"]));
    assert_eq!(code, 2);
    assert!(err.contains("is not a loopback address"), "{err}");
    assert!(!folder.path().join("stepwell.db").exists());
}

#[test]
fn a_second_server_of_a_database_refuses() {
    let folder = folder(&[]);
    let (first, _) = Program::start(folder.path(), &["serve", "--listen", "127.0.0.1:0"]);
    let (code, _, err) = said(&stepwell(&folder, &["serve", "--listen", "127.0.0.1:0"]));
    assert_eq!(code, 1);
    assert!(err.contains("another process serves `stepwell.db`"), "{err}");
    first.signal("TERM");
    assert_eq!(first.wait(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_a_running_step_finish() {
    let mut server = TestServer::start(Backend::Embedded).await;
    let other = TestServer::start(Backend::Embedded).await;
    let text =
        format!("workflow slow {{\n step wait: http_request {{ url = \"{}/slow?ms=1000\" }}\n}}\n", other.demo());
    assert_eq!(server.publish(&text).await.0, 201);
    let id = server.execute("slow", serde_json::json!({})).await;
    assert_eq!(server.terminate(), 0);
    server.restart();
    assert_eq!(server.ended(&id).await["status"], "completed");
    assert!(server.folder().join("stepwell.db").exists());
}
