//! `if` and `match`: which way is taken, what holds on it, and what holds after all of them.

use crate::expr::{Expr, ExprKind, Span, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::ast::{Match, MatchArm, Stmt};
use crate::lang::constant::constant_value;
use crate::lang::nearest::did_you_mean;

use super::Checker;
use super::algebra::{can_equal, members, words};
use super::codes::{NOT_COVERED, PATTERN};
use super::key::{key, negated};
use super::literal::type_of_value;
use super::statement::{Block, End};

/// Why a step of a branch may have no value.
const IN_BRANCH: &str = "it runs only in a branch of this";

/// A way through a branching: the conditions under which it is taken, and the block, where it has one.
struct Way<'a> {
    conditions: Vec<(&'a Expr, bool)>,
    /// The keys of what holds where it is taken.
    keys: Option<Vec<String>>,
    block: Block,
}

impl Checker<'_> {
    /// `if … else if … else`.
    pub fn branches(&mut self, arms: &[(Expr, Vec<Stmt>)], otherwise: Option<&[Stmt]>) -> Option<End> {
        let mut before: Vec<(&Expr, bool)> = Vec::new();
        let mut ways = Vec::new();
        for (condition, body) in arms {
            let mark = self.facts.mark();
            before.iter().for_each(|(condition, holds)| self.assume(condition, *holds));
            self.condition(condition, "the condition of an `if`");
            self.facts.forget(mark);
            let conditions: Vec<_> = before.iter().copied().chain([(condition, true)]).collect();
            ways.push(self.way(conditions, body));
            before.push((condition, false));
        }
        ways.push(self.way(before, otherwise.unwrap_or(&[])));
        let span = arms.first().map_or_else(Span::default, |(condition, _)| condition.span);
        self.join(ways, span)
    }

    fn way<'a>(&mut self, conditions: Vec<(&'a Expr, bool)>, body: &[Stmt]) -> Way<'a> {
        let keys = keys_of(&conditions);
        let block = self.block_where(&conditions, body);
        Way { conditions, keys, block }
    }

    /// What is known after all ways: of one that goes on alone, all of it; of several, what those that end leave over.
    fn join(&mut self, mut ways: Vec<Way<'_>>, span: Span) -> Option<End> {
        let going = ways.iter().filter(|way| way.block.ends.is_none()).count();
        let leading = ways.iter().take_while(|way| way.block.ends.is_some()).count();
        if going > 1 {
            // The condition of each way is the last of its conditions.
            for way in &ways[..leading] {
                if let Some((condition, holds)) = way.conditions.last() {
                    self.assume(condition, !holds);
                }
            }
        }
        for way in &mut ways {
            let steps = std::mem::take(&mut way.block.steps);
            if way.block.ends.is_some() {
                self.bind_maybe(steps, (span, IN_BRANCH));
            } else if going == 1 {
                self.facts.learn(&way.block.learnt);
                self.bind_all(steps);
            } else {
                let keys = way.keys.as_deref();
                let guarded = steps.into_iter().map(|(name, step)| (name, step.guarded(keys, (span, IN_BRANCH))));
                self.bind_all(guarded.collect());
            }
        }
        (going == 0).then_some((span, "every branch of this ends the execution"))
    }

    /// `match`.
    pub fn matched(&mut self, matched: &Match) -> Option<End> {
        let subject = &matched.subject;
        let ty = self.value(subject);
        self.no_secret(subject, "the record of a decision");
        let before = self.diagnostics.len();
        let mut seen: Vec<(Value, Span)> = Vec::new();
        for arm in &matched.arms {
            for pattern in &arm.patterns {
                self.pattern(pattern, (subject, &ty), &mut seen);
            }
        }
        if self.diagnostics.len() == before {
            self.covers(matched, &ty, &seen);
        }
        let mut ways = Vec::new();
        let equal: Vec<Vec<Expr>> = matched.arms.iter().map(|arm| tests(subject, arm)).collect();
        for (arm, tests) in matched.arms.iter().zip(&equal) {
            let conditions = match &tests[..] {
                [test] => vec![(test, true)],
                _ => Vec::new(),
            };
            ways.push(self.arm_way(conditions, subject, arm));
        }
        let otherwise: Vec<(&Expr, bool)> = equal.iter().flatten().map(|test| (test, false)).collect();
        if let Some(body) = &matched.otherwise {
            ways.push(self.way(otherwise, body));
        }
        // Where nothing fits it fails: without an `else` too one of the ways is taken.
        self.join(ways, subject.span)
    }

    fn arm_way<'a>(&mut self, conditions: Vec<(&'a Expr, bool)>, subject: &Expr, arm: &MatchArm) -> Way<'a> {
        let keys = if conditions.is_empty() { None } else { keys_of(&conditions) };
        let mark = self.facts.mark();
        if !arm.patterns.iter().any(|pattern| matches!(pattern.kind, ExprKind::Literal(Value::Null))) {
            self.assume_value(subject);
        }
        let block = self.block_where(&conditions, &arm.body);
        self.facts.forget(mark);
        Way { conditions, keys, block }
    }

    fn pattern(&mut self, pattern: &Expr, subject: (&Expr, &Type), seen: &mut Vec<(Value, Span)>) {
        let before = self.diagnostics.len();
        let ty = self.value(pattern);
        if self.diagnostics.len() > before {
            return;
        }
        self.no_secret(pattern, "the record of a decision");
        let value = constant_value(pattern);
        if let Some(value) = &value
            && let Some((_, first)) = seen.iter().find(|(known, _)| known == value)
        {
            let error = Diagnostic::error(PATTERN, "this value has an arm already", pattern.span);
            self.tell(error.also(*first, "first here"));
            return;
        }
        let pattern_type = value.as_ref().map_or(ty, type_of_value);
        if !can_equal(&pattern_type, subject.1) {
            let message = format!("this never fits: what is matched is `{}`", subject.1);
            let error = Diagnostic::error(PATTERN, message, pattern.span).also(subject.0.span, "it is matched here");
            self.tell(match (&value, words(subject.1)) {
                (Some(Value::Str(word)), Some(known)) => did_you_mean(error, word, known.iter().map(|word| &**word)),
                _ => error,
            });
        }
        seen.extend(value.map(|value| (value, pattern.span)));
    }

    /// Whether every value of the subject has an arm, where they can be counted.
    fn covers(&mut self, matched: &Match, ty: &Type, seen: &[(Value, Span)]) {
        let Some(all) = countable(ty) else { return };
        let missing: Vec<String> = all
            .iter()
            .filter(|value| !seen.iter().any(|(known, _)| known == *value))
            .map(|value| match value {
                Value::Str(word) => format!("`{word:?}`"),
                Value::Bool(bool) => format!("`{bool}`"),
                _ => "`null`".to_owned(),
            })
            .collect();
        // An arm whose value is worked out may be for what is missing.
        let counted: usize = matched.arms.iter().map(|arm| arm.patterns.len()).sum();
        match &matched.otherwise {
            None if !missing.is_empty() && counted == seen.len() => {
                let message = format!("the `match` does not cover {}", missing.join(", "));
                let error = Diagnostic::error(NOT_COVERED, message, matched.subject.span);
                self.tell(error.label(format!("this is `{ty}`")).help("add an arm for each, or `else { … }`"));
            }
            Some(body) if missing.is_empty() => {
                let span = body.first().map_or(matched.subject.span, |statement| statement.span);
                if !body.is_empty() {
                    let error = Diagnostic::error(super::codes::UNREACHABLE, "this is never reached", span);
                    self.tell(error.also(matched.subject.span, format!("every value of `{ty}` has an arm")));
                }
            }
            _ => {}
        }
    }
}

/// `subject == pattern` for each pattern of an arm.
fn tests(subject: &Expr, arm: &MatchArm) -> Vec<Expr> {
    let test = |pattern: &Expr| {
        let kind = ExprKind::Binary {
            op: crate::expr::BinaryOp::Eq,
            left: Box::new(subject.clone()),
            right: Box::new(pattern.clone()),
        };
        Expr::new(kind, pattern.span)
    };
    arm.patterns.iter().map(test).collect()
}

/// Every value of a type, where there are few.
fn countable(ty: &Type) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    for member in members(ty) {
        match member {
            Type::Literal(word) => all.push(Value::Str(word.clone())),
            Type::Bool => all.extend([Value::Bool(true), Value::Bool(false)]),
            Type::Null => all.push(Value::Null),
            _ => return None,
        }
    }
    (!all.is_empty()).then_some(all)
}

/// The keys of what holds where these conditions do; none where one has no key.
pub fn keys_of(conditions: &[(&Expr, bool)]) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    for (condition, holds) in conditions {
        add_keys(condition, *holds, &mut keys)?;
    }
    Some(keys)
}

fn add_keys(condition: &Expr, holds: bool, keys: &mut Vec<String>) -> Option<()> {
    use crate::expr::{BinaryOp, UnaryOp};
    match (&condition.kind, holds) {
        (ExprKind::Unary { op: UnaryOp::Not, operand }, _) => add_keys(operand, !holds, keys),
        (ExprKind::Binary { op: BinaryOp::And, left, right }, true)
        | (ExprKind::Binary { op: BinaryOp::Or, left, right }, false) => {
            add_keys(left, holds, keys)?;
            add_keys(right, holds, keys)
        }
        _ => {
            let key = key(condition)?;
            keys.push(if holds { key } else { negated(&key) });
            Some(())
        }
    }
}
