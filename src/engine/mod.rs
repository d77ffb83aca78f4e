//! The engine: what an execution does next.
//!
//! Invariant: pure and total. No I/O, no clock, no random source: time is an argument, and jitter is a hash of the
//! execution, the path and the attempt. Every pair of state and event has an answer, and the illegal ones are a typed
//! refusal that changes nothing. Recovery feeds recorded rows through the same function.

mod admission;
mod approve;
mod builtin;
mod cache;
mod child;
mod choice;
mod concurrency;
mod effect;
mod error;
mod event;
mod flow;
mod frames;
mod fused;
mod items;
mod loss;
mod machine;
mod mailbox;
mod output;
mod parallel;
mod pause;
mod protect;
mod repeat;
mod replay;
mod retry;
mod row;
mod scope;
mod state;
mod step;
mod stop;
mod transition;
mod undo;
mod unwind;
mod wait;

pub use admission::Admission;
pub use child::child_result;
pub use concurrency::concurrency_key;
pub use effect::{CacheKey, CacheWrite, ChildStart, Dispatch, Effects, EventWait, Rate, Stop, Timer, TimerTarget};
pub use error::{StepError, code};
pub use event::{Event, Outcome, Refusal};
pub use fused::{FusedSteps, Fusion, fuse};
pub use items::{MAX_FAN_OUT, MAX_LIST_BYTES};
pub use mailbox::{MAX_KEPT_BYTES, MAX_KEPT_SIGNALS};
pub use output::{OutputMisfit, output_misfit};
pub use replay::{ReplayError, replay};
pub use retry::MAX_CRASHES;
pub use row::{
    Compensation, Control, ControlRow, ExecutionStatus, ExecutionUpdate, LogEntry, LogLevel, StepRow, StepStatus,
};
pub use state::{ExecutionState, Outstanding, Start};
pub use step::MAX_DEPTH;
pub use transition::advance;
