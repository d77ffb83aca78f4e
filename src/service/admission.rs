//! What may come in, told by field: an input against the declared types, and the settings of a start.

use crate::engine;
use crate::expr::{Mismatch, Value, path_under};
use crate::plan::Plan;

use super::error::FieldError;

/// What fits as the input of a plan. Worked out once a plan.
#[derive(Debug)]
pub struct Admission(engine::Admission);

impl Admission {
    /// What fits as the input of this plan.
    ///
    /// # Errors
    /// A default that can't be evaluated, which the checker should have refused.
    pub fn of(plan: &Plan) -> Result<Self, String> {
        engine::Admission::of(plan).map(Self)
    }

    /// The input as the execution gets it: checked, coerced where a type says so, defaults filled in.
    ///
    /// # Errors
    /// Every field that does not fit, by its path under `root`.
    pub fn input(&self, given: Value, root: &str) -> Result<Value, Vec<FieldError>> {
        self.0.input(given).map_err(|misfits| errors_under(root, misfits))
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
        let given = |name: &str| own.and_then(|own| own.get(name)).or_else(|| server.get(name));
        let settings = self.0.settings("the server's settings", |name| given(name).cloned().map(Value::from_json));
        settings.map_err(|misfits| errors_under("settings", misfits))
    }
}

fn errors_under(root: &str, misfits: Vec<Mismatch>) -> Vec<FieldError> {
    misfits.into_iter().map(|one| FieldError::new(path_under(root, &one.path), one.message)).collect()
}
