//! The use cases, and the ports that they and the runtime stand on. HTTP-agnostic.
//!
//! Invariant: knows no adapter.

mod admission;
mod approval;
mod batch;
mod draft;
mod emptied;
mod error;
mod event;
mod execution;
mod flat;
mod handler;
mod handler_log;
mod health;
pub mod inbox;
mod leased;
pub mod model;
mod output;
mod parts;
mod plans;
pub mod ports;
mod queues;
pub mod rate;
mod registration;
mod remote;
mod source;
mod sources;
mod start;
pub mod task_types;
mod ticket;
mod version;
pub mod waits;
mod workflow;

pub use admission::Admission;
pub use approval::{ApprovalDecision, ApprovalQuery};
pub use batch::MAX_BATCH;
pub use draft::{NewStep, StepPatch};
pub use emptied::Emptied;
pub use error::{FieldError, ServiceError, ServiceResult};
pub use event::{EventRequest, EventView};
pub use execution::ExecutionQuery;
pub use handler::{Handlers, TaskContext, TaskError, TaskHandler};
pub use handler_log::{HandlerLog, HandlerLogs};
pub use parts::{Limits, Parts, Service};
pub use plans::FRESH_MS;
pub use registration::KnownType;
pub use remote::{Heartbeat, LeasedTask, MAX_POLL, MAX_TASKS, TaskLog, TaskPoll, TaskResult};
pub use source::{Published, PublishedWorkflow, Upload, Validated, source_hash};
pub use sources::{SourceState, SourceStatus, Sources};
pub use start::StartRequest;
pub use workflow::{NewWorkflow, WorkflowPatch};
