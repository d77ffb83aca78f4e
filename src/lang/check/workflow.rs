//! The workflow as a whole: its keys, inputs, settings and names.

use std::collections::HashMap;

use crate::expr::{Expr, Span, Type};
use crate::lang::ast::{Field, Name, Stmt, StmtKind, Workflow};
use crate::lang::constant::{constant, is_constant};
use crate::lang::statements::each_statement;
use crate::lang::unread::has_unread;
use crate::lang::{Diagnostic, MAX_STEPS};

use super::Checker;
use super::codes::{
    BAD_NAME, DUPLICATE_KEY, DUPLICATE_NAME, EMPTY_WORKFLOW, RESERVED_NAME, TOO_MANY_STEPS, UNKNOWN_KEY, WRONG_TYPE,
};
use super::declared::Kind;
use super::policy::Owner;
use super::words::{ROOTS, WORKFLOW_KEYS, ident, is_dotted, is_identifier};

impl Checker<'_> {
    /// Checks all of it.
    pub fn workflow(&mut self) {
        let workflow = self.workflow;
        if !is_dotted(&workflow.name.value) {
            self.bad_name(&workflow.name.value, workflow.name.span, "a workflow's name is identifiers joined by dots");
        }
        self.keys(workflow);
        self.fields(&workflow.inputs, "input");
        self.fields(&workflow.settings, "setting");
        self.policies(&workflow.policies, Owner::Workflow);
        self.secrets(workflow);
        self.triggers(workflow);
        self.names();
        if workflow.body.is_empty() {
            let error = Diagnostic::error(EMPTY_WORKFLOW, "a workflow needs a step", workflow.name.span);
            let help = if workflow.flat { "write `[[step]]`" } else { "write `step NAME: TYPE { … }`" };
            self.tell(error.help(help));
        }
        let block = self.block(&workflow.body);
        self.missing_return(workflow, block.ends.is_some());
        self.unused();
    }

    fn keys(&mut self, workflow: &Workflow) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for attribute in &workflow.attributes {
            let key = &*attribute.key.value;
            if self.repeats(&mut seen, &attribute.key) {
                continue;
            }
            match key {
                "description" => self.constant(&attribute.value, &Type::String, "`description`"),
                "labels" | "metadata" => {
                    let labels = Type::Map(Box::new(Type::Any));
                    self.no_secret(&attribute.value, "a label");
                    self.constant(&attribute.value, &labels, &format!("`{key}`"));
                }
                _ => {
                    let error = Diagnostic::error(
                        UNKNOWN_KEY,
                        format!("unknown key `{key}` of a workflow"),
                        attribute.key.span,
                    );
                    self.unknown(error, key, WORKFLOW_KEYS.iter().copied());
                }
            }
        }
    }

    /// Whether a key was there before; the second of them is told.
    pub fn repeats<'a>(&mut self, seen: &mut HashMap<&'a str, Span>, key: &'a Name) -> bool {
        let Some(first) = seen.get(&*key.value) else {
            seen.insert(&key.value, key.span);
            return false;
        };
        let error = Diagnostic::error(DUPLICATE_KEY, format!("`{}` is there twice", key.value), key.span);
        self.tell(error.also(*first, "first here"));
        true
    }

    /// A value that is written out, and fits.
    fn constant(&mut self, expr: &Expr, wanted: &Type, what: &str) {
        if has_unread(expr) {
            return;
        }
        if !is_constant(expr) {
            self.error(WRONG_TYPE, format!("{what} must be written out, and this reads a name"), expr.span);
            return;
        }
        let before = self.diagnostics.len();
        self.value(expr);
        if self.diagnostics.len() == before && matches!(constant(expr), Some(Ok(_))) {
            self.fit(expr, wanted, what);
        }
    }

    fn fields(&mut self, fields: &[Field], kind: &str) {
        let mut seen: HashMap<&str, &Field> = HashMap::new();
        for field in fields {
            let name = &*field.name.value;
            if let Some(first) = seen.insert(name, field) {
                let message = format!("the {kind} `{name}` is there twice");
                let error = Diagnostic::error(DUPLICATE_NAME, message, field.name.span);
                self.tell(error.also(first.name.span, "first here"));
            }
            if !is_identifier(name) {
                self.bad_name(name, field.name.span, "a name is a letter, then letters, digits, `_` and `-`");
            }
            if let Some(default) = &field.default {
                self.constant(default, &field.ty.value, &format!("the default of `{name}`"));
            }
        }
    }

    /// The names of steps, `let`s, branches and loop variables.
    fn names(&mut self) {
        let taken = std::mem::take(&mut self.declared.taken);
        for (second, first) in taken {
            let (name, other) = (&second.name.value, &first.name.value);
            let message = if name == other {
                format!("the name `{name}` is taken")
            } else {
                format!("`{name}` and `{other}` are one name in expressions")
            };
            let error = Diagnostic::error(DUPLICATE_NAME, message, second.name.span);
            self.tell(error.also(first.name.span, format!("first here, by {}", first.kind.words())));
        }
        for declaration in self.declared.all.clone() {
            let name = &*declaration.name.value;
            let span = declaration.name.span;
            let error = declaration.kind == Kind::Caught && name == "error";
            if ROOTS.contains(&&*ident(name)) && !error {
                let message = format!("`{name}` means something already, and can't name {}", declaration.kind.words());
                self.error(RESERVED_NAME, message, span);
            } else if !is_identifier(name) {
                self.bad_name(name, span, "a name is a letter, then letters, digits, `_` and `-`");
            }
        }
        if let Some(past) = self.declared.steps.get(MAX_STEPS) {
            let message = format!("a workflow may have {MAX_STEPS} steps, and this is one more");
            self.tell(
                Diagnostic::error(TOO_MANY_STEPS, message, past.span).help("split it: a step can be a `workflow`"),
            );
        }
    }

    fn bad_name(&mut self, name: &str, span: Span, help: &str) {
        self.tell(Diagnostic::error(BAD_NAME, format!("`{name}` is no name"), span).help(help));
    }

    /// A workflow in the language that declares what it gives must give it, on every way.
    fn missing_return(&mut self, workflow: &Workflow, ends: bool) {
        let Some(output) = &workflow.output else { return };
        if ends || workflow.flat || self.declared.incomplete || output.value.accepts_null() {
            return;
        }
        let mut returns = false;
        each_statement(&workflow.body, &mut |statement: &Stmt| {
            returns = returns || matches!(statement.kind, StmtKind::Return(_));
        });
        let message = if returns {
            "the workflow declares an output, and may end without returning one"
        } else {
            "the workflow declares an output and never returns one"
        };
        self.tell(Diagnostic::error(WRONG_TYPE, message, output.span).help("end it with `return …`"));
    }
}
