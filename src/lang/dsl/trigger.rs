//! `on …`: what starts a workflow.

use std::ops::Range;

use crate::lang::ast::{Trigger, TriggerKind};
use crate::lang::grammar::Rule;

use super::clauses::Clauses;
use super::parser::{Parser, Taken};

impl<'t> Parser<'t> {
    /// `on cron "…" …`, `on event "…" …`, `on webhook "…" …`.
    pub fn trigger(&mut self, entry: &Range<usize>) -> Option<Trigger> {
        let mut taken = self.take(Rule::trigger, entry)?;
        let base = taken.base();
        let pair = taken.pairs.next()?;
        let rule = pair.as_rule();
        let mut parts = Taken::inside(pair, base);
        let subject = self.text(&mut parts);
        let clauses = self.clauses(parts, "on");
        let kind = match rule {
            Rule::trigger_cron => self.cron(subject, &clauses),
            Rule::trigger_event => TriggerKind::Event { event: subject },
            _ => {
                let dedupe = self.clause(&clauses, Rule::on_dedupe);
                TriggerKind::Webhook { path: subject, hmac: clauses.name(Rule::on_hmac), dedupe }
            }
        };
        let condition = self.clause(&clauses, Rule::on_where);
        let with = self.clause(&clauses, Rule::on_with);
        Some(Trigger { kind, condition, with, span: self.span(entry) })
    }

    fn cron(&mut self, schedule: crate::lang::ast::Name, clauses: &Clauses<'t>) -> TriggerKind {
        TriggerKind::Cron {
            schedule,
            timezone: self.clause_text(clauses, Rule::on_timezone),
            catch_up: clauses.name(Rule::on_catch_up),
            overlap: clauses.name(Rule::on_overlap),
        }
    }
}
