//! Conditions that are always true or always false.
//!
//! Invariant: only what is sure. Of what is not known nothing is said, nor of a secret, whose presence depends on the server.

use crate::expr::{BinaryOp, Expr, ExprKind, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::constant::constant_value;
use crate::lang::nearest::nearest;

use super::Checker;
use super::algebra::{can_equal, is_never, may_be_null, widened, words};
use super::codes::ALWAYS;
use super::key::key;
use super::written::written;

impl Checker<'_> {
    /// Tells of a condition whose answer is known before anything runs.
    pub fn decided(&mut self, condition: &Expr) {
        if let Some(Value::Bool(answer)) = constant_value(condition) {
            self.always(condition, answer, "", None);
            return;
        }
        let known = key(condition).and_then(|key| self.facts.holds(&key));
        // A comparison with null or with a word is told of by what is known of its type.
        let compares = matches!(&condition.kind, ExprKind::Binary { op: BinaryOp::Eq | BinaryOp::Ne, left, right }
            if is_literal(left) || is_literal(right));
        if let Some(answer) = known.filter(|_| !compares) {
            self.always(condition, answer, "a condition around it, or before it, decides", None);
        }
    }

    /// `a == b` and `a != b` of types that have nothing in common.
    pub fn equality(&mut self, op: BinaryOp, left: (&Expr, &Type), right: (&Expr, &Type), whole: &Expr) {
        if self.reads_secret(whole) || (is_literal(left.0) && is_literal(right.0)) {
            return;
        }
        let unequal = op == BinaryOp::Ne;
        for (side, other) in [(left, right), (right, left)] {
            if !is_null(other.0) {
                continue;
            }
            let name = written(side.0).map_or_else(|| "this".to_owned(), |name| format!("`{name}`"));
            if *side.1 == Type::Null {
                self.always(whole, !unequal, &format!("{name} is always null here"), None);
            } else if *side.1 != Type::Any && !is_never(side.1) && !may_be_null(side.1) {
                self.always(whole, unequal, &format!("{name} is never null here"), None);
            }
            return;
        }
        if !can_equal(left.1, right.1) {
            let (reason, meant) = differ(left, right);
            self.always(whole, unequal, &reason, meant);
        }
    }

    /// `a in b` where nothing in `b` can be it.
    pub fn never_in(&mut self, item: (&Expr, &Type), inside: &Type) {
        let reason = format!("it is `{}`, and what it looks in holds `{inside}`", item.1);
        self.always(item.0, false, &reason, None);
    }

    fn always(&mut self, at: &Expr, answer: bool, reason: &str, meant: Option<String>) {
        let message = format!("this is always {answer}");
        let warning = Diagnostic::warning(ALWAYS, message, at.span).label(reason);
        self.tell(match meant {
            Some(near) => warning.help(format!("did you mean `{near}`?")),
            None => warning,
        });
    }
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(_))
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Literal(Value::Null))
}

/// Why two values are never equal, and the word that was likely meant.
fn differ(left: (&Expr, &Type), right: (&Expr, &Type)) -> (String, Option<String>) {
    for (side, other) in [(left, right), (right, left)] {
        if let (Some(known), ExprKind::Literal(Value::Str(word))) = (words(side.1), &other.0.kind) {
            let name = written(side.0).map_or_else(|| "it".to_owned(), |name| format!("`{name}`"));
            let near = nearest(word, known.iter().map(|word| &**word)).map(str::to_owned);
            return (format!("{name} is `{}`", side.1), near);
        }
    }
    let shown = |ty: &Type| widened(ty.clone()).to_string();
    (format!("`{}` and `{}` are never equal", shown(left.1), shown(right.1)), None)
}
