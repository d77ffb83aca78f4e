//! What is wrong, as SARIF 2.1.0: the format that code scanners and editors share.
//!
//! Columns are code points, as everywhere here, and the run says so. A rule stands in the document for each code that a result
//! has, with the page that `stepwell explain` shows.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use serde_json::{Map, Value as Json, json};

use crate::lang::explain::page;
use crate::lang::{Report, ReportLabel, Severity};

use super::Checked;

/// The schema that the document follows.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The document of a check.
pub(super) fn document(checked: &[Checked]) -> Json {
    let reports: Vec<Report> = checked.iter().flat_map(Checked::reports).collect();
    let codes: BTreeSet<&str> = reports.iter().map(|report| &*report.code).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "stepwell",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation(checked)],
            "results": reports.iter().map(|report| result(report, &codes)).collect::<Vec<_>>(),
        }],
    })
}

fn rule(code: &str) -> Json {
    let Some(page) = page(code) else { return json!({ "id": code }) };
    let meaning = if page.meaning.is_empty() { page.title } else { page.meaning };
    json!({
        "id": code,
        "shortDescription": { "text": page.title },
        "fullDescription": { "text": meaning },
        "help": { "text": page.text, "markdown": page.text },
        "properties": { "tags": [page.chapter] },
    })
}

/// What could not be read is no result, but the check did not go well.
fn invocation(checked: &[Checked]) -> Json {
    let unread = |file: &Checked| {
        let reason = file.result.as_ref().err()?;
        Some(json!({
            "level": "error",
            "message": { "text": format!("`{}`: {reason}", file.path) },
            "locations": [{ "physicalLocation": { "artifactLocation": artifact(&file.path) } }],
        }))
    };
    let notifications: Vec<Json> = checked.iter().filter_map(unread).collect();
    json!({ "executionSuccessful": notifications.is_empty(), "toolExecutionNotifications": notifications })
}

fn result(report: &Report, codes: &[&str]) -> Json {
    let mut result = Map::new();
    let level = match report.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    result.insert("ruleId".to_owned(), json!(report.code));
    result.insert("ruleIndex".to_owned(), json!(codes.iter().position(|code| *code == report.code)));
    result.insert("level".to_owned(), json!(level));
    result.insert("message".to_owned(), json!({ "text": message(report) }));
    let (first, others) = report.labels.split_at(report.labels.len().min(1));
    result.insert("locations".to_owned(), first.iter().map(location).collect());
    if !others.is_empty() {
        let related = others.iter().enumerate().map(|(at, label)| {
            let mut related = location(label);
            related["id"] = json!(at + 1);
            related
        });
        result.insert("relatedLocations".to_owned(), related.collect());
    }
    if let Some(fix) = fix(report) {
        result.insert("fixes".to_owned(), json!([fix]));
    }
    Json::Object(result)
}

fn message(report: &Report) -> String {
    match &report.help {
        Some(help) => format!("{}; {help}", report.message),
        None => report.message.clone(),
    }
}

fn location(label: &ReportLabel) -> Json {
    let region = region(label.line, label.column, label.end_line, label.end_column);
    let physical = json!({ "artifactLocation": artifact(&label.file), "region": region });
    if label.text.is_empty() {
        json!({ "physicalLocation": physical })
    } else {
        json!({ "physicalLocation": physical, "message": { "text": label.text } })
    }
}

fn region(line: u32, column: u32, end_line: u32, end_column: u32) -> Json {
    json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column })
}

fn fix(report: &Report) -> Option<Json> {
    let (fix, label) = (report.fix.as_ref()?, report.labels.first()?);
    let deleted = region(fix.line, fix.column, fix.end_line, fix.end_column);
    Some(json!({
        "description": { "text": format!("write `{}`", fix.text) },
        "artifactChanges": [{
            "artifactLocation": artifact(&label.file),
            "replacements": [{ "deletedRegion": deleted, "insertedContent": { "text": fix.text } }],
        }],
    }))
}

/// Where a file is, as a URI: relative to where the check ran, unless the path is a whole one.
fn artifact(path: &str) -> Json {
    let parts = Path::new(path).components().filter_map(|part| match part {
        Component::Normal(name) => Some(encoded(&name.to_string_lossy())),
        Component::ParentDir => Some("..".to_owned()),
        Component::Prefix(prefix) => Some(prefix.as_os_str().to_string_lossy().into_owned()),
        Component::RootDir | Component::CurDir => None,
    });
    let uri = parts.collect::<Vec<_>>().join("/");
    if Path::new(path).is_absolute() { json!({ "uri": format!("file:///{uri}") }) } else { json!({ "uri": uri }) }
}

/// A name as part of a URI.
fn encoded(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_uri() {
        let uri = |path: &str| artifact(path)["uri"].as_str().map(str::to_owned).unwrap_or_default();
        assert_eq!(uri("./flows/a b.flow"), "flows/a%20b.flow");
        assert_eq!(uri("../é:#.flow"), "../%C3%A9%3A%23.flow");
        assert_eq!(uri("/srv/a.flow"), "file:///srv/a.flow");
    }

    #[test]
    fn every_code_has_a_rule_with_its_page() {
        for page in crate::lang::explain::pages() {
            let rule = rule(page.code);
            assert_eq!(rule["shortDescription"]["text"], page.title);
            assert_ne!(rule["fullDescription"]["text"], "", "{}", page.code);
        }
    }
}
