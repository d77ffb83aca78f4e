//! `stepwell config`: what is in force, and from where.

use serde_json::{Value as Json, json};

use crate::config::Row;

use super::Exit;
use super::args::{ConfigArgs, Format};
use super::color::{self, Paint};
use super::output;

/// Shows the settings.
pub(super) fn run(args: &ConfigArgs) -> Exit {
    let loaded = match args.settings.load() {
        Ok(loaded) => loaded,
        Err(errors) => return output::usage(&errors, None),
    };
    let rows = loaded.rows();
    output::print(&match args.format {
        Format::Json => format!("{:#}\n", json!({ "settings": rows.iter().map(Row::json).collect::<Vec<_>>() })),
        Format::Text => text(&rows, color::stdout()),
    })
}

fn text(rows: &[Row], color: bool) -> String {
    let shown: Vec<_> = rows.iter().map(|row| (row, value(&row.value), row.origin.to_string())).collect();
    let widest = |part: fn(&(&Row, String, String)) -> usize| shown.iter().map(part).max().unwrap_or(0);
    let (keys, values) = (widest(|row| row.0.key.len()), widest(|row| row.1.chars().count()).min(48));
    let lines = shown.iter().map(|(row, value, origin)| {
        let origin = if origin == "default" { Paint::Dim } else { Paint::Green }.on(origin, color);
        format!("{:keys$}  {value:values$}  {origin}\n", row.key)
    });
    lines.collect()
}

fn value(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::Array(items) if items.is_empty() => "-".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
