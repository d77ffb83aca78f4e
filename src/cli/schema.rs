//! `stepwell schema`: the JSON Schema of the flat notation, for editors.

use crate::lang::{builtin_task_types, toml_schema};

use super::Exit;
use super::output;

/// Prints it.
pub(super) fn run() -> Exit {
    output::print(&format!("{:#}\n", toml_schema(&builtin_task_types())))
}
