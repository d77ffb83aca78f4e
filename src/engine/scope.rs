//! What names mean in an execution, and the seed's pipeline `data`.

use std::borrow::Cow;
use std::sync::Arc;

use crate::expr::{Budget, EvalError, Expr, ExprKind, Map, Scope, Span, Timestamp, Value, evaluate};
use crate::plan::{Action, NodeId, NodeKind, Plan, StepNode};

use super::state::{ExecutionState, FrameId, ScopeId};
use super::{StepError, code};

/// Where an expression of a plan is evaluated.
pub(super) struct Names<'a> {
    pub state: &'a ExecutionState,
    pub plan: &'a Plan,
    pub scope: ScopeId,
    /// The `data` here, where the expression reads it.
    pub data: Option<Value>,
    /// A name of the moment: `error` in `retry`, `item` in a transform.
    pub local: Option<(&'a str, Value)>,
}

impl<'a> Names<'a> {
    /// The names of `scope`.
    pub fn new(state: &'a ExecutionState, plan: &'a Plan, scope: ScopeId) -> Self {
        Self { state, plan, scope, data: None, local: None }
    }

    /// Evaluates an expression here.
    pub fn value(&self, expr: &Expr) -> Result<Value, StepError> {
        evaluate(expr, self, &mut Budget::default()).map_err(|error| match self.secret_at(expr, error.span) {
            Some(secret) => secret_error(secret),
            None => expression_error(&error),
        })
    }

    /// The secret whose reading failed at `span`: one that is read there in an execution that has none.
    fn secret_at<'e>(&self, expr: &'e Expr, span: Span) -> Option<&'e Arc<str>> {
        if self.state.start.secrets.is_some() {
            return None;
        }
        let read = match &expr.kind {
            ExprKind::Field { base, name, .. } => Some((base, name)),
            ExprKind::Index { base, index, .. } => match &index.kind {
                ExprKind::Literal(Value::Str(name)) => Some((base, name)),
                _ => None,
            },
            _ => None,
        };
        let is_secret =
            |base: &Expr| base.span == span && matches!(&base.kind, ExprKind::Name(root) if &**root == "secrets");
        let mut found = read.filter(|(base, _)| is_secret(base)).map(|(_, name)| name);
        expr.each_part(&mut |part| found = found.or_else(|| self.secret_at(part, span)));
        found
    }

    /// Evaluates a condition here.
    pub fn truth(&self, expr: &Expr) -> Result<bool, StepError> {
        match self.value(expr)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(wrong_type(expr, "true or false", &other)),
        }
    }

    /// Evaluates an expression that must give text.
    pub fn text(&self, expr: &Expr) -> Result<Arc<str>, StepError> {
        match self.value(expr)? {
            Value::Str(text) => Ok(text),
            other => Err(wrong_type(expr, "text", &other)),
        }
    }

    /// A field of `execution`.
    fn execution_field(&self, name: &str) -> Option<Value> {
        let state = self.state;
        Some(match name {
            "id" => Value::str(state.start.id.to_string()),
            "workflow" => Value::Str(self.plan.workflow.clone()),
            "version" => Value::Int(state.start.version),
            "started_at" => state.started_at.map_or(Value::Null, |Timestamp(at)| Value::Timestamp(at)),
            "attempt" => Value::Int(i64::from(state.retry_count) + 1),
            _ => return None,
        })
    }

    fn execution(&self) -> Value {
        let names = ["id", "workflow", "version", "started_at", "attempt"];
        Value::object(names.into_iter().filter_map(|name| Some((name, self.execution_field(name)?))))
    }

    /// The name of the moment.
    fn local(&self, name: &str) -> Option<&Value> {
        self.local.as_ref().filter(|(local, _)| *local == name).map(|(_, value)| value)
    }
}

impl Scope for Names<'_> {
    fn lookup(&self, name: &str) -> Option<Cow<'_, Value>> {
        if let Some(value) = self.local(name) {
            return Some(Cow::Borrowed(value));
        }
        match name {
            "input" => Some(Cow::Borrowed(&self.state.start.input)),
            "secrets" => self.state.start.secrets.as_ref().map(Cow::Borrowed),
            "settings" => Some(Cow::Borrowed(&self.state.start.settings)),
            "execution" => Some(Cow::Owned(self.execution())),
            "data" => self.data.as_ref().map(Cow::Borrowed),
            // The compiler knows every name: one that is not bound is of what has not run.
            _ => Some(Cow::Borrowed(self.state.bound(self.scope, name).unwrap_or(&Value::Null))),
        }
    }

    fn lookup_field(&self, root: &str, field: &str) -> Option<Cow<'_, Value>> {
        match root {
            "execution" if self.local(root).is_none() => self.execution_field(field).map(Cow::Owned),
            _ => None,
        }
    }
}

impl ExecutionState {
    /// The value bound to `name` in `scope` or around it.
    pub(super) fn bound(&self, scope: ScopeId, name: &str) -> Option<&Value> {
        let mut at = Some(scope);
        while let Some(scope) = at.and_then(|id| self.scopes.get(id)) {
            if let Some(value) = scope.values.get(name) {
                return Some(value);
            }
            at = scope.parent;
        }
        None
    }

    /// Binds a name in `scope`, or where that is open, around it.
    pub(super) fn bind(&mut self, mut scope: ScopeId, name: Arc<str>, value: Value) {
        while let Some(bindings) = self.scopes.get_mut(scope) {
            match bindings.parent.filter(|_| bindings.open) {
                Some(around) => scope = around,
                None => {
                    bindings.values.insert(name, value);
                    return;
                }
            }
        }
    }

    /// `data` where a node stands: the input, then over it the object outputs of the steps before it, in step order,
    /// shallow. The output of a `data_transform` replaces all that came before.
    pub(super) fn data_before(&self, plan: &Plan, parent: Option<FrameId>, slot: usize, scope: ScopeId) -> Value {
        let mut before = Vec::new();
        let mut at = parent.map(|parent| (parent, slot));
        while let Some((id, slot)) = at {
            let Some(frame) = self.frames.get(id) else { break };
            steps_before(plan, frame.node, slot, &mut before);
            at = frame.parent.map(|parent| (parent, frame.slot));
        }
        self.data_of(before, scope)
    }

    /// `data` after everything: what the flat notation gives as its output.
    pub(super) fn data_at_end(&self, plan: &Plan, scope: ScopeId) -> Value {
        let mut all = Vec::new();
        steps_within(plan, plan.root, &mut all);
        self.data_of(all, scope)
    }

    fn data_of(&self, mut steps: Vec<&StepNode>, scope: ScopeId) -> Value {
        steps.sort_by_key(|step| step.order);
        let mut outputs = Vec::new();
        let mut base = None;
        for step in steps.into_iter().rev() {
            let Some(Value::Map(output)) = self.bound(scope, &step.ident) else { continue };
            if matches!(step.action, Action::Transform { .. }) {
                base = Some(output.clone());
                break;
            }
            outputs.push(output.clone());
        }
        let base = base.map_or_else(|| self.start.input.clone(), Value::Map);
        overlay(base, outputs)
    }
}

/// The outputs, last first, over `base`.
fn overlay(base: Value, outputs: Vec<Arc<Map>>) -> Value {
    let Value::Map(base) = base else { return base };
    if outputs.is_empty() {
        return Value::Map(base);
    }
    let mut data = (*base).clone();
    for output in outputs.into_iter().rev() {
        data.extend(output.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    Value::map(data)
}

/// The steps that come before the child in `slot` of `node`.
fn steps_before<'a>(plan: &'a Plan, node: NodeId, slot: usize, found: &mut Vec<&'a StepNode>) {
    match &plan.node(node).kind {
        NodeKind::Block { children } => {
            children.iter().take(slot).for_each(|child| steps_within(plan, *child, found));
        }
        NodeKind::Parallel { children, .. } => {
            let mut seen = vec![false; children.len()];
            let mut open = vec![slot];
            while let Some(at) = open.pop() {
                for before in children.get(at).into_iter().flat_map(|child| &child.after) {
                    let before = *before as usize;
                    if !std::mem::replace(&mut seen[before], true) {
                        steps_within(plan, children[before].node, found);
                        open.push(before);
                    }
                }
            }
        }
        NodeKind::Try(node) => node.blocks().take(slot).for_each(|block| steps_within(plan, block, found)),
        // Of an item when it yields, of a pass when its end is judged; what it has not come to yet is not bound.
        NodeKind::For(looped) => steps_within(plan, looped.body, found),
        NodeKind::Repeat(repeat) => steps_within(plan, repeat.body, found),
        _ => {}
    }
}

/// The steps inside a node whose outputs its surroundings see: a loop's items keep theirs.
fn steps_within<'a>(plan: &'a Plan, node: NodeId, found: &mut Vec<&'a StepNode>) {
    match &plan.node(node).kind {
        NodeKind::Step(step) => found.push(step),
        NodeKind::For(_) => {}
        other => other.each_child(&mut |child| steps_within(plan, child, found)),
    }
}

fn secret_error(secret: &str) -> StepError {
    let message = format!(
        "the secret `{secret}` has no value: this version gives none to steps; let a handler of your own read it where its \
         worker runs"
    );
    let details = Value::object([("secret", Value::str(secret))]);
    StepError { details: Some(details), ..StepError::fatal(code::SECRET, message) }
}

fn expression_error(error: &EvalError) -> StepError {
    let span = Value::object([
        ("start", Value::Int(i64::from(error.span.start))),
        ("end", Value::Int(i64::from(error.span.end))),
    ]);
    let code = if error.limit { code::LIMIT } else { code::EXPRESSION };
    StepError { details: Some(Value::object([("span", span)])), ..StepError::fatal(code, error.message.clone()) }
}

/// The error of an expression that gave a value of another type than its place takes.
pub(super) fn wrong_type(expr: &Expr, expected: &str, found: &Value) -> StepError {
    let message = format!("expected {expected}, found {}", crate::expr::type_name(found));
    expression_error(&EvalError { message, span: expr.span, limit: false })
}
