//! What a worker elsewhere gives, before the engine has it: whether it is too large, and whether the engine will find that it
//! does not fit. So a worker learns at once what became of its work.
//!
//! Invariant: nothing is decided here of an output that is not too large. It goes to the engine as it came.

use crate::engine::{OutputMisfit, StepError, code, output_misfit};
use crate::expr::Value;
use crate::ids::StepPath;
use crate::plan::PlanHash;

use super::error::{FieldError, ServiceError, ServiceResult};
use super::parts::Service;

impl Service {
    /// An output as it goes to the engine, and what its worker is told is wrong with it. `plan` is that of the execution, where
    /// the attempt still stands.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn judged(
        &self,
        output: serde_json::Value,
        plan: Option<&PlanHash>,
        path: &StepPath,
    ) -> ServiceResult<(Result<Value, StepError>, Option<ServiceError>)> {
        let (bytes, most) = (output.to_string().len(), self.limits.output_bytes);
        if bytes > most {
            // The worker did its work, and another attempt would give the same.
            let error = StepError::fatal(code::LIMIT, format!("the output is larger than {most} bytes"));
            let message =
                format!("the output has {bytes} bytes as JSON, and {most} is the most: the attempt has failed");
            return Ok((Err(StepError { unknown: true, ..error }), Some(ServiceError::Limit { message })));
        }
        let output = Value::from_json(output);
        let misfit = match plan {
            Some(plan) => self.misfit(plan, path, &output).await?,
            None => None,
        };
        Ok((Ok(output), misfit))
    }

    /// What the engine will find wrong with an output of the step at this path.
    ///
    /// # Errors
    /// The store's.
    async fn misfit(&self, plan: &PlanHash, path: &StepPath, output: &Value) -> ServiceResult<Option<ServiceError>> {
        let plan = match self.pinned.get(plan) {
            Some(plan) => plan,
            None => match self.store.plan_find(plan).await? {
                Some(read) => self.pinned.keep(plan, read),
                None => return Ok(None),
            },
        };
        Ok(output_misfit(&plan, path, output.clone()).map(ServiceError::from))
    }
}

impl From<OutputMisfit> for ServiceError {
    fn from(OutputMisfit { message, places, help }: OutputMisfit) -> Self {
        let errors = places.into_iter().map(|place| FieldError::new(place.path, place.message)).collect();
        Self::Misfit { message: format!("{message}: the attempt has failed"), errors, help: help.to_owned() }
    }
}
