//! `stepwell openapi`: the document of the API.

use crate::api;

use super::Exit;
use super::output;

/// Prints it.
pub(super) fn run() -> Exit {
    let mut text = api::openapi_json();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    output::print(&text)
}
