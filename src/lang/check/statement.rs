//! Statements, in the order in which they run.

use crate::expr::{Expr, Span, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::ast::{Name, Policy, PolicyKind, Stmt, StmtKind};
use crate::lang::constant::constant_value;

use super::Checker;
use super::algebra::may_be_null;
use super::codes::{
    AFTER_OUTSIDE_PARALLEL, BAD_COUNT, BAD_DURATION, MISPLACED_STATEMENT, MISPLACED_YIELD, UNREACHABLE, WRONG_TYPE,
};
use super::declared::Kind;
use super::narrow::Learnt;
use super::scope::Binding;
use super::words::ident;

/// Where the execution ends for sure, and what to say of that place.
pub type End = (Span, &'static str);

/// A block that was checked.
pub struct Block {
    /// The steps and waits in it, which are known after it too.
    pub steps: Vec<(String, Binding)>,
    /// What ends the execution on every way through it.
    pub ends: Option<End>,
    /// What holds after it.
    pub learnt: Vec<Learnt>,
}

impl Checker<'_> {
    /// A block.
    pub fn block(&mut self, body: &[Stmt]) -> Block {
        self.block_where(&[], body)
    }

    /// A block in which conditions hold, or do not.
    pub fn block_where(&mut self, conditions: &[(&Expr, bool)], body: &[Stmt]) -> Block {
        let mark = self.facts.mark();
        conditions.iter().for_each(|(condition, holds)| self.assume(condition, *holds));
        self.scopes.enter();
        let ends = self.statements(body);
        Block { steps: self.scopes.leave(), ends, learnt: self.facts.take(mark) }
    }

    /// Statements one after the other; gives what ends the execution on every way through them.
    pub fn statements(&mut self, body: &[Stmt]) -> Option<End> {
        self.each_statement(body, &mut |checker, statement| checker.statement(statement))
    }

    /// The same, each checked by `check`.
    pub fn each_statement(
        &mut self,
        body: &[Stmt],
        check: &mut dyn FnMut(&mut Self, &Stmt) -> Option<End>,
    ) -> Option<End> {
        let mut ended: Option<End> = None;
        let mut told = false;
        for statement in body {
            if let Some((span, text)) = ended.filter(|_| !told) {
                told = true;
                if matches!(&statement.kind, StmtKind::Unread { .. }) {
                    // It could not be read, and may be the rest of what is before it.
                    continue;
                }
                let error = Diagnostic::error(UNREACHABLE, "this is never reached", statement.span);
                self.tell(error.also(span, text));
            }
            let ends = check(self, statement);
            ended = ended.or(ends);
        }
        ended
    }

    /// A statement; gives what ends the execution on every way through it.
    pub fn statement(&mut self, statement: &Stmt) -> Option<End> {
        match &statement.kind {
            StmtKind::Step(step) => {
                self.step(step);
                self.after_outside_parallel(&step.policies);
            }
            StmtKind::Let { name, value } => self.let_value(name, value),
            StmtKind::For(each) => self.each(each),
            StmtKind::Parallel { mode, children } => return self.parallel(mode, children),
            StmtKind::Branch { name, body, .. } => {
                let message = format!("the branch `{}` is not in a `parallel`", name.value);
                self.error(MISPLACED_STATEMENT, message, name.span);
                let block = self.block(body);
                self.bind_all(block.steps);
                return block.ends;
            }
            StmtKind::If { arms, otherwise } => return self.branches(arms, otherwise.as_deref()),
            StmtKind::Match(matched) => return self.matched(matched),
            StmtKind::Repeat(repeat) => return self.repeat(repeat),
            StmtKind::Try(tried) => return self.tried(tried, statement.span),
            StmtKind::Compensate => self.compensate(statement.span),
            StmtKind::Wait(wait) => self.wait(wait),
            StmtKind::Approve(approve) => self.approve(approve),
            StmtKind::Sleep(length) => self.sleep(length),
            StmtKind::SleepUntil(at) => {
                self.value(at);
                self.fit(at, &Type::Timestamp, "the moment of a `sleep`");
                self.no_secret(at, "the record of a `sleep`");
            }
            StmtKind::Yield(value) => {
                self.value(value);
                let error = Diagnostic::error(MISPLACED_YIELD, "`yield` stands in a `for`, not deeper", statement.span);
                self.tell(error.help("give a `let` its value in the loop, and yield that"));
            }
            StmtKind::Return(value) => {
                self.give_back(value.as_ref(), statement);
                return Some((statement.span, "the execution ends here"));
            }
            StmtKind::Fail { message, code, cause } => {
                self.fail(message, code.as_ref(), cause.as_ref());
                return Some((statement.span, "the execution ends here"));
            }
            StmtKind::Unread { .. } => {}
        }
        None
    }

    fn let_value(&mut self, name: &Name, value: &Expr) {
        let ty = self.value(value);
        let secret = self.tainted(value, name.span);
        let why = may_be_null(&ty).then_some((name.span, "declared here"));
        self.bind(name, Binding { secret, why, ..Binding::new(Kind::Let, ty) });
    }

    fn fail(&mut self, message: &Expr, code: Option<&Expr>, cause: Option<&Expr>) {
        for (part, what) in
            std::iter::once((message, "the message of a `fail`")).chain(code.map(|code| (code, "the code of a `fail`")))
        {
            self.value(part);
            self.fit(part, &Type::String, what);
            self.no_secret(part, "an error");
        }
        if let Some(cause) = cause {
            self.value(cause);
            self.no_secret(cause, "an error");
        }
    }

    fn after_outside_parallel(&mut self, policies: &[Policy]) {
        for policy in policies.iter().filter(|policy| matches!(policy.kind, PolicyKind::After(_))) {
            let message = "`after` orders the children of a `parallel`, and this is none";
            let error = Diagnostic::error(AFTER_OUTSIDE_PARALLEL, message, policy.keyword.span);
            self.tell(
                error.help("statements run in the order written: leave it out, or put the steps into `parallel { … }`"),
            );
        }
    }

    /// Makes a name known from here on.
    pub fn bind(&mut self, name: &Name, binding: Binding) {
        self.scopes.bind(ident(&name.value), binding);
    }

    /// Makes the steps of a block known after it.
    pub fn bind_all(&mut self, steps: Vec<(String, Binding)>) {
        for (name, binding) in steps {
            self.scopes.bind(name, binding);
        }
    }

    /// Makes the steps of a block known after it, of which nothing tells whether they ran.
    pub fn bind_maybe(&mut self, steps: Vec<(String, Binding)>, why: (Span, &'static str)) {
        self.bind_all(steps.into_iter().map(|(name, binding)| (name, binding.guarded(None, why))).collect());
    }

    fn give_back(&mut self, value: Option<&Expr>, statement: &Stmt) {
        if let Some(value) = value {
            self.value(value);
            self.no_secret(value, "the output");
        }
        if self.place.finally {
            let message = "a `finally` returns nothing: it runs whatever came before";
            let error = Diagnostic::error(MISPLACED_STATEMENT, message, statement.span);
            self.tell(error.help("return after the `try`, or in it"));
            return;
        }
        let Some(output) = &self.workflow.output else { return };
        match value {
            Some(value) => self.fit(value, &output.value, "the output"),
            None if output.value.accepts_null() => {}
            None => {
                let message = format!("the output is `{}`, and this returns nothing", output.value);
                let error = Diagnostic::error(WRONG_TYPE, message, statement.span);
                self.tell(error.also(output.span, "declared here"));
            }
        }
    }

    /// A condition that stands by itself: true or false, not both for sure, and no secret.
    pub fn condition(&mut self, condition: &Expr, what: &str) {
        let before = self.diagnostics.len();
        self.value(condition);
        self.fit(condition, &Type::Bool, what);
        if self.diagnostics.len() == before {
            self.decided(condition);
        }
        self.no_secret(condition, "the record of a decision");
    }

    /// A whole number from one up, where it is known.
    pub fn positive(&mut self, expr: &Expr, what: &str) {
        match constant_value(expr) {
            Some(Value::Int(count)) if count < 1 => {
                self.error(BAD_COUNT, format!("{what} must be at least 1, not {count}"), expr.span);
            }
            _ => self.fit(expr, &Type::Int, what),
        }
    }

    fn sleep(&mut self, length: &Expr) {
        self.value(length);
        self.length_of_time(length, "the length of a `sleep`");
        self.no_secret(length, "the record of a `sleep`");
    }

    /// A length of time, or a number of seconds; not a negative one.
    pub fn length_of_time(&mut self, expr: &Expr, what: &str) {
        let negative = match constant_value(expr) {
            Some(Value::Int(count) | Value::Duration(count)) => count < 0,
            Some(Value::Num(count)) => count < 0.0,
            _ => false,
        };
        if negative {
            self.error(BAD_DURATION, format!("{what} can't be negative"), expr.span);
        } else {
            self.fit(expr, &Type::Union(vec![Type::Duration, Type::Number]), what);
        }
    }
}
