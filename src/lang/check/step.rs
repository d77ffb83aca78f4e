//! Steps: the task type, its configuration, and what the step gives.

use std::collections::HashMap;

use crate::expr::{ObjectType, Span, Type};
use crate::lang::Diagnostic;
use crate::lang::ast::{Attribute, PolicyKind, Step};
use crate::lang::builtin::{read_condition, read_transforms};
use crate::lang::lower::with_paths;
use crate::lang::nearest::nearest;
use crate::lang::unread::has_unread;
use crate::plan::{Condition, TaskType, TransformOp};

use super::Checker;
use super::algebra::can_be;
use super::branch::keys_of;
use super::codes::{CONTRADICTED, MISSING_CONFIG, ONE_OF, UNKNOWN_CONFIG, UNKNOWN_TASK_TYPE};
use super::declared::Kind;
use super::fit::must_be_there;
use super::policy::Owner;
use super::scope::Binding;
use super::words::POLICIES;

impl Checker<'_> {
    /// Checks a step; its output is known from here on, where it runs at all.
    pub fn step(&mut self, step: &Step) {
        let types = self.types;
        let known = types.get(&step.task_type.value);
        self.policies(&step.policies, Owner::Step(known));
        let when = step.policies.iter().find_map(|policy| match &policy.kind {
            PolicyKind::When(when) => Some(when),
            _ => None,
        });
        let guard = self.guards.apply(&step.name.value, when.cloned());
        let mark = self.facts.mark();
        if let Some(guard) = &guard {
            self.assume(guard, true);
        }
        self.configured(step, known);
        self.retried(step);
        if let Some(known) = known {
            self.agrees(step, known);
        }
        let output = known.map_or(Type::Any, |known| self.output_type(step, known));
        let binding = Binding::new(Kind::Step, output);
        self.outputs.insert(step.name.value.clone(), binding.ty.clone());
        self.undo(step, &binding);
        self.facts.forget(mark);
        let why = when.map_or((step.name.span, "a `conditional` decides whether it runs"), |when| (when.span, WHEN));
        let binding = match &guard {
            Some(guard) => binding.guarded(keys_of([(guard, true)]).as_deref(), why),
            None => binding,
        };
        self.bind(&step.name, Binding { why: binding.why.or(Some((step.name.span, "declared here"))), ..binding });
    }

    /// The configuration of a step or an undo, and its task type.
    pub fn configured(&mut self, step: &Step, known: Option<&TaskType>) {
        self.config_names(step, known);
        match known {
            Some(known) => self.config(step, known),
            // Told by the notation's reader: a step without a task.
            None if step.task_type.value.is_empty() => {}
            None => self.unknown_task_type(step),
        }
    }

    /// Tells of an `output` that no output of the task type fits. Of an `http_request` it is the body's, which may be anything.
    fn agrees(&mut self, step: &Step, known: &TaskType) {
        let own = step.policies.iter().find_map(|policy| match &policy.kind {
            PolicyKind::Output(ty) => Some(ty),
            _ => None,
        });
        if let Some(own) = own.filter(|own| &*known.name != "http_request" && !can_be(&known.output, &own.value)) {
            let message = format!("`{}` gives `{}`, and not `{}`", known.name, known.output, own.value);
            let error = Diagnostic::error(CONTRADICTED, message, own.span);
            self.tell(error.help(format!("declare `output {}`, or leave it out", known.output)));
        }
    }

    fn unknown_task_type(&mut self, step: &Step) {
        let name = &*step.task_type.value;
        let error = Diagnostic::error(UNKNOWN_TASK_TYPE, format!("unknown task type `{name}`"), step.task_type.span);
        let known: Vec<&str> = self.types.iter().map(|known| &*known.name).collect();
        match nearest(name, known) {
            Some(near) => self.tell(error.meant(name, near)),
            None => {
                let register = format!("register it with the server: `PUT /api/v1/task-types/{name}`");
                let declare = format!("declare it: `task {name} {{ config {{ … }} }}`, or {register}");
                self.tell(error.help(if self.workflow.flat { register } else { declare }));
            }
        }
    }

    /// The names in the configuration, whatever the task type.
    fn config_names(&mut self, step: &Step, known: Option<&TaskType>) {
        for attribute in &step.config {
            match (known.map(|known| &*known.name), &*attribute.key.value) {
                // What could not be read is read no further.
                _ if has_unread(&attribute.value) => drop(self.value(&attribute.value)),
                (Some("data_transform"), "transforms") => self.transforms(attribute),
                (Some("conditional"), "condition") => self.structured(attribute),
                _ => drop(self.value(&attribute.value)),
            }
        }
        if let Some(known) = known {
            self.recorded(step, known);
        }
    }

    /// What the engine does itself it records: no secret may be in it. Some of it reads `data` without saying so.
    fn recorded(&mut self, step: &Step, known: &TaskType) {
        let place = match &*known.name {
            "log" => "a log",
            "data_transform" => "the output of a `data_transform`",
            "conditional" => "the record of a decision",
            "delay" => "the record of a wait",
            "workflow" => "the input of another workflow, which is recorded",
            _ => return,
        };
        for attribute in &step.config {
            self.no_secret(&attribute.value, place);
        }
        let given = |key: &str| step.config.iter().find(|attribute| &*attribute.key.value == key);
        let reads_data = match &*known.name {
            "log" => given("message").is_some_and(|message| with_paths(message.value.clone()).reads("data")),
            "data_transform" => given("source").is_none() && given("transforms").is_some(),
            _ => false,
        };
        if reads_data {
            self.used.data();
        }
    }

    fn config(&mut self, step: &Step, known: &TaskType) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        let mut meant: Vec<&str> = Vec::new();
        for attribute in &step.config {
            let key = &*attribute.key.value;
            if self.repeats(&mut seen, &attribute.key) {
                continue;
            }
            match known.config.field(key) {
                Some(field) if field.required => self.fit(&attribute.value, &field.ty, &format!("`{key}`")),
                Some(field) => self.fit(&attribute.value, &field.ty.clone().nullable(), &format!("`{key}`")),
                None if known.config.open => {}
                None => {
                    let message = format!("unknown key `{key}` of `{}`", known.name);
                    let error = Diagnostic::error(UNKNOWN_CONFIG, message, attribute.key.span);
                    let names = known.config.fields.iter().map(|field| &*field.name);
                    if POLICIES.contains(&key) {
                        let flat = format!("`{key}` stands beside `with`, not in it");
                        let help = format!("`=` is for the handler, and `{key}` is the engine's: write `{key} …`");
                        self.tell(error.help(if self.workflow.flat { flat } else { help }));
                        continue;
                    }
                    meant.extend(nearest(key, names.clone()));
                    self.unknown(error, key, names);
                }
            }
        }
        self.missing(step, &known.config, &meant);
        match &*known.name {
            "delay" => self.delay(step),
            "data_transform" => self.one_of(step, &["transforms", "value"]),
            "conditional" => self.targets(step),
            "workflow" => self.child_input(step),
            _ => {}
        }
    }

    /// Tells of required keys that are not there, and not there misspelt either.
    fn missing(&mut self, step: &Step, config: &ObjectType, meant: &[&str]) {
        for field in config.fields.iter().filter(|field| must_be_there(field)) {
            let misspelt = meant.contains(&&*field.name);
            if misspelt || step.config.iter().any(|attribute| attribute.key.value == field.name) {
                continue;
            }
            let message = format!("`{}` needs `{}`", step.name.value, field.name);
            let error = Diagnostic::error(MISSING_CONFIG, message, step.name.span);
            let doc = field.doc.as_deref().map(|doc| format!(": {doc}")).unwrap_or_default();
            self.tell(error.help(format!("`{}` of `{}`{doc}", field.name, step.task_type.value)));
        }
    }

    /// Exactly one of these keys is there.
    fn one_of(&mut self, step: &Step, keys: &[&str]) {
        let given: Vec<&Attribute> =
            step.config.iter().filter(|attribute| keys.contains(&&*attribute.key.value)).collect();
        let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        let names = names.join(", ");
        match given.as_slice() {
            [] => {
                let message = format!("`{}` needs one of {names}", step.name.value);
                self.error(ONE_OF, message, step.name.span);
            }
            [first, second, ..] if first.key.value != second.key.value => {
                let error = Diagnostic::error(ONE_OF, format!("only one of {names} can be there"), second.key.span);
                self.tell(error.also(first.key.span, "and this is one"));
            }
            _ => {}
        }
    }

    fn delay(&mut self, step: &Step) {
        self.one_of(step, &["seconds", "duration", "until"]);
        for attribute in step.config.iter().filter(|attribute| matches!(&*attribute.key.value, "seconds" | "duration"))
        {
            if matches!(
                crate::lang::constant::constant_value(&attribute.value),
                Some(crate::expr::Value::Int(_) | crate::expr::Value::Num(_) | crate::expr::Value::Duration(_))
            ) {
                self.length_of_time(&attribute.value, &format!("`{}`", attribute.key.value));
            }
        }
    }

    fn transforms(&mut self, attribute: &Attribute) {
        let mut found = Vec::new();
        let ops = read_transforms(&attribute.value, &mut found);
        found.into_iter().for_each(|diagnostic| self.tell(diagnostic));
        for op in &ops {
            match op {
                TransformOp::Set { value, .. }
                | TransformOp::Default { value, .. }
                | TransformOp::Merge { value, .. } => {
                    self.value(value);
                }
                TransformOp::Map { value, .. } => {
                    self.with_locals(&[("item", Type::Any)], |checker| drop(checker.value(value)));
                }
                _ => {}
            }
        }
    }

    fn structured(&mut self, attribute: &Attribute) {
        let mut found = Vec::new();
        let condition = read_condition(&attribute.value, &mut found);
        found.into_iter().for_each(|diagnostic| self.tell(diagnostic));
        if let Some(condition) = condition {
            self.condition_names(&condition);
        }
    }

    fn condition_names(&mut self, condition: &Condition) {
        match condition {
            Condition::Expr(expr) => {
                self.value(expr);
                self.fit(expr, &Type::Bool, "a condition");
            }
            Condition::Test { value, .. } => {
                self.used.data();
                if let Some(value) = value {
                    self.value(value);
                }
            }
            Condition::All(inner) | Condition::Any(inner) => {
                inner.iter().for_each(|condition| self.condition_names(condition));
            }
            Condition::Not(inner) => self.condition_names(inner),
        }
    }
}

/// Why a step may have no value.
const WHEN: &str = "it runs only when this holds";

/// What a step gives: as its task type says, with what the step declares; of `http_request` that is the body.
pub fn declared_output(step: &Step, known: &TaskType) -> Type {
    let declared = step.policies.iter().find_map(|policy| match &policy.kind {
        PolicyKind::Output(ty) => Some(ty.value.clone()),
        _ => None,
    });
    match (declared, &known.output) {
        (None, output) => output.clone(),
        (Some(declared), Type::Object(object)) if &*known.name == "http_request" => {
            let mut object = object.clone();
            for field in object.fields.iter_mut().filter(|field| &*field.name == "body") {
                field.ty = declared.clone();
            }
            Type::Object(object)
        }
        (Some(declared), _) => declared,
    }
}
