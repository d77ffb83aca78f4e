//! Statements, in the order in which they run.

use crate::expr::{Expr, Type};
use crate::lang::Diagnostic;
use crate::lang::ast::{For, Name, ParallelMode, PolicyKind, Stmt, StmtKind};

use super::Checker;
use super::codes::{
    AFTER_OUTSIDE_PARALLEL, BAD_COUNT, BAD_DURATION, DUPLICATE_NAME, MISPLACED_STATEMENT, MISPLACED_YIELD,
    NOT_SUPPORTED, UNREACHABLE, WRONG_TYPE,
};
use super::declared::Kind;
use super::scope::{Binding, kept};
use super::words::ident;
use crate::expr::Value;
use crate::lang::constant::constant_value;
use crate::lang::statements::blocks;

impl Checker<'_> {
    /// A block; gives the steps in it, which are known after it too.
    pub fn block(&mut self, body: &[Stmt]) -> Vec<(String, Binding)> {
        self.scopes.enter();
        self.statements(body);
        self.scopes.leave()
    }

    fn statements(&mut self, body: &[Stmt]) {
        let mut ended = false;
        for (at, statement) in body.iter().enumerate() {
            if !ended && at > 0 && matches!(body[at - 1].kind, StmtKind::Return(_) | StmtKind::Fail { .. }) {
                ended = true;
                if matches!(&statement.kind, StmtKind::Unread { .. }) {
                    // It could not be read, and may be the rest of what is before it.
                    continue;
                }
                let error = Diagnostic::error(UNREACHABLE, "this is never reached", statement.span);
                self.tell(error.also(body[at - 1].span, "the execution ends here"));
            }
            self.statement(statement);
        }
    }

    pub(super) fn statement(&mut self, statement: &Stmt) {
        match &statement.kind {
            StmtKind::Step(step) => {
                self.step(step);
                self.after_outside_parallel(&step.policies);
            }
            StmtKind::Let { name, value } => {
                let ty = self.value(value);
                self.bind(name, Kind::Let, widened(ty));
            }
            StmtKind::For(each) => self.each(each),
            StmtKind::Parallel { mode, children } => {
                if let ParallelMode::First(span) | ParallelMode::Any { span, .. } = mode {
                    self.error(NOT_SUPPORTED, "this `parallel` is not supported by this version", *span);
                }
                self.parallel(children);
            }
            StmtKind::Branch { name, body, .. } => {
                let message = format!("the branch `{}` is not in a `parallel`", name.value);
                self.error(MISPLACED_STATEMENT, message, name.span);
                let steps = self.block(body);
                self.bind_all(steps);
            }
            StmtKind::If { arms, otherwise } => self.branches(arms, otherwise.as_deref()),
            StmtKind::Sleep(wait) => {
                self.value(wait);
                self.wait(wait, "the length of a `sleep`");
            }
            StmtKind::SleepUntil(at) => {
                self.value(at);
                self.fit(at, &Type::Timestamp, "the moment of a `sleep`");
            }
            StmtKind::Yield(value) => {
                self.value(value);
                let error = Diagnostic::error(MISPLACED_YIELD, "`yield` stands in a `for`, not deeper", statement.span);
                self.tell(error.help("give a `let` its value in the loop, and yield that"));
            }
            StmtKind::Return(value) => self.give_back(value.as_ref(), statement),
            StmtKind::Fail { message, code, cause } => {
                self.value(message);
                self.fit(message, &Type::String, "the message of a `fail`");
                if let Some(code) = code {
                    self.value(code);
                    self.fit(code, &Type::String, "the code of a `fail`");
                }
                if let Some(cause) = cause {
                    self.value(cause);
                }
            }
            StmtKind::Unread { .. } => {}
            _ => self.later(statement),
        }
    }

    /// A statement that this version does not run.
    fn later(&mut self, statement: &Stmt) {
        self.error(NOT_SUPPORTED, "this statement is not supported by this version", statement.span);
        match &statement.kind {
            StmtKind::Wait(wait) => self.bind(&wait.name, Kind::Wait, Type::Any),
            StmtKind::Approve(approve) => self.bind(&approve.name, Kind::Approval, Type::Any),
            _ => {}
        }
        for block in blocks(statement) {
            let steps = self.block(block);
            self.bind_all(steps);
        }
    }

    fn after_outside_parallel(&mut self, policies: &[crate::lang::ast::Policy]) {
        for policy in policies.iter().filter(|policy| matches!(policy.kind, PolicyKind::After(_))) {
            let message = "`after` orders the children of a `parallel`, and this is none";
            let error = Diagnostic::error(AFTER_OUTSIDE_PARALLEL, message, policy.keyword.span);
            self.tell(
                error.help("statements run in the order written: leave it out, or put the steps into `parallel { … }`"),
            );
        }
    }

    /// Makes a name known from here on.
    pub fn bind(&mut self, name: &Name, kind: Kind, ty: Type) {
        self.scopes.bind(ident(&name.value), Binding { kind, ty: kept(ty) });
    }

    /// Makes the steps of a block known after it.
    pub fn bind_all(&mut self, steps: Vec<(String, Binding)>) {
        for (name, binding) in steps {
            self.scopes.bind(name, binding);
        }
    }

    /// A step of a branch that may not be taken is null where it was not.
    fn branches(&mut self, arms: &[(Expr, Vec<Stmt>)], otherwise: Option<&[Stmt]>) {
        let mut steps = Vec::new();
        for (condition, body) in arms {
            self.value(condition);
            self.fit(condition, &Type::Bool, "the condition of an `if`");
            steps.append(&mut self.block(body));
        }
        if let Some(body) = otherwise {
            steps.append(&mut self.block(body));
        }
        let maybe = |(name, binding): (String, Binding)| {
            (name, Binding { ty: kept(Type::clone(&binding.ty).nullable()), ..binding })
        };
        self.bind_all(steps.into_iter().map(maybe).collect());
    }

    fn each(&mut self, each: &For) {
        let list = self.value(&each.list);
        self.fit(&each.list, &Type::List(Box::new(Type::Any)), "what a `for` goes over");
        if let Some(parallel) = &each.parallel {
            self.value(parallel);
            self.positive(parallel, "`parallel`");
        }
        if let Some(keep_going) = &each.keep_going {
            self.error(NOT_SUPPORTED, "`keep going` is not supported by this version", keep_going.span);
        }
        if self.scopes.has_loop_variable(&ident(&each.var.value)) {
            let message = format!("`{}` is the variable of a loop around this one", each.var.value);
            self.tell(Diagnostic::error(DUPLICATE_NAME, message, each.var.span).help("give it a name of its own"));
        }
        self.scopes.enter();
        let item = super::expr::item_type(&super::field::without_null(&list));
        self.bind(&each.var, Kind::LoopVariable, item);
        let ty = self.loop_body(each);
        self.scopes.leave();
        self.yields(each, ty.is_some());
        if let Some(name) = &each.name {
            // In the flat notation it is a step that has an item each, and is known wherever a step is.
            let kind = if self.workflow.flat { Kind::Step } else { Kind::Let };
            self.bind(name, kind, Type::List(Box::new(ty.unwrap_or(Type::Any))));
        }
    }

    /// The statements of a loop; gives the type of its `yield`, which stands among them.
    fn loop_body(&mut self, each: &For) -> Option<Type> {
        let mut given: Option<(&Stmt, Type)> = None;
        let mut rest: &[Stmt] = &each.body;
        while let Some(at) = rest.iter().position(|statement| matches!(statement.kind, StmtKind::Yield(_))) {
            self.statements(&rest[..at]);
            let statement = &rest[at];
            rest = &rest[at + 1..];
            let StmtKind::Yield(value) = &statement.kind else { continue };
            let ty = widened(self.value(value));
            if let Some((first, _)) = &given {
                let error = Diagnostic::error(MISPLACED_YIELD, "a `for` yields once", statement.span);
                self.tell(error.also(first.span, "it does here"));
            } else {
                given = Some((statement, ty));
            }
        }
        self.statements(rest);
        given.map(|(_, ty)| ty)
    }

    fn yields(&mut self, each: &For, yields: bool) {
        match &each.name {
            // What could not be read may have been the `yield`.
            Some(name) if !yields && !self.declared.incomplete => {
                let message = format!("`{}` is the list of what the loop yields, and it yields nothing", name.value);
                self.tell(
                    Diagnostic::error(MISPLACED_YIELD, message, name.span).help("end the loop's block with `yield …`"),
                );
            }
            None if yields => {
                let message = "what this loop yields has no name";
                let given = each.body.iter().find(|statement| matches!(statement.kind, StmtKind::Yield(_)));
                let span = given.map_or(each.var.span, |statement| statement.span);
                let warning = Diagnostic::warning(MISPLACED_YIELD, message, span);
                self.tell(warning.help("write `let NAME = for …`"));
            }
            _ => {}
        }
    }

    fn give_back(&mut self, value: Option<&Expr>, statement: &Stmt) {
        if let Some(value) = value {
            self.value(value);
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

    /// A whole number from one up, where it is known.
    pub fn positive(&mut self, expr: &Expr, what: &str) {
        match constant_value(expr) {
            Some(Value::Int(count)) if count < 1 => {
                self.error(BAD_COUNT, format!("{what} must be at least 1, not {count}"), expr.span);
            }
            _ => self.fit(expr, &Type::Int, what),
        }
    }

    /// A length of time, or a number of seconds; not a negative one.
    pub fn wait(&mut self, expr: &Expr, what: &str) {
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

/// A literal text that is bound to a name is known as text alone.
fn widened(ty: Type) -> Type {
    match ty {
        Type::Literal(_) => Type::String,
        other => other,
    }
}
