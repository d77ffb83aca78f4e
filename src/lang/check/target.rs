//! `then` and `else` of a `conditional`: in the flat notation they name steps that come later; in the language there is `if`.

use std::collections::HashMap;

use crate::lang::Diagnostic;
use crate::lang::ast::{Step, Stmt, StmtKind};
use crate::lang::constant::constant_value;
use crate::lang::lower::{child_name, targets};
use crate::lang::statements::each_statement;
use crate::lang::unread::has_unread;

use super::Checker;
use super::codes::{BAD_TARGET, UNKNOWN_CONFIG};
use super::declared::Kind;
use super::graph::{Reach, ordered};

impl Checker<'_> {
    /// Checks what a `conditional` names, order apart where it is a graph's.
    pub fn targets(&mut self, step: &Step) {
        for key in ["then", "else"] {
            let Some(attribute) = step.config.iter().find(|attribute| &*attribute.key.value == key) else { continue };
            if !self.workflow.flat {
                let message = format!("`{key}` of a `conditional` is for the flat notation and JSON");
                let error = Diagnostic::error(UNKNOWN_CONFIG, message, attribute.key.span);
                self.tell(error.help("write `if … { … }` around the steps"));
                continue;
            }
            if !has_unread(&attribute.value) && constant_value(&attribute.value).is_none() {
                let message = format!("`{key}` must name its steps, written out");
                let error = Diagnostic::error(BAD_TARGET, message, attribute.value.span);
                self.tell(error.help(format!("write `{key} = [\"name\"]`")));
                continue;
            }
            for target in targets(step, key) {
                let declared = self.declared.written(&target.value).filter(|found| found.kind != Kind::LoopVariable);
                match declared {
                    None => {
                        let error =
                            Diagnostic::error(BAD_TARGET, format!("unknown step `{}`", target.value), target.span);
                        let names: Vec<_> = self.declared.steps.iter().map(|name| name.value.clone()).collect();
                        let others = names.iter().filter(|name| **name != step.name.value).map(|name| &**name);
                        self.unknown(error, &target.value, others);
                    }
                    Some(found) if !self.is_graph() && found.name.span.start <= step.name.span.start => {
                        let error = earlier(&target.value, &step.name.value, target.span);
                        self.tell(error.also(found.name.span, "it is here"));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Whether the steps are ordered by `after` alone.
    fn is_graph(&self) -> bool {
        matches!(self.workflow.body.first().map(|first| &first.kind), Some(StmtKind::Parallel { .. }))
    }

    /// The edges from each `conditional` of a graph to the steps that it decides over.
    pub fn decisions(&mut self, children: &[Stmt], places: &HashMap<&str, usize>, edges: &mut [Vec<usize>]) {
        if !self.workflow.flat {
            return;
        }
        let order = ordered(edges);
        let reach = Reach::of(edges, &order);
        let mut wrong = Vec::new();
        for (at, child) in children.iter().enumerate() {
            each_statement(std::slice::from_ref(child), &mut |statement: &Stmt| {
                let StmtKind::Step(step) = &statement.kind else { return };
                if &*step.task_type.value != "conditional" {
                    return;
                }
                for target in ["then", "else"].into_iter().flat_map(|key| targets(step, key)) {
                    let Some(&place) = places.get(&*target.value) else { continue };
                    if place == at || reach.waits_for(at, place) {
                        wrong.push(earlier(&target.value, child_name(child).unwrap_or_default(), target.span));
                    } else if !edges[place].contains(&at) {
                        edges[place].push(at);
                    }
                }
            });
        }
        wrong.into_iter().for_each(|error| self.tell(error));
    }
}

fn earlier(target: &str, conditional: &str, span: crate::expr::Span) -> Diagnostic {
    let message = if target == conditional {
        format!("`{target}` can't decide over itself")
    } else {
        format!("`{target}` does not come after `{conditional}`, which is to decide over it")
    };
    Diagnostic::error(BAD_TARGET, message, span)
}
