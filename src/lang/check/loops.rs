//! `for` and `repeat`.

use std::sync::Arc;

use crate::expr::{Expr, FieldType, ObjectType, Span, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::ast::{For, Repeat, StmtKind};
use crate::lang::constant::constant_value;
use crate::lang::unread::has_unread;

use super::Checker;
use super::algebra::{item_type, without_null};
use super::codes::{BAD_COUNT, DUPLICATE_NAME, MISPLACED_YIELD};
use super::declared::Kind;
use super::names::error_type;
use super::scope::Binding;
use super::secret::Taint;
use super::statement::End;
use super::words::ident;

impl Checker<'_> {
    /// `[let NAME =] for VAR in list { … yield … }`. Nothing in it is known after it.
    pub fn each(&mut self, each: &For) {
        let list = self.value(&each.list);
        self.fit(&each.list, &Type::List(Box::new(Type::Any)), "what a `for` goes over");
        if let Some(parallel) = &each.parallel {
            self.value(parallel);
            self.positive(parallel, "`parallel`");
        }
        if let Some(max) = each.keep_going.as_ref().and_then(|keep| keep.max.as_ref()) {
            self.value(max);
            self.tolerated(max);
        }
        if self.scopes.has_loop_variable(&ident(&each.var.value)) {
            let message = format!("`{}` is the variable of a loop around this one", each.var.value);
            self.tell(Diagnostic::error(DUPLICATE_NAME, message, each.var.span).help("give it a name of its own"));
        }
        let mark = self.facts.mark();
        self.scopes.enter();
        let item = item_type(&without_null(&list));
        let secret = self.tainted(&each.list, each.var.span);
        self.bind(&each.var, Binding { secret, ..Binding::new(Kind::LoopVariable, item) });
        let given = self.loop_body(each);
        self.scopes.leave();
        self.facts.forget(mark);
        self.yields(each, given.is_some());
        if let Some(name) = &each.name {
            // In the flat notation it is a step that has an item each, and is known wherever a step is.
            let kind = if self.workflow.flat { Kind::Step } else { Kind::Let };
            let (ty, secret) = given.map_or((Type::Any, None), |given| (given.ty, given.secret));
            let ty = if each.keep_going.is_some() { kept_going(ty) } else { ty };
            self.bind(name, Binding { secret, ..Binding::new(kind, Type::List(Box::new(ty))) });
        }
    }

    /// How many items may fail.
    fn tolerated(&mut self, max: &Expr) {
        match constant_value(max) {
            Some(Value::Int(count)) if count < 0 => {
                self.error(BAD_COUNT, format!("`max` can't be negative, and this is {count}"), max.span);
            }
            _ => self.fit(max, &Type::Int, "`max`"),
        }
    }

    /// The statements of a loop; gives what its `yield`, which stands among them, gives.
    fn loop_body(&mut self, each: &For) -> Option<Given> {
        let mut given = None;
        self.each_statement(&each.body, &mut |checker, statement| {
            let StmtKind::Yield(value) = &statement.kind else { return checker.statement(statement) };
            checker.yielded(each, value, statement.span, &mut given);
            None
        });
        given
    }

    fn yielded(&mut self, each: &For, value: &Expr, span: Span, given: &mut Option<Given>) {
        let ty = self.value(value);
        let secret = self.tainted(value, each.name.as_ref().map_or(span, |name| name.span));
        match given {
            Some(first) => {
                let error = Diagnostic::error(MISPLACED_YIELD, "a `for` yields once", span);
                self.tell(error.also(first.span, "it does here"));
            }
            None => *given = Some(Given { ty, secret, span }),
        }
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

    /// `repeat [every D] max N until expr { … }`: it runs once for sure, and what its last pass gave is known after it.
    pub fn repeat(&mut self, repeat: &Repeat) -> Option<End> {
        if let Some(every) = &repeat.every {
            self.value(every);
            self.length_of_time(every, "`every`");
            self.no_secret(every, "the record of a wait");
        }
        self.value(&repeat.max);
        self.positive(&repeat.max, "`max`");
        let mark = self.facts.mark();
        self.scopes.enter();
        let ends = self.statements(&repeat.body);
        if !has_unread(&repeat.until) {
            self.condition(&repeat.until, "`until`");
            self.assume(&repeat.until, true);
        }
        let steps = self.scopes.leave();
        let learnt = self.facts.take(mark);
        self.facts.learn(&learnt);
        self.bind_all(steps);
        ends
    }
}

/// What a `yield` gives.
struct Given {
    ty: Type,
    secret: Option<Arc<Taint>>,
    span: Span,
}

/// An item of a loop that keeps going: what it gave, or why it gave nothing.
fn kept_going(ty: Type) -> Type {
    let field = |name: &str, ty: Type| FieldType { name: name.into(), ty: ty.nullable(), required: true, doc: None };
    Type::Object(ObjectType { fields: vec![field("ok", ty), field("error", error_type())], open: false })
}
