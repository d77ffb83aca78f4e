//! A file with ten mistakes gives ten diagnostics in their places, whichever way it is checked; and what no file may do.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stepwell::lang::{MAX_SOURCE_BYTES, MAX_STEPS, Notation, Source, builtin_task_types, compile, report};

use crate::e2e::server::{BINARY, clean};
use crate::support::server::{Answer, Server};

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

/// What the library says of a file, as data, under another name.
fn reports(file: &str, shown: &str) -> Value {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    let notation = Notation::of_file_name(file).unwrap();
    let source = Source { name: shown.into(), notation, text: text.into() };
    serde_json::to_value(report(&source, &compile(&source, &builtin_task_types()).diagnostics)).unwrap()
}

/// Each diagnostic as its code, and from where to where its first place goes.
fn places(file: &str) -> Vec<String> {
    let place = |one: &Value| {
        let label = &one["labels"][0];
        let [line, column, end_line, end] = ["line", "column", "end_line", "end_column"].map(|key| label[key].clone());
        assert_eq!(line, end_line);
        format!("{} {line}:{column}-{end}", one["code"].as_str().unwrap())
    };
    reports(file, "x").as_array().unwrap().iter().map(place).collect()
}

#[test]
fn ten_mistakes_are_ten_diagnostics_in_their_places() {
    assert_eq!(
        places("ten.flow"),
        [
            "E0310 3:3-13",
            "E0115 4:19-24",
            "E0304 5:23-30",
            "E0301 7:18-29",
            "E0203 10:47-52",
            "E0305 11:15-21",
            "E0401 12:5-12",
            "E0112 15:20-21",
            "E0203 19:24-29",
            "E0202 20:29-32",
        ]
    );
    assert_eq!(
        places("ten.toml"),
        [
            "E0602 3:1-11",
            "E0115 6:13-18",
            "E0304 7:36-43",
            "E0301 11:9-20",
            "E0402 16:11-23",
            "E0203 17:48-53",
            "E0305 17:66-72",
            "E0204 20:9-15",
            "E0403 27:9-11",
            "E0203 28:30-36",
        ]
    );
}

#[test]
fn the_command_line_gives_the_same_as_data() {
    for file in ["ten.flow", "ten.toml"] {
        let (code, out) = check(&folder().join(file), "json");
        let told: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(code, 1);
        assert_eq!(told["errors"], 10);
        assert_eq!(told["files"][0]["diagnostics"], reports(file, &folder().join(file).display().to_string()));
    }
}

#[tokio::test]
async fn the_api_gives_the_same_as_data() {
    let server = Server::start().await;
    for file in ["ten.flow", "ten.toml"] {
        let bytes = fs::read(folder().join(file)).unwrap();
        let answer = validate(&server, Notation::of_file_name(file).unwrap(), bytes).await;
        answer.problem(422);
        let mut told = answer.json()["diagnostics"].clone();
        // Where there is no help, and no change, the API says so.
        let objects = told.as_array_mut().unwrap().iter_mut().filter_map(Value::as_object_mut);
        objects.for_each(|one| one.retain(|_, value| !value.is_null()));
        assert_eq!(told, reports(file, "request"));
    }
}

async fn validate(server: &Server, notation: Notation, bytes: Vec<u8>) -> Answer {
    let path = format!("/api/v1/workflows/validate?notation={notation}");
    server.send(server.client().post(&path).body(bytes)).await
}

/// Runs `stepwell check`: its exit code, and what it says.
fn check(path: &Path, format: &str) -> (i32, String) {
    let mut command = Command::new(BINARY);
    clean(&mut command);
    let output = command.args(["check", "--format", format]).arg(path).stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// What someone may send: a name, the bytes, and the code of the only kind of diagnostic, or none where nothing is wrong.
fn hostile(notation: Notation) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let step = |at: usize| match notation {
        Notation::Flow => format!("step s{at}: log {{ message = \"x\" }}\n"),
        Notation::Toml => format!("[[step]]\nname = \"s{at}\"\ntask = \"log\"\nwith = {{ message = \"x\" }}\n"),
    };
    let whole = |steps: &str| match notation {
        Notation::Flow => format!("workflow w {{\n{steps}\n}}\n").into_bytes(),
        Notation::Toml => format!("name = \"w\"\n{steps}\n").into_bytes(),
    };
    let one = step(1);
    let levels = 100_000;
    let (list, tables) = match notation {
        Notation::Flow => ("let x = ".to_owned() + &"[".repeat(levels), "if true {\n".repeat(levels)),
        Notation::Toml => {
            ("description = ".to_owned() + &"[".repeat(levels), "x = ".to_owned() + &"{ x = ".repeat(levels))
        }
    };
    let dots = match notation {
        Notation::Flow => ("let x = a".to_owned() + &".a".repeat(levels), "E0105"),
        Notation::Toml => ("a".to_owned() + &".a".repeat(levels) + " = 1", "E0104"),
    };
    let comment = "#".repeat(MAX_SOURCE_BYTES - 200);
    let long_text = one.replace("\"x\"", &format!("\"{}\"", "é".repeat(MAX_SOURCE_BYTES / 2 - 100)));
    let steps: String = (0..=MAX_STEPS).map(step).collect();
    let nul = if notation == Notation::Flow { "E0103" } else { "E0601" };
    vec![
        ("lists", whole(&list), "E0104"),
        ("blocks", whole(&tables), "E0104"),
        ("dots", whole(&dots.0), dots.1),
        ("a comment of 2 MiB", whole(&format!("{comment}\n{one}")), ""),
        ("a text of 2 MiB", whole(&long_text), ""),
        ("a NUL", whole(&format!("{one}\0")), nul),
        ("10,001 steps", whole(&steps), "E0507"),
        ("3 MB", vec![b' '; 3_000_000], "E0101"),
    ]
}

/// The code that all of these diagnostics have; empty where there are none.
fn only_code(diagnostics: &Value) -> String {
    let mut codes: Vec<&str> =
        diagnostics.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    codes.dedup();
    codes.join(" ")
}

#[test]
fn no_file_brings_the_command_line_down() {
    for notation in [Notation::Flow, Notation::Toml] {
        let folder = tempfile::tempdir().unwrap();
        let mut cases = hostile(notation);
        cases.push(("10 MB", vec![b'x'; 10_000_000], "E0101"));
        cases.push(("no UTF-8", b"name = \"caf\xe9\"".to_vec(), "E0102"));
        cases.sort_by_key(|case| case.0);
        for (name, bytes, _) in &cases {
            fs::write(folder.path().join(format!("{name}.{notation}")), bytes).unwrap();
        }
        let (code, out) = check(folder.path(), "json");
        assert_eq!(code, 1);
        let told: Value = serde_json::from_str(&out).unwrap();
        let found: Vec<_> =
            told["files"].as_array().unwrap().iter().map(|file| only_code(&file["diagnostics"])).collect();
        let wanted: Vec<_> = cases.iter().map(|(_, _, code)| *code).collect();
        assert_eq!(found, wanted);
        let (_, drawn) = check(folder.path(), "text");
        assert!(drawn.len() < 50_000 && !drawn.contains('\0'), "{}", drawn.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_source_brings_the_server_down() {
    let server = Server::start().await;
    for notation in [Notation::Flow, Notation::Toml] {
        for (name, bytes, code) in hostile(notation) {
            let answer = validate(&server, notation, bytes).await;
            let wanted = if code.is_empty() { 200 } else { 422 };
            assert_eq!(answer.status.as_u16(), wanted, "{name}: {}", &answer.text[..answer.text.len().min(300)]);
            let told = answer.json();
            assert_eq!(only_code(&told["diagnostics"]), code, "{name}");
        }
        validate(&server, notation, b"caf\xe9".to_vec()).await.problem(400);
        validate(&server, notation, vec![b'x'; 10_000_000]).await.problem(413);
        server.get("/health").await.ok(200);
    }
    server.post("/api/v1/workflows", json!({ "name": "alive" })).await.ok(201);
}
