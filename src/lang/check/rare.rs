//! Policies that few steps and workflows have.

use crate::expr::{BinaryOp, Expr, ExprKind, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::ast::Name;
use crate::lang::constant::constant_value;
use crate::lang::nearest::did_you_mean;
use crate::lang::unread::has_unread;

use super::Checker;
use super::codes::{BAD_COUNT, BAD_DURATION, BAD_NAME, UNKNOWN_WORD, WRONG_TYPE};

/// What `else` of `concurrency` may be.
const OVERFLOWS: &[&str] = &["queue", "cancel", "replace", "fail"];

impl Checker<'_> {
    /// `priority N`.
    pub fn priority(&mut self, priority: &Expr) {
        match constant_value(priority) {
            Some(Value::Int(0..=9)) => {}
            _ if has_unread(priority) => {}
            _ => {
                let error = Diagnostic::error(BAD_COUNT, "a priority is a whole number from 0 to 9", priority.span);
                self.tell(error.help("the higher goes first, and 5 is what a step has that says none"));
            }
        }
    }

    /// `cache key expr for D`.
    pub fn cache(&mut self, key: &Expr, ttl: &Expr) {
        self.key(key, "the key of a cache");
        self.duration(ttl, "how long an output is kept", false);
    }

    /// What tells executions or outputs apart: a value that shows as text, and no secret.
    fn key(&mut self, key: &Expr, what: &str) {
        self.value(key);
        let wanted = Type::Union(vec![Type::String, Type::Number, Type::Bool, Type::Duration, Type::Timestamp]);
        let lists = matches!(self.type_of(key), Type::List(_) | Type::Map(_) | Type::Object(_));
        if !lists {
            self.fit(key, &wanted, what);
        }
        self.no_secret(key, what);
    }

    /// `rate "name" N/D`.
    pub fn rate(&mut self, name: &Name, limit: &Expr) {
        let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(ok) {
            let error = Diagnostic::error(BAD_NAME, format!("`{}` is no name of a rate", name.value), name.span);
            self.tell(error.help("letters, digits, `_`, `-` and `.`, at most 64"));
        }
        if has_unread(limit) {
            return;
        }
        let ExprKind::Binary { op: BinaryOp::Div, left, right } = &limit.kind else {
            let error = Diagnostic::error(WRONG_TYPE, "a rate is so many in a length of time", limit.span);
            self.tell(error.help("write `10/1s`"));
            return;
        };
        match constant_value(left) {
            Some(Value::Int(1..=4_294_967_295)) => {}
            _ => self.error(BAD_COUNT, "a rate is a whole number from 1, written out", left.span),
        }
        match constant_value(right) {
            Some(Value::Duration(micros)) if micros > 0 => {}
            Some(Value::Duration(_)) => {
                self.error(BAD_DURATION, "the time of a rate must be more than nothing", right.span)
            }
            _ => {
                let error = Diagnostic::error(BAD_DURATION, "the time of a rate must be written out", right.span);
                self.tell(error.help("write `10/1s`"));
            }
        }
    }

    /// `concurrency key expr limit N [else …]`, before the execution has begun.
    pub fn concurrency(&mut self, key: &Expr, limit: &Expr, otherwise: Option<&Name>) {
        let roots = self.roots.only(&["input", "settings"], "the key of `concurrency`");
        let before = std::mem::replace(&mut self.roots, roots);
        self.key(key, "the key of `concurrency`");
        self.roots = before;
        match constant_value(limit) {
            Some(Value::Int(1..=4_294_967_295)) => {}
            _ if has_unread(limit) => {}
            _ => self.error(BAD_COUNT, "the limit of `concurrency` is a whole number from 1, written out", limit.span),
        }
        if let Some(word) = otherwise.filter(|word| !OVERFLOWS.contains(&&*word.value)) {
            let error = Diagnostic::error(UNKNOWN_WORD, format!("`else` can't be `{}`", word.value), word.span);
            self.tell(did_you_mean(error, &word.value, OVERFLOWS.iter().copied()));
        }
    }
}
