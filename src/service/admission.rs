//! What may come in: an input against the declared types, and the settings of a start.
//!
//! Invariant: pure. The same plan and the same words give the same values, in whatever process.

use std::borrow::Cow;

use crate::engine::code;
use crate::expr::{Budget, FieldType, Map, ObjectType, Scope, Type, Value, evaluate};
use crate::plan::{InputField, Plan};

use super::error::FieldError;

/// A scope without names: defaults read none.
struct NoNames;

impl Scope for NoNames {
    fn lookup(&self, _name: &str) -> Option<Cow<'_, Value>> {
        None
    }
}

/// What fits as the input of a plan. Worked out once a plan.
#[derive(Debug)]
pub struct Admission {
    /// The type of the whole input; none where anything goes (the flat notation without declared inputs).
    inputs: Option<Type>,
    /// Defaults of inputs, and whether null fits there.
    defaults: Vec<(std::sync::Arc<str>, Value, bool)>,
    /// Settings: name, type, default.
    settings: Vec<(std::sync::Arc<str>, Type, Option<Value>)>,
}

impl Admission {
    /// What fits as the input of this plan.
    ///
    /// # Errors
    /// A default that can't be evaluated, which the checker should have refused.
    pub fn of(plan: &Plan) -> Result<Self, String> {
        let anything = plan.inputs.is_empty() && plan.output_is_data;
        let mut defaults = Vec::new();
        for field in &plan.inputs {
            if let Some(value) = default_of(field)? {
                defaults.push((field.name.clone(), value, field.ty.accepts_null()));
            }
        }
        let setting = |field: &InputField| Ok::<_, String>((field.name.clone(), field.ty.clone(), default_of(field)?));
        let settings = plan.settings.iter().map(setting).collect::<Result<_, _>>()?;
        Ok(Self { inputs: (!anything).then(|| input_type(&plan.inputs)), defaults, settings })
    }

    /// The input as the execution gets it: checked, coerced where a type says so, defaults filled in.
    ///
    /// # Errors
    /// Every field that does not fit, by its path under `root`.
    pub fn input(&self, given: Value, root: &str) -> Result<Value, Vec<FieldError>> {
        let given = match given {
            Value::Null => Value::map(Map::new()),
            map @ Value::Map(_) => map,
            other => {
                let message = format!("expected an object, found {}", crate::expr::describe(&other));
                return Err(vec![FieldError::new(root, message)]);
            }
        };
        let Some(ty) = &self.inputs else { return Ok(given) };
        ty.admit(self.filled(given)).map_err(|misfits| {
            misfits.into_iter().map(|one| FieldError::new(under(root, &one.path), one.message)).collect()
        })
    }

    /// The input with defaults where nothing is given, or null where null does not fit.
    fn filled(&self, given: Value) -> Value {
        let Value::Map(given) = given else { return given };
        let wanting = |(name, _, nullable): &&(_, Value, bool)| match given.get::<std::sync::Arc<str>>(name) {
            None => true,
            Some(Value::Null) => !nullable,
            Some(_) => false,
        };
        let missing: Vec<_> = self.defaults.iter().filter(wanting).collect();
        if missing.is_empty() {
            return Value::Map(given);
        }
        let mut filled = (*given).clone();
        for (name, value, _) in missing {
            filled.insert(name.clone(), value.clone());
        }
        Value::map(filled)
    }

    /// The settings as an execution keeps them for life: the server's over the workflow's defaults.
    ///
    /// # Errors
    /// Each setting that has no value or one that does not fit, by its path under `settings`.
    pub fn settings(
        &self,
        workflow: &str,
        server: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Value, Vec<FieldError>> {
        let own = server.get(workflow).and_then(serde_json::Value::as_object);
        let (mut settings, mut errors) = (Map::new(), Vec::new());
        for (name, ty, default) in &self.settings {
            let path = format!("settings.{name}");
            let given = own.and_then(|own| own.get(&**name)).or_else(|| server.get(&**name));
            match (given, default) {
                (Some(json), _) => match ty.admit(Value::from_json(json.clone())) {
                    Ok(value) => drop(settings.insert(name.clone(), value)),
                    Err(misfits) => errors
                        .extend(misfits.into_iter().map(|one| FieldError::new(under(&path, &one.path), one.message))),
                },
                (None, Some(value)) => drop(settings.insert(name.clone(), value.clone())),
                (None, None) if ty.accepts_null() => drop(settings.insert(name.clone(), Value::Null)),
                (None, None) => {
                    let message = format!("the server's settings give it no value: expected `{ty}`");
                    errors.push(FieldError::new(path, message));
                }
            }
        }
        if errors.is_empty() { Ok(Value::map(settings)) } else { Err(errors) }
    }
}

/// The type of a plan's whole input: closed; what has a default may be absent.
fn input_type(inputs: &[InputField]) -> Type {
    let field = |input: &InputField| FieldType {
        name: input.name.clone(),
        ty: input.ty.clone(),
        required: input.default.is_none() && !input.ty.accepts_null(),
        doc: None,
    };
    Type::Object(ObjectType { fields: inputs.iter().map(field).collect(), open: false })
}

fn default_of(field: &InputField) -> Result<Option<Value>, String> {
    let Some(default) = &field.default else { return Ok(None) };
    let told = |message: String| format!("{}: the default of `{}`: {message}", code::EXPRESSION, field.name);
    let value = evaluate(default, &NoNames, &mut Budget::default()).map_err(|error| told(error.message))?;
    let misfit = |misfits: Vec<crate::expr::Mismatch>| {
        told(misfits.first().map_or_else(String::new, |misfit| misfit.message.clone()))
    };
    field.ty.admit(value).map(Some).map_err(misfit)
}

/// A path below another.
fn under(root: &str, path: &str) -> String {
    match (root, path) {
        (root, "") => root.to_owned(),
        ("", path) => path.to_owned(),
        (root, path) if path.starts_with('[') => format!("{root}{path}"),
        (root, path) => format!("{root}.{path}"),
    }
}
