//! What may come in: an input against the declared types, and the settings of a start.
//!
//! The same plan and the same words give the same values, in whatever process.

use std::borrow::Cow;
use std::sync::Arc;

use crate::expr::{Budget, FieldType, Map, Mismatch, ObjectType, Scope, Type, Value, evaluate, path_under};
use crate::plan::{InputField, Plan};

use super::code;

/// A scope without names: defaults read none.
struct NoNames;

impl Scope for NoNames {
    fn lookup(&self, _name: &str) -> Option<Cow<'_, Value>> {
        None
    }
}

/// What fits as the input of a plan, and its settings. Worked out once a plan.
#[derive(Debug)]
pub struct Admission {
    /// The type of the whole input; none where anything goes (the flat notation without declared inputs).
    inputs: Option<Type>,
    /// Defaults of inputs, and whether null fits there.
    defaults: Vec<(Arc<str>, Value, bool)>,
    /// Settings: name, type, default.
    settings: Vec<(Arc<str>, Type, Option<Value>)>,
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
    /// Every field that does not fit, by its path.
    pub fn input(&self, given: Value) -> Result<Value, Vec<Mismatch>> {
        let given = match given {
            Value::Null => Value::map(Map::new()),
            map @ Value::Map(_) => map,
            other => {
                let message = format!("expected an object, found {}", crate::expr::describe(&other));
                return Err(vec![Mismatch { path: String::new(), message }]);
            }
        };
        let Some(ty) = &self.inputs else { return Ok(given) };
        ty.admit(self.filled(given))
    }

    /// The input with defaults where nothing is given, or null where null does not fit.
    fn filled(&self, given: Value) -> Value {
        let Value::Map(given) = given else { return given };
        let wanting = |(name, _, nullable): &&(_, Value, bool)| match given.get::<Arc<str>>(name) {
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

    /// The settings as an execution keeps them for life: what is `given` for each by name, over the workflow's defaults; `by`
    /// says who gives.
    ///
    /// # Errors
    /// Each setting that has no value or one that does not fit, by its path.
    pub fn settings(&self, by: &str, given: impl Fn(&str) -> Option<Value>) -> Result<Value, Vec<Mismatch>> {
        let (mut settings, mut errors) = (Map::new(), Vec::new());
        for (name, ty, default) in &self.settings {
            match (given(name), default) {
                (Some(value), _) => match ty.admit(value) {
                    Ok(value) => drop(settings.insert(name.clone(), value)),
                    Err(misfits) => errors.extend(
                        misfits
                            .into_iter()
                            .map(|one| Mismatch { path: path_under(name, &one.path), message: one.message }),
                    ),
                },
                (None, Some(value)) => drop(settings.insert(name.clone(), value.clone())),
                (None, None) if ty.accepts_null() => drop(settings.insert(name.clone(), Value::Null)),
                (None, None) => {
                    let message = format!("{by} give it no value: expected `{ty}`");
                    errors.push(Mismatch { path: name.to_string(), message });
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
