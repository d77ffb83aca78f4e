//! The results as JUnit's XML, which CI systems read.

use std::fmt::Write;

use crate::lang;

use super::loading::Loaded;
use super::{Done, Results};

/// A suite for each file; a file that does not compile is a test that could not run.
pub(super) fn document(loaded: &Loaded, results: &Results<'_>) -> String {
    let (tests, failures) = (results.done.len(), results.failed());
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    line(
        &mut text,
        &format!(
            "<testsuites name=\"stepwell\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{}\" time=\"{:.6}\">",
            results.broken,
            results.took.as_secs_f64()
        ),
    );
    for (at, file) in loaded.files.iter().enumerate().filter(|(_, file)| file.wanted) {
        let done: Vec<&Done<'_>> = results.done.iter().filter(|done| done.case.file == at).collect();
        if done.is_empty() && !file.is_broken() {
            continue;
        }
        let failed = done.iter().filter(|done| !done.verdict.passed()).count();
        let (name, errors) = (escaped(&file.source.name), usize::from(file.is_broken()));
        let count = done.len() + errors;
        line(
            &mut text,
            &format!("  <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failed}\" errors=\"{errors}\">"),
        );
        if file.is_broken() {
            let told = escaped(&lang::render(&file.source, &file.diagnostics, false));
            let case = "    <testcase name=\"it compiles\">\n      <error message=\"the file does not compile\">";
            line(&mut text, &format!("{case}{told}</error>\n    </testcase>"));
        }
        done.iter().for_each(|done| one(&mut text, loaded, done));
        line(&mut text, "  </testsuite>");
    }
    line(&mut text, "</testsuites>");
    text
}

fn one(text: &mut String, loaded: &Loaded, done: &Done<'_>) {
    let test = done.case.test;
    let (name, class) = (escaped(&test.name.value), escaped(&test.workflow.value));
    let case = format!("    <testcase name=\"{name}\" classname=\"{class}\" time=\"{:.6}\"", done.took.as_secs_f64());
    if done.verdict.passed() {
        return line(text, &format!("{case}/>"));
    }
    line(text, &format!("{case}>"));
    let source = &loaded.files[done.case.file].source;
    for failure in &done.verdict.failures {
        let drawn = escaped(&lang::render(source, std::slice::from_ref(failure), false));
        let (message, code) = (escaped(&failure.message), failure.code);
        line(text, &format!("      <failure message=\"{message}\" type=\"{code}\">{drawn}</failure>"));
    }
    line(text, "    </testcase>");
}

fn line(text: &mut String, content: &str) {
    let written = writeln!(text, "{content}");
    debug_assert!(written.is_ok(), "writing to a string does not fail");
}

/// Text as XML holds it; what XML has no sign for is left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(char),
            char if char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}') => {}
            char => out.push(char),
        }
    }
    out
}
