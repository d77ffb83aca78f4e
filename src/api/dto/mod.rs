//! The JSON shapes: what comes in, and what goes out. Field names are the API's contract.

mod batch;
mod execution;
mod queue;
mod source;
mod step;
mod task;
mod task_type;
mod value;
mod version;
mod wait;
mod workflow;

pub use batch::{StartBatchDto, StartedBatchDto};
pub use execution::{AttemptListDto, CancelDto, ExecutionDto, ExecutionListDto, LogListDto, StartDto};
pub use queue::QueueListDto;
pub use source::{DiagnosticDto, PublishDto, SourceListDto, ValidDto};
pub use step::{NewStepDto, StepDto, StepListDto, StepPatchDto};
pub use task::{CompletionBatchDto, CompletionDto, FailureDto, HeartbeatDto, LeasedTaskListDto, TaskPollDto};
pub use task_type::{NewTaskTypeDto, TaskTypeDto, TaskTypeListDto};
pub use value::JsonDto;
pub use version::{VersionDto, VersionListDto};
pub use wait::{ApprovalDto, ApprovalListDto, ApproveDto, EventDto, NewEventDto, RefuseDto, SignalDto};
pub use workflow::{NewWorkflowDto, WorkflowDto, WorkflowListDto, WorkflowPatchDto};
