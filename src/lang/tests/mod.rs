//! The way from text to plan, in both notations.

mod around;
mod both;
mod drafts;
mod flat;
mod flat_mistakes;
mod flow_mistakes;
mod lowering;
mod registered;
mod types;
mod whole;

use crate::lang::{Compiled, Notation, Source, builtin_task_types, compile};

/// Compiles a text in the flat notation.
fn toml(text: &str) -> Compiled {
    let source = Source { name: "test.toml".into(), notation: Notation::Toml, text: text.into() };
    compile(&source, &builtin_task_types())
}

/// Compiles a text in the flow language.
fn flow(text: &str) -> Compiled {
    let source = Source { name: "test.flow".into(), notation: Notation::Flow, text: text.into() };
    compile(&source, &builtin_task_types())
}

/// The diagnostics, one a line: code, message, the text under the caret, help.
fn told(text: &str, compiled: &Compiled) -> Vec<String> {
    let line = |diagnostic: &crate::lang::Diagnostic| {
        let span = diagnostic.labels[0].span;
        let under = &text[span.start as usize..span.end as usize];
        let help = diagnostic.help.as_deref().map(|help| format!(" / {help}")).unwrap_or_default();
        format!("{} {} @ {:?}{help}", diagnostic.code, diagnostic.message, under)
    };
    compiled.diagnostics.iter().map(line).collect()
}
