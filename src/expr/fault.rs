//! What goes wrong inside an evaluation, before its place is known, and on its way out.

use std::sync::Arc;

use super::access::nearest;
use super::{EvalError, Map, Span, functions};

/// An error without a place: operators and functions work on values, and the evaluator knows where they stand.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// Whether it is the budget or a size limit that is used up.
    pub limit: bool,
    /// What was asked for and is not there.
    missing: Option<Missing>,
}

/// A name that is not there, and where it was looked for. The name that was most likely meant is searched only when the error
/// is told: `||` and `exists` may absorb a million of them.
#[derive(Clone, Debug)]
enum Missing {
    Field(Arc<Map>, Arc<str>),
    Function(Arc<str>),
}

/// An error on its way out. It is in a box, since whatever hands on a value hands on the room for an error too.
pub type Failure = Box<Failed>;

/// An error at its place.
#[derive(Debug)]
pub struct Failed {
    fault: Fault,
    span: Span,
}

impl Fault {
    /// A value that cannot be worked with.
    pub fn wrong(message: impl Into<String>) -> Self {
        Self { message: message.into(), limit: false, missing: None }
    }

    /// A limit that is reached.
    pub fn limit(message: impl Into<String>) -> Self {
        Self { message: message.into(), limit: true, missing: None }
    }

    /// The field `name`, which `map` does not have.
    pub fn no_field(message: String, map: &Arc<Map>, name: &str) -> Self {
        Self { missing: Some(Missing::Field(map.clone(), name.into())), ..Self::wrong(message) }
    }

    /// A function that there is not.
    pub fn no_function(name: &Arc<str>) -> Self {
        Self { missing: Some(Missing::Function(name.clone())), ..Self::wrong(format!("unknown function `{name}`")) }
    }

    /// The same at a place.
    pub fn at(self, span: Span) -> Failure {
        Box::new(Failed { fault: self, span })
    }
}

impl Failed {
    /// Whether it is the budget or a size limit that is used up.
    pub fn is_limit(&self) -> bool {
        self.fault.limit
    }

    /// The error as it is told, with the name that was most likely meant.
    pub fn told(self) -> EvalError {
        let Fault { mut message, limit, missing } = self.fault;
        let near = match &missing {
            Some(Missing::Field(map, name)) => nearest(name, map.keys().map(|key| &**key)),
            Some(Missing::Function(name)) => functions::nearest_function(name),
            None => None,
        };
        if let Some(near) = near {
            message.push_str(&format!(": did you mean `{near}`?"));
        }
        EvalError { message, span: self.span, limit }
    }
}
