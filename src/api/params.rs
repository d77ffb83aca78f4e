//! Query and path parameters: each says what it expects.

use std::borrow::Cow;
use std::time::Duration;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromParameter, ParseResult, Type};
use serde_json::json;

use crate::engine::{ExecutionStatus, LogLevel, StepStatus};
use crate::expr::{Timestamp, parse_duration};
use crate::ids::{ExecutionId, StepPath};
use crate::lang::Notation;
use crate::service::model::WorkflowStatus;
use crate::service::ports::ExecutionCursor;
use crate::service::waits::WaitCursor;

use super::page;

/// A parameter's type: how it is written, and how it is read.
macro_rules! parameter {
    ($(#[$doc:meta])* $name:ident($inner:ty), $word:literal, $schema:expr, $expected:expr, $parse:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $inner);

        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                $word.into()
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(self.as_raw_value().into_iter())
            }
        }

        impl ParseFromParameter for $name {
            fn parse_from_parameter(value: &str) -> ParseResult<Self> {
                let parse: fn(&str) -> Option<$inner> = $parse;
                parse(value).map(Self).ok_or_else(|| {
                    let shown: String = value.chars().take(60).collect();
                    ParseError::custom(format!("expected {}, found `{shown}`", $expected))
                })
            }
        }
    };
}

fn number(minimum: f64, maximum: Option<f64>, default: u64) -> MetaSchema {
    MetaSchema {
        minimum: Some(minimum),
        maximum,
        default: Some(json!(default)),
        ..MetaSchema::new_with_format("integer", "int64")
    }
}

fn words(words: impl IntoIterator<Item = &'static str>) -> MetaSchema {
    MetaSchema { enum_items: words.into_iter().map(|word| json!(word)).collect(), ..MetaSchema::new("string") }
}

fn example(format: &'static str, example: &str) -> MetaSchema {
    MetaSchema { example: Some(json!(example)), ..MetaSchema::new_with_format("string", format) }
}

fn one_of(words: impl IntoIterator<Item = &'static str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    format!("one of {}", words.join(", "))
}

fn levels() -> impl Iterator<Item = &'static str> {
    LogLevel::ALL.into_iter().map(LogLevel::as_str)
}

parameter!(
    /// How many to give at most.
    Limit(u64), "limit", number(1.0, Some(1000.0), DEFAULT_LIMIT), "a whole number from 1 to 1000",
    |text| text.parse().ok().filter(|limit| (1..=1000).contains(limit))
);
parameter!(
    /// How many to pass over.
    Offset(u64), "offset", number(0.0, None, 0), "a whole number, 0 or more",
    |text| text.parse().ok().filter(|offset| i64::try_from(*offset).is_ok())
);
/// How many a list gives at most where nothing is said.
const DEFAULT_LIMIT: u64 = 50;

impl Limit {
    /// The limit in force.
    pub fn of(given: Option<Self>) -> u64 {
        given.map_or(DEFAULT_LIMIT, |limit| limit.0)
    }
}

impl Offset {
    /// The offset in force.
    pub fn of(given: Option<Self>) -> u64 {
        given.map_or(0, |offset| offset.0)
    }
}

parameter!(
    /// A version's number.
    VersionNumber(i64), "version", number(1.0, None, 1), "a version's number, 1 or more",
    |text| text.parse().ok().filter(|n| *n >= 1)
);
parameter!(
    /// The entry of a log after which to go on.
    LogCursor(i64), "log_cursor", MetaSchema::new_with_format("integer", "int64"), "the `next` of an answer before",
    |text| text.parse().ok()
);
parameter!(
    /// Where an execution stands in the list.
    ExecutionPlace(ExecutionCursor), "execution_cursor", MetaSchema::new("string"), "the `next` of a page before",
    page::to_execution
);
parameter!(
    /// Where an attempt stands in the list of its execution.
    AttemptPlace((i64, StepPath)), "attempt_cursor", MetaSchema::new("string"), "the `next` of a page before",
    page::to_attempt
);
parameter!(
    /// Where an approval stands in the list.
    ApprovalPlace(WaitCursor), "approval_cursor", MetaSchema::new("string"), "the `next` of a page before",
    page::to_approval
);
parameter!(
    /// An execution's id.
    Id(ExecutionId), "id", MetaSchema::new_with_format("string", "uuid"), "the UUID of an execution",
    |text| uuid::Uuid::parse_str(text).ok().map(ExecutionId)
);
parameter!(
    /// A step's id.
    StepId(uuid::Uuid), "step_id", MetaSchema::new_with_format("string", "uuid"), "the UUID of a step",
    |text| uuid::Uuid::parse_str(text).ok()
);
parameter!(
    /// A moment.
    MomentParam(Timestamp), "moment", example("date-time", "2026-01-31T09:00:00Z"),
    "a moment in RFC 3339, such as `2026-01-31T09:00:00Z`",
    |text| {
        // An unescaped `+` of an offset arrives as a space.
        let text = text.replace(' ', "+");
        chrono::DateTime::parse_from_rfc3339(&text).ok().map(|at| Timestamp::from_chrono(at.to_utc()))
    }
);
parameter!(
    /// How long to wait.
    Wait(Duration), "wait", example("duration", "30s"), "a length of time from `0s` to `5m`, such as `30s`",
    |text| {
        let micros = parse_duration(text).or_else(|| text.parse::<u32>().ok().map(|seconds| i64::from(seconds) * 1_000_000))?;
        u64::try_from(micros).ok().filter(|micros| *micros <= 300_000_000).map(Duration::from_micros)
    }
);
parameter!(
    /// A workflow's state.
    WorkflowState(WorkflowStatus), "workflow_status", words(WorkflowStatus::ALL.map(WorkflowStatus::as_str)),
    one_of(WorkflowStatus::ALL.map(WorkflowStatus::as_str)),
    WorkflowStatus::parse
);
parameter!(
    /// An execution's state.
    ExecutionState(ExecutionStatus), "execution_status", words(ExecutionStatus::ALL.map(ExecutionStatus::as_str)),
    one_of(ExecutionStatus::ALL.map(ExecutionStatus::as_str)),
    ExecutionStatus::parse
);
parameter!(
    /// An attempt's state.
    StepState(StepStatus), "step_status", words(StepStatus::ALL.map(StepStatus::as_str)),
    one_of(StepStatus::ALL.map(StepStatus::as_str)),
    StepStatus::parse
);
parameter!(
    /// The least level of the entries to give.
    Level(LogLevel), "log_level", words(levels()), one_of(levels()), LogLevel::parse
);
parameter!(
    /// How a source is written.
    NotationParam(Notation), "notation", words(["flow", "toml"]), one_of(["flow", "toml"]),
    |text| match text {
        "flow" => Some(Notation::Flow),
        "toml" => Some(Notation::Toml),
        _ => None,
    }
);
