//! `retry`: its parts, and where it can't help or may harm.

use crate::expr::{BinaryOp, Expr, ExprKind, ObjectEntry, Span, Value};
use crate::lang::Diagnostic;
use crate::lang::ast::{Policy, PolicyKind, Retry, Step};
use crate::lang::constant::{constant_text, constant_value, is_constant, number};
use crate::lang::nearest::did_you_mean;
use crate::lang::unread::has_unread;

use super::Checker;
use super::codes::{BAD_COUNT, BAD_DURATION, HARMFUL_RETRY, MISPLACED_POLICY, UNKNOWN_WORD, USELESS_POLICY};
use super::names::error_type;

/// What the number of `retry` is.
const RETRY_HELP: &str = "a whole number such as `3`: up to three further attempts after the first";

/// Whether it asks for no further attempt.
pub fn is_none(retry: &Retry) -> bool {
    matches!(constant_value(&retry.max), Some(Value::Int(0)))
}

impl Checker<'_> {
    /// The parts of a `retry`.
    pub fn retry(&mut self, retry: &Retry) {
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
        let number = number(factor);
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
            self.with_locals(&[("error", error_type())], |checker| {
                if !is_constant(expr) || constant_value(expr).is_some() {
                    checker.condition(expr, what);
                } else {
                    checker.value(expr);
                }
            });
        }
    }

    /// What a step's own `retry`, or its workflow's, would do to it.
    pub fn retried(&mut self, step: &Step) {
        let own = step.policies.iter().find_map(retry_of);
        let Some((retry, span)) = own.or_else(|| self.workflow.policies.iter().find_map(retry_of)) else { return };
        if is_none(retry) {
            return;
        }
        if let Some((retry, span)) = own {
            self.retry_of_losses(step, retry, span);
        }
        let idempotent = step.policies.iter().any(|policy| matches!(policy.kind, PolicyKind::Idempotent));
        if !idempotent && &*step.task_type.value == "http_request" {
            self.unguarded_request(step, span);
        }
    }

    /// `at most once` says that a lost attempt is not repeated, and `retry … only` that nothing else is.
    fn retry_of_losses(&mut self, step: &Step, retry: &Retry, span: Span) {
        let once = step
            .policies
            .iter()
            .find(|policy| matches!(policy.kind, PolicyKind::AtMostOnce | PolicyKind::Irreversible));
        let (Some(once), Some(only)) = (once, &retry.only) else { return };
        if is_loss(only) {
            let message = "`retry` does nothing here";
            let warning = Diagnostic::warning(USELESS_POLICY, message, span).label("it is for lost attempts alone");
            let text = format!("`{}`: a lost attempt is not repeated", once.keyword.value);
            self.tell(warning.also(once.keyword.span, text).help("leave one of them out"));
        }
    }

    /// A request that is made again may do its work twice where it has no key that tells the server so.
    fn unguarded_request(&mut self, step: &Step, retry: Span) {
        let given = |key: &str| step.config.iter().find(|attribute| &*attribute.key.value == key);
        let method = given("method").and_then(|method| constant_text(&method.value));
        let Some(method) = method.filter(|method| matches!(&**method, "POST" | "PATCH")) else { return };
        let Some((key, value)) = given("headers").and_then(|headers| idempotency_header(&headers.value)) else {
            return;
        };
        // A key that is worked out may well be one of what is asked for.
        if constant_value(value).is_none() {
            return;
        }
        let message = format!("this `{method}` may be carried out twice");
        let warning = Diagnostic::warning(HARMFUL_RETRY, message, key).label("this replaces the key of each attempt");
        let warning = warning.also(retry, "it is sent again where it failed");
        self.tell(warning.help("leave the header out, or say that repeating does no harm: `idempotent`"));
    }
}

fn retry_of(policy: &Policy) -> Option<(&Retry, Span)> {
    match &policy.kind {
        PolicyKind::Retry(retry) => Some((retry, policy.keyword.span)),
        _ => None,
    }
}

/// `error.code == "WORKER_LOST"`.
fn is_loss(only: &Expr) -> bool {
    let ExprKind::Binary { op: BinaryOp::Eq, left, right } = &only.kind else { return false };
    let code = |expr: &Expr| matches!(&expr.kind, ExprKind::Field { name, .. } if &**name == "code");
    let lost = |expr: &Expr| constant_text(expr).is_some_and(|text| &*text == "WORKER_LOST");
    code(left) && lost(right) || code(right) && lost(left)
}

/// The step's own `Idempotency-Key`, which is sent in place of the attempt's.
fn idempotency_header(headers: &Expr) -> Option<(Span, &Expr)> {
    let ExprKind::Object(entries) = &headers.kind else { return None };
    entries.iter().find_map(|entry| match entry {
        ObjectEntry::Field { key, key_span, value } if key.eq_ignore_ascii_case("idempotency-key") => {
            Some((*key_span, value))
        }
        _ => None,
    })
}
