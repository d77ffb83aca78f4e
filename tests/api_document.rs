//! The OpenAPI document: the one in the repository is the program's, and every endpoint says what it does.

use std::path::Path;

use serde_json::Value;

#[test]
fn the_document_in_the_repository_is_the_programs() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let text = stepwell::api::openapi_json();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "openapi/openapi.json is out of date: run the test with UPDATE_OPENAPI=1");
}

#[test]
fn every_operation_is_named_described_tagged_and_lists_its_errors() {
    let document: Value = serde_json::from_str(&stepwell::api::openapi_json()).unwrap();
    let mut names = std::collections::BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let at = format!("{method} {path}");
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at}: no operationId"));
            assert!(names.insert(name.to_owned()), "{at}: `{name}` is taken");
            for part in ["summary", "description"] {
                assert!(operation[part].as_str().is_some_and(|text| !text.is_empty()), "{at}: no {part}");
            }
            assert!(!operation["tags"].as_array().unwrap().is_empty(), "{at}: no tag");
            let responses = operation["responses"].as_object().unwrap();
            if path.starts_with("/api/") {
                assert!(responses.keys().any(|status| status.starts_with('4')), "{at}: no 4xx");
                assert!(responses.contains_key("500") && responses.contains_key("503"), "{at}: no 5xx");
            }
        }
    }
    assert!(names.len() >= 28, "{names:?}");
}
