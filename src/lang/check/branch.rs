//! `if` and `match`: which way is taken, what holds on it, and what holds after all of them.

use std::collections::HashMap;

use crate::expr::{BinaryOp, Expr, ExprKind, Span, Type, UnaryOp, Value, canonical_json};
use crate::lang::Diagnostic;
use crate::lang::ast::{Match, MatchArm, Stmt};
use crate::lang::constant::constant_value;
use crate::lang::nearest::did_you_mean;

use super::Checker;
use super::algebra::{can_equal, members, words};
use super::codes::{NOT_COVERED, PATTERN, UNREACHABLE};
use super::key::{key, negated, path};
use super::literal::type_of_value;
use super::scope::Binding;
use super::statement::{Block, End};

/// Why a step of a branch may have no value.
const IN_BRANCH: &str = "it runs only in a branch of this";

/// The most conditions by which a way is known: of one further down nothing tells whether it is taken.
const MAX_CONDITIONS: usize = 100;

/// A way through a branching: what holds where it is taken, and its block.
struct Way<'a> {
    /// The conditions of the ways before it, which do not hold.
    refuted: &'a [&'a Expr],
    /// Its own condition, where it has one.
    held: Option<&'a Expr>,
    block: Block,
}

/// The values of the patterns of a `match`, each with its place. Those that are equal have one canonical text.
#[derive(Default)]
struct Patterns {
    by_text: HashMap<String, Vec<(Value, Span)>>,
    count: usize,
}

impl Patterns {
    /// Where the pattern of a value stands.
    fn place(&self, value: &Value) -> Option<Span> {
        let alike = self.by_text.get(&canonical_json(value))?;
        alike.iter().find(|(known, _)| known == value).map(|(_, place)| *place)
    }

    fn add(&mut self, value: Value, place: Span) {
        self.by_text.entry(canonical_json(&value)).or_default().push((value, place));
        self.count += 1;
    }
}

impl Way<'_> {
    /// The keys of what holds where it is taken; none where nothing tells.
    fn keys(&self) -> Option<Vec<String>> {
        if self.refuted.len() > MAX_CONDITIONS || (self.refuted.is_empty() && self.held.is_none()) {
            return None;
        }
        let refuted = self.refuted.iter().map(|condition| (*condition, false));
        keys_of(refuted.chain(self.held.map(|condition| (condition, true))))
    }
}

impl Checker<'_> {
    /// `if … else if … else`.
    pub fn branches(&mut self, arms: &[(Expr, Vec<Stmt>)], otherwise: Option<&[Stmt]>) -> Option<End> {
        let conditions: Vec<&Expr> = arms.iter().map(|(condition, _)| condition).collect();
        let mark = self.facts.mark();
        let mut ways = Vec::new();
        for (at, (condition, body)) in arms.iter().enumerate() {
            self.condition(condition, "the condition of an `if`");
            ways.push(self.way(&conditions[..at], Some(condition), body));
            self.assume(condition, false);
        }
        ways.push(self.way(&conditions, None, otherwise.unwrap_or(&[])));
        self.facts.forget(mark);
        let span = conditions.first().map_or_else(Span::default, |condition| condition.span);
        self.join(ways, span)
    }

    /// A way that is taken where its own condition holds, and those before it, as is known here, do not.
    fn way<'a>(&mut self, refuted: &'a [&'a Expr], held: Option<&'a Expr>, body: &[Stmt]) -> Way<'a> {
        let own: Vec<_> = held.map(|condition| (condition, true)).into_iter().collect();
        Way { refuted, held, block: self.block_where(&own, body) }
    }

    /// What is known after all ways: of one that goes on alone, all of it; of several, what those that end leave over.
    fn join(&mut self, ways: Vec<Way<'_>>, span: Span) -> Option<End> {
        let going = ways.iter().filter(|way| way.block.ends.is_none()).count();
        let leading = ways.iter().take_while(|way| way.block.ends.is_some()).count();
        if going > 1 {
            for condition in ways[..leading].iter().filter_map(|way| way.held) {
                self.assume(condition, false);
            }
        }
        for mut way in ways {
            let steps = std::mem::take(&mut way.block.steps);
            if way.block.ends.is_some() {
                self.bind_maybe(steps, (span, IN_BRANCH));
            } else if going == 1 {
                way.refuted.iter().for_each(|condition| self.assume(condition, false));
                self.facts.learn(&way.block.learnt);
                self.bind_all(steps);
            } else {
                let keys = way.keys();
                let guarded = |(name, step): (_, Binding)| (name, step.guarded(keys.as_deref(), (span, IN_BRANCH)));
                self.bind_all(steps.into_iter().map(guarded).collect());
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
        let mut seen = Patterns::default();
        for arm in &matched.arms {
            for pattern in &arm.patterns {
                self.pattern(pattern, (subject, &ty), &mut seen);
            }
        }
        if self.diagnostics.len() == before {
            self.covers(matched, &ty, &seen);
        }
        let equal = tests(matched);
        let tests: Vec<&Expr> = equal.iter().flatten().collect();
        let mut ways = Vec::new();
        for (at, arm) in matched.arms.iter().enumerate() {
            let held = equal.get(at).filter(|tests| tests.len() == 1).and_then(|tests| tests.first());
            ways.push(self.arm_way(held, subject, arm));
        }
        if let Some(body) = &matched.otherwise {
            let mark = self.facts.mark();
            tests.iter().for_each(|test| self.assume(test, false));
            ways.push(self.way(&tests, None, body));
            self.facts.forget(mark);
        }
        // Where nothing fits it fails: without an `else` too one of the ways is taken.
        self.join(ways, subject.span)
    }

    fn arm_way<'a>(&mut self, held: Option<&'a Expr>, subject: &Expr, arm: &MatchArm) -> Way<'a> {
        let mark = self.facts.mark();
        if !arm.patterns.iter().any(|pattern| matches!(pattern.kind, ExprKind::Literal(Value::Null))) {
            self.assume_value(subject);
        }
        let way = self.way(&[], held, &arm.body);
        self.facts.forget(mark);
        way
    }

    fn pattern(&mut self, pattern: &Expr, subject: (&Expr, &Type), seen: &mut Patterns) {
        let before = self.diagnostics.len();
        let ty = self.value(pattern);
        if self.diagnostics.len() > before {
            return;
        }
        self.no_secret(pattern, "the record of a decision");
        let value = constant_value(pattern);
        if let Some(value) = &value
            && let Some(first) = seen.place(value)
        {
            let error = Diagnostic::error(PATTERN, "this value has an arm already", pattern.span);
            self.tell(error.also(first, "first here"));
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
        if let Some(value) = value {
            seen.add(value, pattern.span);
        }
    }

    /// Whether every value of the subject has an arm, where they can be counted.
    fn covers(&mut self, matched: &Match, ty: &Type, seen: &Patterns) {
        let Some(all) = countable(ty) else { return };
        let missing: Vec<String> = all
            .iter()
            .filter(|value| seen.place(value).is_none())
            .map(|value| match value {
                Value::Str(word) => format!("`{word:?}`"),
                Value::Bool(bool) => format!("`{bool}`"),
                _ => "`null`".to_owned(),
            })
            .collect();
        // An arm whose value is worked out may be for what is missing.
        let counted: usize = matched.arms.iter().map(|arm| arm.patterns.len()).sum();
        match &matched.otherwise {
            None if !missing.is_empty() && counted == seen.count => {
                let message = format!("the `match` does not cover {}", missing.join(", "));
                let error = Diagnostic::error(NOT_COVERED, message, matched.subject.span);
                self.tell(error.label(format!("this is `{ty}`")).help("add an arm for each, or `else { … }`"));
            }
            Some(body) if missing.is_empty() => {
                let span = body.first().map_or(matched.subject.span, |statement| statement.span);
                if !body.is_empty() {
                    let error = Diagnostic::error(UNREACHABLE, "this is never reached", span);
                    self.tell(error.also(matched.subject.span, format!("every value of `{ty}` has an arm")));
                }
            }
            _ => {}
        }
    }
}

/// `subject == pattern` for each pattern of each arm; nothing of a subject that no fact can be about, and of very many patterns.
fn tests(matched: &Match) -> Vec<Vec<Expr>> {
    let subject = &matched.subject;
    let count: usize = matched.arms.iter().map(|arm| arm.patterns.len()).sum();
    if count > MAX_CONDITIONS || (key(subject).is_none() && path(subject).is_none()) {
        return Vec::new();
    }
    let test = |pattern: &Expr| {
        let (left, right) = (Box::new(subject.clone()), Box::new(pattern.clone()));
        Expr::new(ExprKind::Binary { op: BinaryOp::Eq, left, right }, pattern.span)
    };
    matched.arms.iter().map(|arm| arm.patterns.iter().map(test).collect()).collect()
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

/// The keys of what holds where these conditions do, or do not; none where one has no key.
pub fn keys_of<'a>(conditions: impl IntoIterator<Item = (&'a Expr, bool)>) -> Option<Vec<String>> {
    let mut keys = Vec::new();
    for (condition, holds) in conditions {
        add_keys(condition, holds, &mut keys)?;
    }
    Some(keys)
}

fn add_keys(condition: &Expr, holds: bool, keys: &mut Vec<String>) -> Option<()> {
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
