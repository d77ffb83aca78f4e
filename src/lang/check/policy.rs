//! Policies: the engine's entries of a step or a workflow.

use crate::expr::{Expr, Span, Type, Value, parse_duration};
use crate::lang::Diagnostic;
use crate::lang::ast::{Policy, PolicyKind, Retry};
use crate::lang::constant::{constant_value, is_constant};
use crate::lang::nearest::did_you_mean;
use crate::lang::unread::has_unread;

use super::Checker;
use super::codes::{
    BAD_COUNT, BAD_DURATION, DUPLICATE_POLICY, MISPLACED_POLICY, NOT_SUPPORTED, UNKNOWN_POLICY, UNKNOWN_WORD,
    WRONG_TYPE,
};
use super::words::{LATER_POLICIES, POLICIES};

/// What the number of `retry` is.
const RETRY_HELP: &str = "a whole number such as `3`: up to three further attempts after the first";

impl Checker<'_> {
    /// Checks policies, `after` apart, which is for the `parallel` around to judge.
    pub fn policies(&mut self, policies: &[Policy]) {
        for (at, policy) in policies.iter().enumerate() {
            let word = &*policy.keyword.value;
            let known = !matches!(policy.kind, PolicyKind::Other);
            let first = policies[..at].iter().find(|other| known && *other.keyword.value == *word);
            if let Some(first) = first {
                let error =
                    Diagnostic::error(DUPLICATE_POLICY, format!("`{word}` is there twice"), policy.keyword.span);
                self.tell(error.also(first.keyword.span, "first here"));
                continue;
            }
            self.policy(policy);
        }
    }

    fn policy(&mut self, policy: &Policy) {
        match &policy.kind {
            PolicyKind::Timeout(duration) => self.duration(duration, "a time-out", false),
            PolicyKind::Retry(retry) => self.retry(retry),
            PolicyKind::When(condition) => {
                self.value(condition);
                self.fit(condition, &Type::Bool, "`when`");
            }
            PolicyKind::Queue(name) => self.queue(name),
            PolicyKind::After(_) | PolicyKind::Output(_) => {}
            _ => self.other_policy(policy),
        }
    }

    fn other_policy(&mut self, policy: &Policy) {
        let word = &*policy.keyword.value;
        let span = policy.keyword.span;
        if LATER_POLICIES.contains(&word) {
            self.error(NOT_SUPPORTED, format!("`{word}` is not supported by this version"), span);
        } else {
            let error = Diagnostic::error(UNKNOWN_POLICY, format!("`{word}` is no policy"), span);
            self.unknown(error, word, POLICIES.iter().copied());
        }
    }

    fn queue(&mut self, name: &Expr) {
        let ok = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        match constant_value(name) {
            Some(Value::Str(text)) if (1..=64).contains(&text.len()) && text.chars().all(ok) => {}
            Some(Value::Str(text)) => {
                let error = Diagnostic::error(WRONG_TYPE, format!("`{text}` is no name of a queue"), name.span);
                self.tell(error.help("letters, digits, `_`, `-` and `.`, at most 64"));
            }
            _ if has_unread(name) => {}
            _ => self.error(WRONG_TYPE, "the name of a queue must be written out as text", name.span),
        }
    }

    /// A length of time that is written out.
    fn duration(&mut self, expr: &Expr, what: &str, may_be_zero: bool) {
        let error = |message: String| Diagnostic::error(BAD_DURATION, message, expr.span);
        match constant_value(expr) {
            Some(Value::Duration(micros)) if micros < 0 => self.tell(error(format!("{what} can't be negative"))),
            Some(Value::Duration(0)) if !may_be_zero => self.tell(error(format!("{what} must be more than nothing"))),
            Some(Value::Duration(_)) => {}
            Some(Value::Int(number)) => {
                let help = format!("write `{number}s`, `{number}m` or `{number}h`");
                self.tell(error(format!("{what} needs a unit")).help(help));
            }
            Some(Value::Str(text)) if parse_duration(&text).is_some() => {
                self.tell(error(format!("{what} is written without quotes")).help(format!("write `{text}`")));
            }
            Some(Value::Str(text)) => {
                self.tell(error(format!("`{text}` is no length of time")).help("write `10s`, `5m` or `1h30m`"));
            }
            Some(_) => {
                self.tell(error(format!("{what} must be a length of time")).help("write `10s`, `5m` or `1h30m`"))
            }
            None if has_unread(expr) => {}
            None => {
                let before = self.diagnostics.len();
                self.value(expr);
                if self.diagnostics.len() == before {
                    self.tell(error(format!("{what} must be written out")).help("write `10s`, `5m` or `1h30m`"));
                }
            }
        }
    }

    fn retry(&mut self, retry: &Retry) {
        match constant_value(&retry.max) {
            Some(Value::Int(max)) if u32::try_from(max).is_ok() => {}
            Some(Value::Int(max)) => {
                let error = format!("a step can't be retried {max} times");
                self.tell(Diagnostic::error(BAD_COUNT, error, retry.max.span).help(RETRY_HELP));
            }
            _ if has_unread(&retry.max) => {}
            _ => {
                let error = "the number of retries must be written out as a whole number";
                self.tell(Diagnostic::error(BAD_COUNT, error, retry.max.span).help(RETRY_HELP));
            }
        }
        let before = self.diagnostics.len();
        for wait in retry.backoff.iter().chain(&retry.backoff_max) {
            self.duration(wait, "a backoff", true);
        }
        if self.diagnostics.len() == before {
            self.backoff_order(retry);
        }
        if let Some(factor) = &retry.factor {
            self.factor(factor);
        }
        if let Some(jitter) = retry.jitter.as_ref().filter(|jitter| !matches!(&*jitter.value, "none" | "full")) {
            let message = format!("unknown jitter `{}`", jitter.value);
            let error = Diagnostic::error(UNKNOWN_WORD, message, jitter.span);
            self.tell(did_you_mean(error, &jitter.value, ["none", "full"]));
        }
        self.verdicts(retry);
    }

    fn backoff_order(&mut self, retry: &Retry) {
        let (Some(first), Some(last)) = (&retry.backoff, &retry.backoff_max) else { return };
        if let (Some(Value::Duration(from)), Some(Value::Duration(to))) = (constant_value(first), constant_value(last))
            && from > to
        {
            let span: Span = first.span.to(last.span);
            let message = "the first wait is longer than the longest";
            self.tell(Diagnostic::error(BAD_DURATION, message, span).help("write the shorter one first: `1s..1m`"));
        }
    }

    fn factor(&mut self, factor: &Expr) {
        let number = crate::lang::constant::number(factor);
        if !has_unread(factor) && !number.is_some_and(|number| (1.0..=1000.0).contains(&number)) {
            self.error(BAD_COUNT, "`factor` must be a number from 1 to 1000, written out", factor.span);
        }
    }

    /// `unless` and `only`, where `error` is known.
    fn verdicts(&mut self, retry: &Retry) {
        if let (Some(unless), Some(only)) = (&retry.unless, &retry.only) {
            let error = Diagnostic::error(MISPLACED_POLICY, "`unless` and `only` can't both decide", only.span);
            self.tell(error.also(unless.span, "`unless` is here").help("keep one of them"));
        }
        for (expr, what) in retry.unless.iter().map(|e| (e, "`unless`")).chain(retry.only.iter().map(|e| (e, "`only`")))
        {
            self.locals.push(("error".into(), Type::Any.into()));
            self.value(expr);
            if !is_constant(expr) || constant_value(expr).is_some() {
                self.fit(expr, &Type::Bool, what);
            }
            self.locals.pop();
        }
    }
}
