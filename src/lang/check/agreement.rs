//! Task types that a source declares and that are known otherwise: the two must be able to hold at once.
//!
//! What is narrower on either side is no contradiction: a source may leave out keys that it does not use, and name more of an
//! output than its schema does.

use crate::expr::{FieldType, Span, Type};
use crate::lang::Diagnostic;
use crate::lang::ast::{File, TaskDecl};
use crate::lang::compile::declared_type;
use crate::plan::{TaskType, TaskTypes};

use super::algebra::can_be;
use super::codes::CONTRADICTED;
use super::must_be_there;

/// Tells of declarations that what is known contradicts.
pub fn declarations(file: &File, task_types: &TaskTypes, diagnostics: &mut Vec<Diagnostic>) {
    for declared in &file.tasks {
        if let Some(known) = task_types.get(&declared.name.value) {
            contradictions(declared, known, diagnostics);
        }
    }
}

fn contradictions(declared: &TaskDecl, known: &TaskType, diagnostics: &mut Vec<Diagnostic>) {
    let name = &declared.name;
    let said = declared_type(declared);
    let mut tell = |message: String, span: Span, help: String| {
        diagnostics.push(Diagnostic::error(CONTRADICTED, message, span).help(help));
    };
    let config = declared.config.as_ref().map_or(name.span, |config| config.span);
    for field in &said.config.fields {
        match known.config.field(&field.name) {
            Some(other) if can_be(&field.ty, &admitted(other)) => {}
            Some(other) => {
                let message = format!("`{}` of `{}` is `{}`, and not `{}`", field.name, name.value, other.ty, field.ty);
                tell(message, config, format!("declare it as `{}: {}`", field.name, other.ty));
            }
            None if known.config.open => {}
            None => {
                let message = format!("`{}` takes no `{}`", name.value, field.name);
                tell(message, config, format!("it takes `{}`", known.config));
            }
        }
    }
    // A declaration without `config` says nothing of it where it is open.
    let left_out = |field: &&FieldType| must_be_there(field) && said.config.field(&field.name).is_none();
    for field in known.config.fields.iter().filter(left_out).filter(|_| !said.config.open) {
        let message = format!("`{}` needs `{}`", name.value, field.name);
        tell(message, config, format!("declare it: `{}: {}`", field.name, field.ty));
    }
    if let Some(output) = declared.output.as_ref().filter(|output| !can_be(&known.output, &output.value)) {
        let message = format!("`{}` gives `{}`, and not `{}`", name.value, known.output, output.value);
        tell(message, output.span, format!("declare `output {}`, or leave it out", known.output));
    }
}

/// What a key takes.
fn admitted(field: &FieldType) -> Type {
    if field.required { field.ty.clone() } else { field.ty.clone().nullable() }
}
