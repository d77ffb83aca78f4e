//! The parser's tests: one module for each part of the language.

mod control;
mod expression;
mod limits;
mod messages;
mod policy;
mod scenario;
mod statement;

use crate::expr::{Expr, Span};
use crate::lang::ast::{File, Name, StmtKind, Workflow};
use crate::lang::{Notation, Source, parse_flow, report};

/// A parsed text, and the text itself to tell the parts of its tree by.
struct Parsed {
    text: String,
    file: File,
    told: Vec<String>,
}

impl Parsed {
    fn of(text: &str) -> Self {
        let source = Source { name: "a.flow".into(), notation: Notation::Flow, text: text.into() };
        let (file, found) = parse_flow(&source);
        let shown = |report: crate::lang::Report| {
            let help = report.help.map_or(String::new(), |help| format!(" ({help})"));
            format!("{}:{} {}{help}", report.labels[0].line, report.labels[0].column, report.message)
        };
        Self { text: text.to_owned(), told: report(&source, &found).into_iter().map(shown).collect(), file }
    }

    /// A workflow of these entries alone, from line 2 on, in which nothing is wrong.
    fn whole(entries: &str) -> Self {
        let parsed = Self::broken(entries);
        assert_eq!(parsed.told, Vec::<String>::new(), "{entries}");
        parsed
    }

    /// A workflow of these entries alone, from line 2 on.
    fn broken(entries: &str) -> Self {
        Self::of(&format!("workflow w {{\n{entries}\n}}\n"))
    }

    fn workflow(&self) -> &Workflow {
        &self.file.workflows[0]
    }

    fn first(&self) -> &StmtKind {
        &self.workflow().body[0].kind
    }

    /// What was written at a place.
    fn at(&self, span: Span) -> &str {
        &self.text[span.start as usize..span.end as usize]
    }

    fn expr(&self, expr: &Expr) -> &str {
        self.at(expr.span)
    }

    fn maybe<'a>(&'a self, expr: &Option<Expr>) -> Option<&'a str> {
        expr.as_ref().map(|expr| self.expr(expr))
    }

    fn exprs(&self, exprs: &[Expr]) -> Vec<&str> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }
}

/// Names, and that each stands where its place says.
fn names(names: &[Name]) -> Vec<&str> {
    names.iter().map(|name| &*name.value).collect()
}

/// Checks what is told of these entries of a workflow, and gives what is kept of them.
fn check(entries: &str, told: &[&str]) -> Parsed {
    let parsed = Parsed::broken(entries);
    assert_eq!(parsed.told, told, "{entries}");
    parsed
}
