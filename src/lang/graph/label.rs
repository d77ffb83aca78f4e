//! What stands in boxes and at arrows: short, on one line.

use crate::expr::Expr;
use crate::lang::format_expr;
use crate::plan::KeepGoing;

/// The most characters of an expression that are shown.
const LONGEST: usize = 60;

/// An expression, as the language writes it; of a long one, its beginning.
pub(super) fn expr(expr: &Expr) -> String {
    let text = format_expr(expr);
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(LONGEST) {
        words.truncate(end);
        words.push('…');
    }
    words
}

/// One of several.
pub(super) fn either(patterns: &[Expr]) -> String {
    patterns.iter().map(expr).collect::<Vec<_>>().join(", ")
}

/// A word, and what may stand with it, on a line each.
pub(super) fn lines(word: &str, with: Option<&Expr>) -> Vec<String> {
    std::iter::once(word.to_owned()).chain(with.map(expr)).collect()
}

/// How many items of a loop may fail.
pub(super) fn keep_going(clause: &KeepGoing) -> String {
    match &clause.max {
        Some(max) => format!(", keep going max {}", expr(max)),
        None => ", keep going".to_owned(),
    }
}
