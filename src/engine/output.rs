//! What a step gave, held against what its plan says that it gives: what the checker promised to whoever reads it.
//!
//! Invariant: a function of the plan and the value. What is registered by now is nothing to it.

use crate::expr::{Mismatch, Value, path_under};
use crate::ids::StepPath;
use crate::plan::{NodeId, NodeKind, Plan, WantedOutput};

use super::machine::{Machine, Place};
use super::{StepError, code};

/// How many places that do not fit are told in a sentence.
const TOLD: usize = 10;

/// An output that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputMisfit {
    /// Whose output does not fit what.
    pub message: String,
    /// Each place that does not fit, `output.items[2].qty`, with what is wrong there.
    pub places: Vec<Mismatch>,
    /// The way out.
    pub help: &'static str,
}

impl From<OutputMisfit> for StepError {
    /// Another attempt would give the same.
    fn from(OutputMisfit { message, places, help }: OutputMisfit) -> Self {
        Self::fatal(code::TYPE, format!("{message}: {}; {help}", sentence(&places)))
    }
}

impl Machine<'_> {
    /// The output of the step at a place, where it fits.
    pub(super) fn admit_output_of(&self, place: Place, output: Value) -> Result<Value, StepError> {
        admit(self.plan, place.node, output).map_err(StepError::from)
    }
}

/// What is wrong with an output of the step at this path, as the engine will find; none where nothing is.
pub fn output_misfit(plan: &Plan, path: &StepPath, output: Value) -> Option<OutputMisfit> {
    let id = path.as_str().split('[').next()?;
    let (_, at) = plan.nodes.iter().zip(0..).find(|(node, _)| &*node.id == id)?;
    admit(plan, NodeId(at), output).err()
}

fn admit(plan: &Plan, node: NodeId, output: Value) -> Result<Value, OutputMisfit> {
    let (root, admitted) = match plan.wanted_output(node) {
        None => return Ok(output),
        Some(WantedOutput::Declared(ty) | WantedOutput::OfTaskType(ty)) => ("output", ty.admit(output)),
        Some(WantedOutput::Body(ty)) => {
            let Value::Map(response) = output else { return Ok(output) };
            let body = response.get("body").cloned().unwrap_or_default();
            // What another system answers may grow fields that nobody here asked for.
            let admitted = ty.opened().admit(body).map(|body| {
                let mut response = (*response).clone();
                response.insert("body".into(), body);
                Value::map(response)
            });
            ("body", admitted)
        }
    };
    admitted.map_err(|misfits| unfit(plan, node, places(root, misfits)))
}

fn unfit(plan: &Plan, node: NodeId, places: Vec<Mismatch>) -> OutputMisfit {
    let step = match &plan.node(node).kind {
        NodeKind::Step(step) => format!("`{}` (task type `{}`)", step.name, step.task_type),
        _ => format!("`{}`", plan.node(node).id),
    };
    let (message, help) = match plan.wanted_output(node) {
        Some(WantedOutput::OfTaskType(_)) => (
            format!(
                "the output of {step} does not fit what its task type was known to give when this version was published"
            ),
            "let the worker give what the type says; or correct the type, by the `output_schema` that it is registered with \
             or the `task` in the source, and publish the workflow again",
        ),
        Some(WantedOutput::Body(_)) => (
            format!("the body of the answer to {step} does not fit the type that the step declares"),
            "correct the step's `output` and publish the workflow again",
        ),
        _ => (
            format!("the output of {step} does not fit the type that the step declares"),
            "let it give what the type says; or correct the step's `output` and publish the workflow again",
        ),
    };
    OutputMisfit { message, places, help }
}

/// The error of a value that does not fit its declared type.
pub(super) fn misfit(root: &str, misfits: Vec<Mismatch>) -> StepError {
    let told = sentence(&places(root, misfits));
    StepError::fatal(code::TYPE, format!("the value does not fit the declared type: {told}"))
}

/// What was found below `root`, by the whole path.
fn places(root: &str, misfits: Vec<Mismatch>) -> Vec<Mismatch> {
    let below = |misfit: Mismatch| Mismatch { path: path_under(root, &misfit.path), ..misfit };
    misfits.into_iter().map(below).collect()
}

/// Places in a sentence; the first of them, where there are many.
fn sentence(places: &[Mismatch]) -> String {
    let mut told: Vec<String> = places.iter().take(TOLD).map(ToString::to_string).collect();
    if places.len() > TOLD {
        told.push(format!("and {} more", places.len() - TOLD));
    }
    told.join("; ")
}
