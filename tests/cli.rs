//! The command line, on the real binary.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use stepwell::lang::{builtin_task_types, code_titles, toml_schema};
use tempfile::TempDir;

use crate::e2e::server::{BINARY, Backend, Program, TestServer, clean};

pub fn stepwell(folder: &TempDir, args: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    clean(&mut command);
    command.args(args).current_dir(folder.path()).stdin(Stdio::null()).output().unwrap()
}

pub fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub fn folder(files: &[(&str, &str)]) -> TempDir {
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

/// Runs a command with a text on standard input.
pub fn stepwell_with(folder: &TempDir, args: &[&str], text: &str) -> (i32, String, String) {
    let mut command = Command::new(BINARY);
    clean(&mut command);
    command.args(args).current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    said(&child.wait_with_output().unwrap())
}

#[test]
fn check_reads_standard_input_under_its_name() {
    let folder = folder(&[]);
    assert_eq!(stepwell_with(&folder, &["check", "-"], GOOD), (0, "1 file: ok, 1 workflow\n".into(), String::new()));
    let args = ["check", "-", "--stdin-name", "a/bad.toml", "--format", "json"];
    let (code, out, _) = stepwell_with(&folder, &args, "name = \"bad\"\nnonsense = 1\n");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["files"][0]["file"]), (1, &"a/bad.toml".into()));
    assert_eq!(report["files"][0]["diagnostics"][0]["labels"][0]["file"], "a/bad.toml");
    let (code, out, _) = stepwell_with(&folder, &["check", "-", "--stdin-name", "notes.md"], GOOD);
    assert_eq!(code, 1);
    assert!(out.contains("neither a .flow nor a .toml file"), "{out}");
}

const MISSPELT: &str = "workflow w {\n step say: log { mesage = \"ü\" }\n return { a: sya }\n}\n";

#[test]
fn check_knows_the_workflows_that_lie_beside_tests() {
    let tests =
        |input: &str| format!("test \"it says hi\" for good {{\n  given {{ {input} }}\n  expect completed\n}}\n");
    let folder = folder(&[("good.flow", GOOD), ("good.test.flow", &tests("who: \"Ada\""))]);
    let (code, out, _) = said(&stepwell(&folder, &["check", "good.test.flow"]));
    assert_eq!(code, 0, "{out}");
    std::fs::write(folder.path().join("good.test.flow"), tests("whom: \"Ada\"")).unwrap();
    let (code, out, _) = said(&stepwell(&folder, &["check", "."]));
    assert!(code == 1 && out.contains("whom"), "{out}");
}

#[test]
fn check_is_strict_where_it_is_asked_to_be() {
    let text = "workflow w {\n step get: http_request { url = \"http://a.internal\" }\n step say: log { message = \"x\", level = get.body.level }\n}\n";
    let folder = folder(&[("w.flow", text)]);
    let (code, out, _) = said(&stepwell(&folder, &["check", "w.flow"]));
    assert_eq!((code, &*out), (0, "1 file: ok, 1 workflow\n"));
    let (_, out, _) = said(&stepwell(&folder, &["check", "w.flow", "--strict"]));
    assert!(out.contains("[E0316]") && out.contains("w.flow:3:"), "{out}");
}

#[test]
fn check_annotates_for_github() {
    let folder = folder(&[("a,b.flow", MISSPELT), ("good.flow", GOOD)]);
    let (code, out, _) = said(&stepwell(&folder, &["check", ".", "--format", "github"]));
    assert_eq!(code, 1);
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].starts_with("::error file=a%2Cb.flow,line=2,col=18,endLine=2,endColumn=24,title=E0302::"),
        "{out}"
    );
    assert!(lines[0].contains("mesage") && lines[0].ends_with("help: did you mean `message`?"), "{out}");
    assert_eq!(lines.last().unwrap(), &"2 files: 2 errors");
    assert_eq!(lines.len(), 3);
}

#[test]
fn check_writes_sarif_with_rules_places_and_changes() {
    let folder = folder(&[("a b.flow", MISSPELT), ("two.flow", &format!("{GOOD}{GOOD}"))]);
    let (code, out, _) = said(&stepwell(&folder, &["check", "a b.flow", "two.flow", "--format", "sarif"]));
    assert_eq!(code, 1);
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    let driver = &run["tool"]["driver"];
    assert_eq!((&driver["name"], &driver["version"]), (&"stepwell".into(), &env!("CARGO_PKG_VERSION").into()));
    let results = run["results"].as_array().unwrap();
    for result in results {
        let rule = &driver["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["shortDescription"]["text"].is_string() && rule["help"]["text"].is_string(), "{rule}");
        assert_eq!(result["level"], "error");
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b.flow");
    let region = serde_json::json!({ "startLine": 2, "startColumn": 18, "endLine": 2, "endColumn": 24 });
    assert_eq!(place["region"], region);
    let change = &results[0]["fixes"][0]["artifactChanges"][0];
    assert_eq!(change["replacements"][0]["deletedRegion"], region);
    assert_eq!(change["replacements"][0]["insertedContent"]["text"], "message");
    let twice = results.iter().find(|result| result["ruleId"] == "E0204").unwrap();
    assert_eq!(twice["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 1);
}

#[test]
fn explain_shows_the_page_of_a_code_and_lists_them_all() {
    let folder = folder(&[]);
    let (code, out, _) = said(&stepwell(&folder, &["explain", "E0203"]));
    assert_eq!(code, 0);
    assert!(out.starts_with("E0203: a field that the type does not have\n\n"), "{out}");
    assert!(
        out.contains("\nWrong:\n") && out.contains("\n    error[E0203]: unknown field") && out.contains("\nRight:\n"),
        "{out}"
    );
    for written in ["e0203", "E203", "203"] {
        assert_eq!(said(&stepwell(&folder, &["explain", written])).1, out);
    }
    let (_, all, _) = said(&stepwell(&folder, &["explain"]));
    for (code, title) in code_titles() {
        assert!(all.contains(&format!("  {code}  {title}\n")), "{code}");
    }
    let (code, _, err) = said(&stepwell(&folder, &["explain", "e0230"]));
    assert_eq!(code, 2);
    assert!(err.contains("there is no code `e0230`") && err.contains("did you mean `E0200`?"), "{err}");
    let (_, out, _) = said(&stepwell(&folder, &["explain", "E0101", "--format", "json"]));
    let page: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&page["code"], &page["chapter"]), (&"E0101".into(), &"Syntax".into()));
}

#[test]
fn graph_draws_the_workflow_that_is_meant() {
    let two = format!("{GOOD}{}", GOOD.replace("workflow good", "workflow better"));
    let folder = folder(&[("good.flow", GOOD), ("two.flow", &two), ("bad.flow", MISSPELT)]);
    let (code, out, _) = said(&stepwell(&folder, &["graph", "good.flow"]));
    assert_eq!(code, 0);
    assert!(out.starts_with("---\ntitle: \"good\"\n---\nflowchart TD\n") && out.contains("[\"say<br>log\"]"), "{out}");
    assert_eq!(stepwell_with(&folder, &["graph", "-"], GOOD), (0, out, String::new()));
    let (code, out, _) = said(&stepwell(&folder, &["graph", "two.flow", "--workflow", "better", "--format", "dot"]));
    assert!(code == 0 && out.starts_with("digraph \"better\" {\n"), "{out}");
    let (code, _, err) = said(&stepwell(&folder, &["graph", "two.flow"]));
    assert!(code == 2 && err.contains("name one with `--workflow`: `good`, `better`"), "{err}");
    let (code, _, err) = said(&stepwell(&folder, &["graph", "two.flow", "--workflow", "best"]));
    assert!(code == 2 && err.contains("holds no workflow `best`"), "{err}");
    let (code, out, err) = said(&stepwell(&folder, &["graph", "bad.flow"]));
    assert!(code == 1 && out.is_empty() && err.contains("error[E0302]"), "{err}");
    assert_eq!(said(&stepwell(&folder, &["graph", "nowhere.flow"])).0, 2);
}

#[test]
fn convert_prints_the_other_notation_or_says_what_does_not_fit() {
    let flat = "# Says it.\nname = \"w\"\n\n[[step]]\nname = \"say\"\ntask = \"log\"\nwith = { message = \"hi\" }\n";
    let folder = folder(&[("w.toml", flat), ("good.flow", GOOD), ("bad.flow", MISSPELT)]);
    let (code, flow, _) = said(&stepwell(&folder, &["convert", "w.toml"]));
    assert!(code == 0 && flow.starts_with("# Says it.\nworkflow w {\n"), "{flow}");
    assert_eq!(stepwell_with(&folder, &["convert", "-"], &flow), (0, flat.to_owned(), String::new()));
    let (code, out, err) = said(&stepwell(&folder, &["convert", "good.flow"]));
    assert!(code == 1 && out.is_empty() && err.contains("good.flow:4:2: `return` has no place"), "{err}");
    let (code, _, err) = said(&stepwell(&folder, &["convert", "bad.flow"]));
    assert!(code == 1 && err.contains("error[E0302]"), "{err}");
}

#[test]
fn schema_is_the_one_of_the_flat_notation() {
    let (code, out, _) = said(&stepwell(&folder(&[]), &["schema"]));
    let schema: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, schema), (0, toml_schema(&builtin_task_types())));
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
    for command in ["openapi", "config", "schema", "explain", "--help"] {
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

/// A child that does not outlive its test.
struct Watching(std::process::Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn check_watches_and_checks_again() {
    let folder = folder(&[("a.flow", GOOD)]);
    std::fs::create_dir(folder.path().join("more")).unwrap();
    let mut command = Command::new(BINARY);
    clean(&mut command);
    command.args(["check", "a.flow", "more", "--watch"]).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Watching(command.spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut sum = || lines.find(|line| line.contains(" file")).unwrap();
    assert_eq!(sum(), "1 file: ok, 1 workflow");
    std::fs::write(folder.path().join("a.flow"), MISSPELT).unwrap();
    assert_eq!(sum(), "1 file: 2 errors");
    std::fs::write(folder.path().join("new"), GOOD).unwrap();
    std::fs::rename(folder.path().join("new"), folder.path().join("more/b.flow")).unwrap();
    assert_eq!(sum(), "2 files: 2 errors");
    assert!(Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().unwrap().success());
    assert_eq!(child.0.wait().unwrap().code(), Some(1));
    assert_eq!(said(&stepwell(&folder, &["check", "-", "--watch"])).0, 2);
}
