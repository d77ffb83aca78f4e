//! The use cases, and the ports that they and the runtime stand on. HTTP-agnostic.
//!
//! Invariant: knows no adapter.

mod admission;
mod draft;
mod error;
mod execution;
mod flat;
mod handler;
mod health;
pub mod model;
mod parts;
mod plans;
pub mod ports;
mod source;
mod sources;
mod version;
mod workflow;

pub use admission::Admission;
pub use draft::{NewStep, StepPatch};
pub use error::{FieldError, ServiceError, ServiceResult};
pub use execution::{ExecutionQuery, ExecutionView, StartRequest};
pub use handler::{HandlerLog, Handlers, TaskContext, TaskError, TaskHandler};
pub use parts::{Limits, Parts, Service};
pub use source::{Published, PublishedWorkflow, Upload, Validated, source_hash};
pub use sources::{SourceState, SourceStatus, Sources};
pub use workflow::{NewWorkflow, WorkflowPatch};
