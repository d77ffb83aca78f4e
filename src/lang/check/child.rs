//! Steps that run another workflow: where that is known, its inputs and its output are.

use crate::expr::{FieldType, ObjectType, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::ast::{Step, Workflow};
use crate::lang::constant::{constant_text, constant_value};
use crate::lang::unread::has_unread;
use crate::plan::TaskType;

use super::Checker;
use super::codes::{MISSING_CONFIG, WRONG_TYPE};
use super::step::declared_output;

impl<'a> Checker<'a> {
    /// The workflow that a step runs, where it is in this file or beside it.
    fn child_of(&self, step: &Step) -> Option<&'a Workflow> {
        let given = |key: &str| step.config.iter().find(|attribute| &*attribute.key.value == key);
        // Another version than the one here may take another input.
        if given("version").is_some() {
            return None;
        }
        let name = constant_text(&given("name")?.value)?;
        self.workflows.iter().copied().find(|workflow| workflow.name.value == name)
    }

    /// Checks the input of the workflow that a step runs, and whether it is waited for.
    pub fn child_input(&mut self, step: &Step) {
        self.child_wait(step);
        let Some(child) = self.child_of(step).filter(|child| !child.flat || !child.inputs.is_empty()) else { return };
        let wanted = given_type(child);
        let input = step.config.iter().find(|attribute| &*attribute.key.value == "input");
        if let Some(input) = input {
            let what = format!("the input of `{}`", child.name.value);
            self.fit(&input.value, &Type::Object(wanted), &what);
            return;
        }
        let needed: Vec<String> =
            wanted.fields.iter().filter(|field| field.required).map(|field| format!("`{}`", field.name)).collect();
        if !needed.is_empty() {
            let message =
                format!("`{}` needs `input`: `{}` takes {}", step.name.value, child.name.value, needed.join(", "));
            self.tell(Diagnostic::error(MISSING_CONFIG, message, step.name.span).help("write `input = { … }`"));
        }
    }

    /// Whether it is waited for decides what the step gives, and so must be known.
    fn child_wait(&mut self, step: &Step) {
        let Some(wait) = step.config.iter().find(|attribute| &*attribute.key.value == "wait") else { return };
        if constant_value(&wait.value).is_none() && !has_unread(&wait.value) {
            let error = Diagnostic::error(WRONG_TYPE, "`wait` must be written out", wait.value.span);
            self.tell(error.help("write `true` or `false`"));
        }
    }

    /// What a step gives.
    pub fn output_type(&self, step: &Step, known: &TaskType) -> Type {
        let own = declared_output(step, known);
        if &*known.name == "workflow" && is_let_go(step) {
            let id = FieldType { name: "execution_id".into(), ty: Type::String, required: true, doc: None };
            return Type::Object(ObjectType { fields: vec![id], open: false });
        }
        if own != Type::Any || &*known.name != "workflow" {
            return own;
        }
        let output = self.child_of(step).and_then(|child| child.output.as_ref());
        output.map_or(own, |output| output.value.clone())
    }
}

/// Whether a step starts a workflow and does not wait for it.
fn is_let_go(step: &Step) -> bool {
    let wait = step.config.iter().find(|attribute| &*attribute.key.value == "wait");
    wait.and_then(|wait| constant_value(&wait.value)) == Some(Value::Bool(false))
}

/// What a workflow may be given: an input with a default, or of a type that takes null, may be left out.
pub fn given_type(workflow: &Workflow) -> ObjectType {
    let field = |field: &crate::lang::ast::Field| FieldType {
        name: field.name.value.clone(),
        ty: field.ty.value.clone(),
        required: field.default.is_none() && !field.ty.value.accepts_null(),
        doc: None,
    };
    ObjectType {
        fields: workflow.inputs.iter().map(field).collect(),
        open: workflow.flat && workflow.inputs.is_empty(),
    }
}
