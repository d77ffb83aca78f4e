//! Statements.

use crate::lang::{Notation, Source, parse_flow};

fn source(text: &str) -> Source {
    Source { name: "a.flow".into(), notation: Notation::Flow, text: text.into() }
}

#[test]
fn a_file_with_every_statement_of_the_language_has_no_mistake_of_syntax() {
    let (file, found) = parse_flow(&source(include_str!("sources/whole.flow")));
    assert_eq!(found, []);
    assert_eq!(file.workflows.len(), 2);
    assert_eq!(file.tasks.len(), 2);
    assert_eq!(file.tests.len(), 1);
}
