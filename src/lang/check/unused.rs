//! What a workflow declares and nothing reads.

use std::collections::HashSet;

use crate::lang::Diagnostic;
use crate::lang::ast::{Field, Name, PolicyKind, Stmt, StmtKind};
use crate::lang::statements::each_statement;

use super::Checker;
use super::codes::UNUSED;
use super::words::ident;

/// The names that are read.
#[derive(Debug, Default)]
pub struct Used {
    names: HashSet<String>,
    /// `input.a` as `input`, `a`.
    fields: HashSet<(String, String)>,
    /// Roots that are read whole.
    whole: HashSet<String>,
    /// Whether a field of a root is what is being read, and the root alone is not.
    pending: Option<String>,
}

impl Used {
    /// A name is read, whole.
    pub fn name(&mut self, name: &str) {
        if self.pending.take().is_some_and(|root| root == name) {
            return;
        }
        if !self.names.contains(name) {
            self.names.insert(name.to_owned());
        }
        if matches!(name, "input" | "settings" | "secrets") {
            self.whole.insert(name.to_owned());
        }
    }

    /// A field of a root is read.
    pub fn field(&mut self, root: &str, field: &str) {
        if matches!(root, "input" | "settings" | "secrets") {
            self.fields.insert((root.to_owned(), field.to_owned()));
            self.pending = Some(root.to_owned());
        }
    }

    /// Everything that goes into `data` is read.
    pub fn data(&mut self) {
        self.name("data");
    }

    fn reads_data(&self) -> bool {
        self.names.contains("data")
    }

    fn reads(&self, root: &str, field: &str) -> bool {
        self.whole.contains(root) || self.fields.contains(&(root.to_owned(), field.to_owned()))
    }
}

impl Checker<'_> {
    /// Warns of what nothing reads.
    pub fn unused(&mut self) {
        if self.declared.incomplete || self.workflow.body.is_empty() {
            return;
        }
        let workflow = self.workflow;
        // The flat notation hands its inputs on as `data`, and gives them back.
        if !workflow.flat && !self.used.reads_data() {
            self.unused_fields(&workflow.inputs, "input", "input");
        }
        self.unused_fields(&workflow.settings, "settings", "setting");
        let hooks: Vec<&Name> = workflow.triggers.iter().filter_map(super::trigger::hmac).collect();
        for secret in &workflow.secrets {
            let signs = hooks.iter().any(|hook| hook.value == secret.value);
            if !signs && !self.used.reads("secrets", &secret.value) {
                self.unused_name("secret", secret);
            }
        }
        if !workflow.flat {
            self.unused_names();
        }
    }

    fn unused_fields(&mut self, fields: &[Field], root: &str, kind: &str) {
        for field in fields {
            if !self.used.reads(root, &field.name.value) {
                self.unused_name(kind, &field.name);
            }
        }
    }

    fn unused_names(&mut self) {
        let mut found: Vec<(&str, &Name)> = Vec::new();
        each_statement(&self.workflow.body, &mut |statement: &Stmt| match &statement.kind {
            StmtKind::Let { name, .. } => found.push(("`let`", name)),
            StmtKind::For(each) => found.extend(each.name.as_ref().map(|name| ("list", name))),
            StmtKind::Step(step) if step.policies.iter().any(|policy| matches!(policy.kind, PolicyKind::Output(_))) => {
                found.push(("output of", &step.name));
            }
            _ => {}
        });
        let data = self.used.reads_data();
        for (what, name) in found {
            if self.used.names.contains(&ident(&name.value)) || (data && what == "output of") {
                continue;
            }
            self.unused_name(what, name);
        }
    }

    fn unused_name(&mut self, kind: &str, name: &Name) {
        let warning = Diagnostic::warning(UNUSED, format!("the {kind} `{}` is never read", name.value), name.span);
        self.tell(match kind {
            "output of" => warning.help("leave `output` out, or read what it declares"),
            "list" => warning.help("leave `let` and `yield` out, or read it"),
            _ => warning.help("remove it, or read it"),
        });
    }
}
