//! What is wrong, drawn for people, and a line that sums it up.

use crate::cli::color::Paint;
use crate::lang;

use super::{Checked, Counts};

/// The drawings of all files, and the sum.
pub(super) fn text(checked: &[Checked], counts: &Counts, color: bool) -> String {
    let mut text = String::new();
    for file in checked {
        match &file.result {
            Err(reason) => {
                text.push_str(&format!("{} `{}`: {reason}\n\n", Paint::Red.on("error:", color), file.path));
            }
            Ok((source, compiled)) if !compiled.diagnostics.is_empty() => {
                text.push_str(lang::render(source, &compiled.diagnostics, color).trim_end());
                text.push_str("\n\n");
            }
            Ok(_) => {}
        }
    }
    text + &summary(counts, color)
}

/// How many files, and what was found, in a line.
pub(super) fn summary(counts: &Counts, color: bool) -> String {
    let plural = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let warnings = match counts.warnings {
        0 => String::new(),
        number => format!(", {}", Paint::Yellow.on(&plural(number, "warning"), color)),
    };
    let result = match counts.errors {
        0 => format!("{}, {}", Paint::Green.on("ok", color), plural(counts.workflows, "workflow")),
        number => Paint::Red.on(&plural(number, "error"), color),
    };
    format!("{}: {result}{warnings}\n", plural(counts.files, "file"))
}
