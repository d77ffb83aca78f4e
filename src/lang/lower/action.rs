//! A step's configuration to what carries it out.

use crate::expr::{Expr, ExprKind, ObjectEntry, Span, Value, parse_duration};
use crate::lang::ast::Attribute;
use crate::lang::builtin::{read_condition, read_transforms};
use crate::lang::constant::{constant_text, constant_value};
use crate::plan::{Action, Condition, ConditionalConfig, Runs, Wake};

use super::Lowering;
use super::message::with_paths;

impl Lowering<'_> {
    /// Who carries a step out, with its configuration in the form that it is used in.
    pub fn action(&self, task_type: &str, config: &[Attribute], span: Span) -> Action {
        let config = Config { entries: config };
        let in_engine = self.task_types.get(task_type).is_some_and(|known| known.runs == Runs::Engine);
        match (task_type, in_engine) {
            ("data_transform", true) => config.transform(),
            ("conditional", true) => Action::Conditional(config.condition(span)),
            ("log", true) => config.log(span),
            ("delay", true) => Action::Delay(config.wake(span)),
            ("workflow", true) => config.child(span),
            _ => Action::Task { config: config.object(span) },
        }
    }
}

/// A length of time written as text is one.
fn duration(expr: &Expr) -> Expr {
    let known = constant_text(expr).and_then(|text| parse_duration(&text));
    known.map_or_else(|| expr.clone(), |micros| Expr::literal(Value::Duration(micros), expr.span))
}

struct Config<'a> {
    entries: &'a [Attribute],
}

impl Config<'_> {
    fn get(&self, key: &str) -> Option<&Expr> {
        self.entries.iter().find(|entry| &*entry.key.value == key).map(|entry| &entry.value)
    }

    /// The value of a key that the checker saw to; null on a tree with errors.
    fn need(&self, key: &str, span: Span) -> Expr {
        self.get(key).cloned().unwrap_or_else(|| Expr::literal(Value::Null, span))
    }

    fn object(&self, span: Span) -> Expr {
        let entry = |entry: &Attribute| ObjectEntry::Field {
            key: entry.key.value.clone(),
            key_span: entry.key.span,
            value: entry.value.clone(),
        };
        Expr::new(ExprKind::Object(self.entries.iter().map(entry).collect()), span)
    }

    fn transform(&self) -> Action {
        let ops = self.get("transforms").map(|list| read_transforms(list, &mut Vec::new())).unwrap_or_default();
        Action::Transform { source: self.get("source").cloned(), ops, value: self.get("value").cloned() }
    }

    fn condition(&self, span: Span) -> ConditionalConfig {
        let read = self.get("condition").and_then(|condition| read_condition(condition, &mut Vec::new()));
        let condition = read.unwrap_or_else(|| Condition::Expr(Expr::literal(Value::Bool(false), span)));
        ConditionalConfig { condition }
    }

    fn log(&self, span: Span) -> Action {
        let message = with_paths(self.need("message", span));
        Action::Log { message, level: self.get("level").cloned(), details: self.get("details").cloned() }
    }

    fn wake(&self, span: Span) -> Wake {
        match self.get("until") {
            Some(at) => Wake::At(at.clone()),
            None => Wake::After(self.get("duration").map(duration).unwrap_or_else(|| self.need("seconds", span))),
        }
    }

    fn child(&self, span: Span) -> Action {
        Action::Child {
            workflow: self.need("name", span),
            input: self.get("input").cloned(),
            version: self.get("version").cloned(),
            detached: self.get("wait").and_then(constant_value) == Some(Value::Bool(false)),
        }
    }
}
