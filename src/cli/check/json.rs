//! What is wrong, as data: the reports that the API gives, by file.

use serde_json::{Value as Json, json};

use super::{Checked, Counts};

/// `{ files: [{ file, workflows, diagnostics }], errors, warnings }`.
pub(super) fn document(checked: &[Checked], counts: &Counts) -> Json {
    let files = checked.iter().map(|file| match &file.result {
        Err(reason) => json!({ "file": file.path, "error": reason, "workflows": [], "diagnostics": [] }),
        Ok((_, compiled)) => json!({
            "file": file.path,
            "workflows": compiled.plans.iter().map(|plan| plan.workflow.to_string()).collect::<Vec<_>>(),
            "diagnostics": file.reports(),
        }),
    });
    json!({
        "files": files.collect::<Vec<_>>(),
        "errors": counts.errors,
        "warnings": counts.warnings,
    })
}
