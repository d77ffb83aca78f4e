//! Many starts in one request, and their answers.

use poem_openapi::Object;
use poem_openapi::types::Example;

use crate::api::error::{Problem, ProblemDto};
use crate::api::fields::{Fields, FromFields};
use crate::service::ports::Started;
use crate::service::{FieldError, ServiceError, ServiceResult, StartRequest};

use super::StartDto;

/// Executions to be started.
#[derive(Debug, Object)]
#[oai(rename = "NewExecutions", example)]
pub struct StartBatchDto {
    /// Each as it would be sent alone.
    #[oai(validator(min_items = 1, max_items = 1000))]
    pub executions: Vec<StartDto>,
    /// Those that could not be read, by their place among all.
    #[oai(skip)]
    misfits: Vec<(usize, Vec<FieldError>)>,
}

impl Example for StartBatchDto {
    fn example() -> Self {
        Self { executions: vec![StartDto::example()], misfits: Vec::new() }
    }
}

impl FromFields for StartBatchDto {
    fn read(fields: &mut Fields) -> Self {
        let mut batch = Self { executions: Vec::new(), misfits: Vec::new() };
        for (at, item) in fields.required_list("executions").into_iter().enumerate() {
            match Fields::parse(item) {
                Ok(start) => batch.executions.push(start),
                Err(errors) => batch.misfits.push((at, errors)),
            }
        }
        batch
    }
}

impl From<StartBatchDto> for Vec<ServiceResult<StartRequest>> {
    fn from(dto: StartBatchDto) -> Self {
        let mut requests: Self = dto.executions.into_iter().map(|start| Ok(start.into())).collect();
        for (at, errors) in dto.misfits {
            requests.insert(at, Err(ServiceError::Invalid { errors }));
        }
        requests
    }
}

/// What came of the start of one execution of a batch.
#[derive(Debug, Object)]
#[oai(rename = "BatchedStart", example)]
pub struct BatchedStartDto {
    /// The status that it would have had alone: 201 where it started, 200 where its key had started it before, else an error's.
    pub status: u16,
    /// The execution's id.
    #[oai(skip_serializing_if_is_none)]
    pub id: Option<String>,
    /// Why it did not start.
    #[oai(skip_serializing_if_is_none)]
    pub problem: Option<ProblemDto>,
}

impl Example for BatchedStartDto {
    fn example() -> Self {
        Self { status: 201, id: Some("019b7a3e-4f00-7c11-8f5e-6a2d9b1c0e42".to_owned()), problem: None }
    }
}

impl From<ServiceResult<Started>> for BatchedStartDto {
    fn from(answer: ServiceResult<Started>) -> Self {
        match answer {
            Ok(started) => {
                let status = if matches!(started, Started::New(_)) { 201 } else { 200 };
                Self { status, id: Some(started.execution().id.to_string()), problem: None }
            }
            Err(error) => {
                let problem = Problem::from(error).into_dto();
                Self { status: problem.status, id: None, problem: Some(problem) }
            }
        }
    }
}

/// What came of a batch of starts.
#[derive(Debug, Object)]
#[oai(rename = "BatchedStarts", example)]
pub struct StartedBatchDto {
    /// One for each start, in their order.
    pub executions: Vec<BatchedStartDto>,
}

impl Example for StartedBatchDto {
    fn example() -> Self {
        Self { executions: vec![BatchedStartDto::example()] }
    }
}
