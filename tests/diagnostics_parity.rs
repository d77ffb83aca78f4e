//! The API and the command line say the same of a source, field by field: one compiler, and one shape of what it finds.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use stepwell::lang::Notation;
use stepwell::lang::explain::pages;

use crate::cli::{said, stepwell};
use crate::support::server::Server;

/// What sources are called in what the API says.
const IN_THE_API: &str = "request";

/// A source: where it comes from, its notation, its text.
struct Sample {
    name: String,
    notation: Notation,
    text: String,
}

/// Every example of every code, and every file of these folders; and the same without their second halves, so that each is
/// wrong in some way.
fn samples() -> Vec<Sample> {
    let mut found = Vec::new();
    for page in pages() {
        for block in &page.blocks {
            let Some(notation) = Notation::of_file_name(&format!("x.{}", block.language)) else { continue };
            let name = format!("{} at {}", page.code, block.place.start);
            found.push(Sample { name, notation, text: block.text.to_owned() });
        }
    }
    for folder in ["workflows", "examples", "tests/patterns", "tests/diagnostics", "tests/fuzz/corpus"] {
        for path in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let Some(notation) = path.file_name().and_then(|name| Notation::of_file_name(name.to_str()?)) else {
                continue;
            };
            found.push(Sample { name: path.display().to_string(), notation, text: fs::read_to_string(&path).unwrap() });
        }
    }
    let halves: Vec<_> = found.iter().map(half).collect();
    found.extend(halves);
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn half(whole: &Sample) -> Sample {
    let middle = (0..=whole.text.len() / 2).rev().find(|at| whole.text.is_char_boundary(*at)).unwrap();
    Sample { name: format!("half of {}", whole.name), notation: whole.notation, text: whole.text[..middle].to_owned() }
}

/// What `stepwell check --format json` says of each, which lies in a folder of its own: nothing is beside it.
fn told_by_the_command_line(samples: &[Sample]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = |at: usize, sample: &Sample| format!("{at:04}/source.{}", sample.notation);
    for (at, sample) in samples.iter().enumerate() {
        let path = folder.path().join(path(at, sample));
        fs::create_dir(path.parent().unwrap()).unwrap();
        fs::write(path, &sample.text).unwrap();
    }
    let (_, out, err) = said(&stepwell(&folder, &["check", "--format", "json", "."]));
    assert_eq!(err, "");
    let told: Value = serde_json::from_str(&out).unwrap();
    let files = told["files"].as_array().unwrap();
    assert_eq!(files.len(), samples.len());
    let one = |(at, (sample, file)): (usize, (&Sample, &Value))| {
        let shown = file["file"].as_str().unwrap();
        assert!(shown.ends_with(&path(at, sample)), "{shown} is not {}", path(at, sample));
        let mut diagnostics = file["diagnostics"].clone();
        for label in labels(&mut diagnostics) {
            assert_eq!(label["file"].as_str(), Some(shown));
            label["file"] = IN_THE_API.into();
        }
        diagnostics
    };
    samples.iter().zip(files).enumerate().map(one).collect()
}

fn labels(diagnostics: &mut Value) -> impl Iterator<Item = &mut Value> {
    diagnostics.as_array_mut().unwrap().iter_mut().flat_map(|one| one["labels"].as_array_mut().unwrap())
}

/// What the API says of one.
async fn told_by_the_api(server: &Server, sample: &Sample) -> Value {
    let path = format!("/api/v1/workflows/validate?notation={}", sample.notation);
    let answer = server.send(server.client().post(&path).body(sample.text.clone())).await;
    let body = answer.json();
    let mut diagnostics = body["diagnostics"].clone();
    let wrong = diagnostics.as_array().unwrap().iter().any(|one| one["severity"] == "error");
    assert_eq!(answer.status.as_u16(), if wrong { 422 } else { 200 }, "{}: {body}", sample.name);
    // Where there is no help, and no change, the API says so, and the command line leaves it out.
    let objects = diagnostics.as_array_mut().unwrap().iter_mut().filter_map(Value::as_object_mut);
    objects.for_each(|one| one.retain(|_, value| !value.is_null()));
    diagnostics
}

#[tokio::test]
async fn the_api_says_of_each_source_what_the_command_line_says() {
    let samples = samples();
    let server = Server::start().await;
    let (mut wrong, mut right, mut with_fix) = (0, 0, 0);
    for (sample, wanted) in samples.iter().zip(told_by_the_command_line(&samples)) {
        let told = told_by_the_api(&server, sample).await;
        assert_eq!(told, wanted, "{}", sample.name);
        let all = told.as_array().unwrap();
        *if all.is_empty() { &mut right } else { &mut wrong } += 1;
        with_fix += all.iter().filter(|one| one.get("fix").is_some()).count();
    }
    assert!(wrong >= 300 && right >= 100 && with_fix >= 20, "{wrong} wrong, {right} right, {with_fix} with a change");
}
