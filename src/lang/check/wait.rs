//! `wait` and `approve`: durable waits for an event and for a person's word.

use crate::expr::{Expr, Type};
use crate::lang::Diagnostic;
use crate::lang::ast::{Approve, Wait};

use super::Checker;
use super::algebra::members;
use super::codes::{BAD_NAME, WRONG_TYPE};
use super::declared::Kind;
use super::scope::Binding;
use super::words::is_dotted;

impl Checker<'_> {
    /// `wait NAME: "event.type" [where expr] [timeout D]`.
    pub fn wait(&mut self, wait: &Wait) {
        self.event_name(&wait.event);
        if let Some(condition) = &wait.condition {
            self.with_locals(&[("event", Type::Any)], |checker| checker.condition(condition, "`where`"));
        }
        self.wait_timeout(wait.timeout.as_ref());
        self.bind(&wait.name, Binding::new(Kind::Wait, Type::Any));
    }

    /// `approve NAME: "group" [form { … }] [timeout D]`.
    pub fn approve(&mut self, approve: &Approve) {
        if approve.group.value.trim().is_empty() {
            self.error(WRONG_TYPE, "an `approve` needs the name of who is asked", approve.group.span);
        }
        let form = match &approve.form {
            None => Type::Object(Default::default()),
            Some(form) => {
                match &form.value {
                    Type::Object(object) => {
                        for field in object.fields.iter().filter(|field| !is_flat(&field.ty)) {
                            let message = format!("`{}` of a form can't be `{}`", field.name, field.ty);
                            let error = Diagnostic::error(WRONG_TYPE, message, form.span);
                            self.tell(
                                error.help("a person fills in text, numbers, yes or no, times, and one of some words"),
                            );
                        }
                    }
                    other => {
                        let message = format!("a form has fields, and this is `{other}`");
                        let error = Diagnostic::error(WRONG_TYPE, message, form.span);
                        self.tell(error.help("write `form { note: string? }`"));
                    }
                }
                form.value.clone()
            }
        };
        self.wait_timeout(approve.timeout.as_ref());
        self.bind(&approve.name, Binding::new(Kind::Approval, form));
    }

    /// How long a wait may take, which may be worked out.
    fn wait_timeout(&mut self, timeout: Option<&Expr>) {
        if let Some(timeout) = timeout {
            self.value(timeout);
            self.length_of_time(timeout, "the time-out of a wait");
            self.no_secret(timeout, "the record of a wait");
        }
    }

    /// The type of an event: dotted.
    pub fn event_name(&mut self, event: &crate::lang::ast::Name) {
        if !is_dotted(&event.value) {
            let error = Diagnostic::error(BAD_NAME, format!("`{}` is no name of an event", event.value), event.span);
            self.tell(error.help("identifiers joined by dots, such as `order.placed`"));
        }
    }
}

/// Whether a person can fill in a value of the type.
fn is_flat(ty: &Type) -> bool {
    members(ty).iter().all(|member| !matches!(member, Type::List(_) | Type::Map(_) | Type::Object(_)))
}
