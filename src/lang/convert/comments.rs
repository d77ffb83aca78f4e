//! The comments of a source, carried to where what they stand above is written in the other notation.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::expr::Span;
use crate::lang::ast::{File, Step, Stmt, StmtKind, Workflow};
use crate::lang::report::line_starts;
use crate::lang::{Notation, Source};

/// The comments of a source. Each is given once.
pub(super) struct Comments<'s> {
    lines: Vec<&'s str>,
    starts: Vec<usize>,
    notation: Notation,
    given: HashSet<usize>,
}

impl<'s> Comments<'s> {
    pub fn of(source: &'s Source) -> Self {
        let lines = source.text.lines().collect();
        Self { lines, starts: line_starts(&source.text), notation: source.notation, given: HashSet::new() }
    }

    /// The comments on the lines above the one where `span` begins, in order.
    pub fn above(&mut self, span: Span) -> Vec<&'s str> {
        let mut found = Vec::new();
        let mut at = line_of(&self.starts, span.start as usize);
        while let Some(line) = at.checked_sub(1).and_then(|above| self.lines.get(above)).map(|line| line.trim()) {
            at -= 1;
            let header = self.notation == Notation::Toml && line.starts_with('[') && !line.starts_with("[[");
            if line.starts_with('#') {
                // What is said to an editor of TOML means nothing elsewhere.
                if self.given.insert(at) && !line.starts_with("#:") {
                    found.push(line);
                }
            } else if !(header && line.ends_with(']')) {
                break;
            }
        }
        found.reverse();
        found
    }
}

fn line_of(starts: &[usize], at: usize) -> usize {
    starts.partition_point(|start| *start <= at).saturating_sub(1)
}

/// The text of `to`, with the comments that stand above something in `from`.
pub(super) fn carried(from: &Source, before: &File, to: &Source, after: &File) -> String {
    let mut comments = Comments::of(from);
    let starts = line_starts(&to.text);
    let mut places: HashMap<String, usize> = HashMap::new();
    for (name, span) in after.workflows.iter().flat_map(anchors) {
        places.entry(name).or_insert_with(|| line_of(&starts, span.start as usize));
    }
    let mut above: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (name, span) in before.workflows.iter().flat_map(anchors) {
        if let Some(line) = places.get(&name) {
            above.entry(*line).or_default().extend(comments.above(span));
        }
    }
    let mut out = String::new();
    for (number, line) in to.text.lines().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        for comment in above.get(&number).into_iter().flatten() {
            out.push_str(&format!("{indent}{comment}\n"));
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// What comments may stand above, by a name that both notations give it.
fn anchors(workflow: &Workflow) -> Vec<(String, Span)> {
    let mut found = vec![(String::new(), workflow.name.span)];
    found.extend(workflow.attributes.iter().map(|one| (format!("key {}", one.key.value), one.key.span)));
    found.extend(workflow.inputs.iter().map(|one| (format!("input {}", one.name.value), one.span)));
    found.extend(workflow.settings.iter().map(|one| (format!("setting {}", one.name.value), one.span)));
    found.extend(workflow.secrets.iter().map(|one| (format!("secret {}", one.value), one.span)));
    found.extend(workflow.triggers.iter().enumerate().map(|(at, one)| (format!("on {at}"), one.span)));
    found.extend(workflow.output.iter().map(|one| ("output".to_owned(), one.span)));
    found.extend(workflow.policies.iter().map(|one| (format!("policy {}", one.keyword.value), one.span)));
    workflow.body.iter().for_each(|statement| of_statement(statement, &mut found));
    found
}

fn of_statement(statement: &Stmt, found: &mut Vec<(String, Span)>) {
    match &statement.kind {
        StmtKind::Step(step) => of_step(&step.name.value, statement.span, step, found),
        StmtKind::For(each) => {
            if let (Some(name), Some(Stmt { kind: StmtKind::Step(step), .. })) = (&each.name, each.body.first()) {
                of_step(&name.value, statement.span, step, found);
            }
        }
        StmtKind::Branch { body, .. } => body.iter().for_each(|statement| of_statement(statement, found)),
        StmtKind::Parallel { children, .. } => children.iter().for_each(|child| of_statement(child, found)),
        _ => {}
    }
}

fn of_step(name: &str, span: Span, step: &Step, found: &mut Vec<(String, Span)>) {
    found.push((format!("step {name}"), span));
    // In the flat notation its name has a line of its own.
    found.push((format!("step {name}"), step.name.span));
    found.extend(step.policies.iter().map(|one| (format!("step {name} {}", one.keyword.value), one.span)));
    found.extend(step.config.iter().map(|one| (format!("step {name} with {}", one.key.value), one.key.span)));
}
