//! The top of a file in the flat notation: the workflow's own keys, inputs, settings and steps.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::expr::{Expr, Span, Type};
use crate::lang::ast::{Attribute, Field, Name, ParallelMode, Stmt, StmtKind, Workflow};

use super::{Reader, entries, get, key_name, span_of};

/// The keys of a workflow.
pub const KEYS: &[&str] = &[
    "name",
    "description",
    "labels",
    "metadata",
    "timeout",
    "retry",
    "input",
    "settings",
    "secrets",
    "output",
    "on",
    "concurrency",
    "undo",
    "keep",
    "step",
];

impl Reader<'_> {
    /// The workflow that the document is.
    pub fn workflow(&mut self, document: &DeTable<'_>) -> Workflow {
        let whole = Span::new(0, self.text.len());
        let name = self.workflow_name(document);
        let mut workflow = Workflow {
            name,
            attributes: Vec::new(),
            inputs: Vec::new(),
            output: None,
            settings: Vec::new(),
            secrets: Vec::new(),
            triggers: Vec::new(),
            policies: Vec::new(),
            body: Vec::new(),
            flat: true,
            span: whole,
        };
        for (key, value) in entries(document) {
            let name = key_name(key);
            match &**key.get_ref() {
                "name" => {}
                "description" | "labels" | "metadata" => {
                    workflow.attributes.push(Attribute { key: name, value: self.expr(value) });
                }
                "timeout" => workflow.policies.push(self.timeout(name, value)),
                "retry" => workflow.policies.extend(self.retry(name, value)),
                "input" => workflow.inputs = self.fields("`input`", value),
                "settings" | "setting" => workflow.settings.append(&mut self.fields("`settings`", value)),
                "output" => workflow.output = self.output_type(value),
                "step" => workflow.body = self.steps(value),
                "secrets" => workflow.secrets = self.secrets(value),
                "on" => workflow.triggers = self.triggers(value),
                "concurrency" | "undo" | "keep" => workflow.policies.extend(self.workflow_policy(name, value)),
                _ => self.unknown_key(key, "a workflow", KEYS),
            }
        }
        workflow
    }

    fn workflow_name(&mut self, document: &DeTable<'_>) -> Name {
        let unnamed = || Name { value: "unnamed".into(), span: Span::new(0, 0) };
        let Some(value) = get(document, "name") else {
            let help = "write `name = \"order-processing\"` at the top";
            self.missing_key("a workflow needs a `name`", Span::new(0, 0), help);
            return unnamed();
        };
        self.plain_text("`name`", value).unwrap_or_else(unnamed)
    }

    /// `[input]` or `[settings]`: names to types, or to `{ type, default }`.
    fn fields(&mut self, what: &str, value: &Spanned<DeValue<'_>>) -> Vec<Field> {
        let Some(table) = self.table(what, value) else { return Vec::new() };
        entries(table).into_iter().filter_map(|(key, value)| self.field(key_name(key), value)).collect()
    }

    fn field(&mut self, name: Name, value: &Spanned<DeValue<'_>>) -> Option<Field> {
        let span = name.span.to(span_of(value));
        let DeValue::Table(table) = value.get_ref() else {
            let ty = self.type_of_text(&format!("the type of `{}`", name.value), value)?;
            return Some(Field { name, ty, default: None, span });
        };
        let (mut ty, mut default) = (None, None);
        for (key, value) in entries(table) {
            match &**key.get_ref() {
                "type" => ty = Some(value),
                "default" => default = Some(self.expr(value)),
                "description" => {
                    self.plain_text("`description`", value);
                }
                _ => self.unknown_key(key, "an input or a setting", &["type", "default", "description"]),
            }
        }
        let Some(ty) = ty else {
            let help = "write `{ type = \"string\", default = \"x\" }`";
            self.missing_key(&format!("`{}` needs a `type`", name.value), name.span, help);
            return None;
        };
        let ty = self.type_of_text(&format!("the type of `{}`", name.value), ty)?;
        Some(Field { name, ty, default, span })
    }

    /// `[[step]]`: in order, unless one names `after`; then all at once, ordered by `after`.
    fn steps(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<Stmt> {
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_kind("`step`", value, "a list of tables, `[[step]]`");
            return Vec::new();
        };
        let read: Vec<_> = items.iter().filter_map(|item| self.step(item)).collect();
        if !read.iter().any(|step| step.after.is_some()) {
            return read.into_iter().map(|step| step.statement).collect();
        }
        let span = read.iter().map(|step| step.statement.span).reduce(Span::to).unwrap_or_default();
        let children = read.into_iter().map(super::step::FlatStep::into_child).collect();
        vec![Stmt { kind: StmtKind::Parallel { mode: ParallelMode::All, children }, span }]
    }
}

/// `any`, for a type that could not be read and has been told of.
pub fn any_at(span: Span) -> crate::lang::ast::Spanned<Type> {
    crate::lang::ast::Spanned { value: Type::Any, span }
}

/// A reference to the name `name`.
pub fn name_expr(name: &Arc<str>, span: Span) -> Expr {
    let ident = name.replace('-', "_");
    Expr::new(crate::expr::ExprKind::Name(ident.into()), span)
}
