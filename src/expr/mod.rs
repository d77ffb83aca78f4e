//! Expressions: values, types, trees and their evaluation under a budget.
//!
//! Invariant: total and pure. No clock, file, network or random source; every evaluation ends, within its budget.

mod ast;
mod eval;
mod json;
mod span;
mod time;
mod types;
mod value;

pub use ast::{BinaryOp, Expr, ExprKind, ListItem, MacroKind, ObjectEntry, TemplatePart, UnaryOp};
pub use eval::{Budget, EvalError, Scope, evaluate};
pub use json::duration_text;
pub use span::Span;
pub use time::Timestamp;
pub use types::{FieldType, ObjectType, Type};
pub use value::{Map, Value};
