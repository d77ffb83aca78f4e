//! Expressions: values, types, trees and their evaluation under a budget.
//!
//! Invariant: total and pure. No clock, file, network or random source; every evaluation ends, within its budget.

mod access;
mod admit;
mod ast;
mod canonical;
mod comprehension;
mod duration;
mod eval;
mod fault;
mod flat;
mod functions;
mod json;
mod ops;
mod parts;
mod schema;
mod size;
mod span;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod types;
mod value;

pub use access::nearest;
pub use admit::{Mismatch, path_under};
pub use ast::{BinaryOp, Expr, ExprKind, ListItem, MacroKind, ObjectEntry, TemplatePart, UnaryOp};
pub use canonical::canonical_json;
pub use duration::{duration_text, duration_text_of_ms, parse_duration};
pub use eval::{Budget, EvalError, Scope, evaluate};
pub use functions::{FUNCTION_GROUPS, Form, Function, Param, Shape, Signature, function, functions};
pub use schema::{schema_from_type, type_from_schema};
pub use size::{MAX_VALUE_DEPTH, is_too_deep};
pub use span::Span;
pub use text::{describe, num_text, type_name};
pub use time::{Timestamp, parse_timestamp};
pub use types::{FieldType, ObjectType, Type};
pub use value::{Map, Value};
