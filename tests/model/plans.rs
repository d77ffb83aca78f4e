//! The plan of a tree.

use std::sync::Arc;

use stepwell::expr::{BinaryOp, Expr, ExprKind, ObjectEntry, Span, Value};
use stepwell::plan::{
    Action, ApproveNode, CatchArm, ForNode, IfArm, Jitter, JoinMode, KeepGoing, MatchArm, MatchNode, Node as PlanNode,
    NodeId, NodeKind, ParallelChild, Plan, Rarely, RepeatNode, RetryPolicy, StepNode, TryNode, WaitNode, Wake,
};

use crate::support::plans::plan_of_nodes;

use super::script::{TIMEOUT_MS, backoff_ms};
use super::tree::{Block, Needs, Node, Workflow, first_of};

/// The plan of a workflow that returns an object of these names, where it gets to its end.
pub fn plan_of(workflow: &Workflow, names: &[String]) -> Plan {
    let mut building = Building { seed: workflow.seed, nodes: Vec::new(), order: 0 };
    let root = building.block(None, &workflow.body);
    let entries = names.iter().map(|name| ObjectEntry::Field {
        key: name.as_str().into(),
        key_span: Span::default(),
        value: named(name),
    });
    let value = Some(expr(ExprKind::Object(entries.collect())));
    let last = building.add(Some(root), "return", NodeKind::Return { value });
    let NodeKind::Block { children } = &mut building.nodes[root.0 as usize].kind else { unreachable!() };
    children.push(last);
    plan_of_nodes("random", building.nodes)
}

fn expr(kind: ExprKind) -> Expr {
    Expr::new(kind, Span::default())
}

fn literal(value: Value) -> Expr {
    Expr::literal(value, Span::default())
}

fn int(value: usize) -> Expr {
    literal(Value::Int(i64::try_from(value).unwrap()))
}

fn named(name: &str) -> Expr {
    expr(ExprKind::Name(name.into()))
}

fn binary(op: BinaryOp, left: Expr, right: Expr) -> Expr {
    expr(ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) })
}

fn millis(ms: u64) -> Expr {
    literal(Value::Duration(i64::try_from(ms).unwrap() * 1_000))
}

struct Building {
    seed: u64,
    nodes: Vec<PlanNode>,
    order: u32,
}

impl Building {
    fn add(&mut self, parent: Option<NodeId>, id: &str, kind: NodeKind) -> NodeId {
        let at = NodeId(u32::try_from(self.nodes.len()).unwrap());
        // Counted, so that no two are called the same.
        let id: Arc<str> = match &kind {
            NodeKind::Step(_) | NodeKind::Let { .. } | NodeKind::Wait(_) | NodeKind::Approve(_) => id.into(),
            _ => format!("{id}-{}", at.0).into(),
        };
        self.nodes.push(PlanNode { id, parent, span: Span::default(), kind });
        at
    }

    fn fill(&mut self, at: NodeId, kind: NodeKind) -> NodeId {
        self.nodes[at.0 as usize].kind = kind;
        at
    }

    fn block(&mut self, parent: Option<NodeId>, block: &Block) -> NodeId {
        let at = self.add(parent, "block", NodeKind::Block { children: Vec::new() });
        let children = block.iter().map(|node| self.node(at, node)).collect();
        self.fill(at, NodeKind::Block { children })
    }

    fn node(&mut self, parent: NodeId, node: &Node) -> NodeId {
        let parent = Some(parent);
        match node {
            Node::Step { name, undo, retries } => self.step(parent, name, *undo, *retries),
            Node::Let { name, value } => {
                let kind = NodeKind::Let { name: name.as_str().into(), value: literal(Value::Int(*value)) };
                self.add(parent, name, kind)
            }
            Node::Wait { name, even, timeout } => {
                let condition = even.then(|| is_zero(binary(BinaryOp::Rem, named("event"), int(2))));
                let (name, timeout): (Arc<str>, _) = (name.as_str().into(), timeout.map(millis));
                let wait = WaitNode { name: name.clone(), event: name.clone(), condition, timeout };
                self.add(parent, &name, NodeKind::Wait(Box::new(wait)))
            }
            Node::Approve { name, timeout } => {
                let timeout = timeout.map(millis);
                let approve = ApproveNode { name: name.as_str().into(), group: "people".into(), form: None, timeout };
                self.add(parent, name, NodeKind::Approve(Box::new(approve)))
            }
            Node::Compensate => self.add(parent, "compensate", NodeKind::Compensate),
            Node::Sleep(ms) => self.add(parent, "sleep", NodeKind::Sleep(Wake::After(millis(*ms)))),
            Node::Return(value) => {
                let value = Some(literal(Value::Int(*value)));
                self.add(parent, "return", NodeKind::Return { value })
            }
            Node::Fail(code) => {
                let (message, code) = (literal(Value::str("made to fail")), Some(literal(Value::str(code.as_str()))));
                self.add(parent, "fail", NodeKind::Fail { message, code, cause: None })
            }
            composite => self.composite(parent, composite),
        }
    }

    fn step(&mut self, parent: Option<NodeId>, name: &str, undo: bool, retries: u32) -> NodeId {
        self.order += 1;
        let at = self.add(parent, name, NodeKind::Step(Box::new(self.step_node(name, retries))));
        if undo {
            let id = format!("{name}.undo");
            let node = NodeKind::Step(Box::new(self.step_node(&id, 0)));
            let undo = self.add(Some(at), &id, node);
            let NodeKind::Step(step) = &mut self.nodes[at.0 as usize].kind else { unreachable!() };
            step.undo = Some(undo);
        }
        at
    }

    fn step_node(&self, name: &str, retries: u32) -> StepNode {
        let backoff = backoff_ms(self.seed, name);
        StepNode {
            name: name.into(),
            ident: name.into(),
            task_type: "work".into(),
            order: self.order,
            action: Action::Task { config: literal(Value::object::<&str>([])) },
            when: None,
            timeout_ms: TIMEOUT_MS,
            retry: RetryPolicy {
                max: retries,
                backoff_ms: backoff,
                backoff_max_ms: backoff,
                factor: 1.0,
                jitter: Jitter::None,
                filter: None,
            },
            queue: "default".into(),
            output: None,
            reads_data: false,
            undo: None,
            rarely: Rarely::default(),
        }
    }

    fn composite(&mut self, parent: Option<NodeId>, node: &Node) -> NodeId {
        let at = self.add(parent, "part", NodeKind::Block { children: Vec::new() });
        let here = Some(at);
        let kind = match node {
            Node::If { arms, otherwise } => NodeKind::If {
                arms: arms
                    .iter()
                    .map(|(holds, block)| IfArm {
                        condition: literal(Value::Bool(*holds)),
                        block: self.block(here, block),
                    })
                    .collect(),
                otherwise: otherwise.as_ref().map(|block| self.block(here, block)),
            },
            Node::Match { subject, arms, otherwise } => NodeKind::Match(Box::new(MatchNode {
                subject: literal(Value::Int(*subject)),
                arms: arms
                    .iter()
                    .map(|(value, block)| MatchArm {
                        patterns: vec![literal(Value::Int(*value))],
                        block: self.block(here, block),
                    })
                    .collect(),
                otherwise: otherwise.as_ref().map(|block| self.block(here, block)),
            })),
            Node::Parallel { needs, children } => NodeKind::Parallel {
                children: children
                    .iter()
                    .map(|(block, after)| ParallelChild {
                        node: self.block(here, block),
                        after: after.iter().map(|at| u32::try_from(*at).unwrap()).collect(),
                    })
                    .collect(),
                mode: match needs {
                    Needs::All => JoinMode::All,
                    Needs::First => JoinMode::First,
                    Needs::Any(count) => JoinMode::Any(int(*count)),
                },
            },
            Node::For { name, items, width, keep_going, body } => NodeKind::For(Box::new(ForNode {
                name: name.as_deref().map(Into::into),
                var: "item".into(),
                list: literal(Value::list((0..*items).map(|at| Value::Int(at as i64)).collect())),
                parallel: Some(int(*width)),
                body: self.block(here, body),
                yields: name.as_ref().map(|_| named(first_of(body))),
                keep_going: keep_going.map(|max| KeepGoing { max: max.map(int) }),
            })),
            Node::Repeat { every, max, body } => {
                let third = binary(BinaryOp::Rem, named(first_of(body)), int(3));
                NodeKind::Repeat(Box::new(RepeatNode {
                    every: (*every > 0).then(|| millis(*every)),
                    max: int(*max),
                    until: is_zero(third),
                    body: self.block(here, body),
                }))
            }
            Node::Try { body, catches, finally } => {
                let body = self.block(here, body);
                let catches = catches.iter().map(|(code, block)| CatchArm {
                    name: "error".into(),
                    condition: code.as_ref().map(|code| error_is(code)),
                    block: self.block(here, block),
                });
                let catches = catches.collect();
                NodeKind::Try(Box::new(TryNode {
                    body,
                    catches,
                    finally: finally.as_ref().map(|block| self.block(here, block)),
                }))
            }
            other => unreachable!("no composite: {other:?}"),
        };
        self.fill(at, kind)
    }
}

fn is_zero(expr: Expr) -> Expr {
    binary(BinaryOp::Eq, expr, int(0))
}

/// `error.code == code`.
fn error_is(code: &str) -> Expr {
    let field = ExprKind::Field { base: Box::new(named("error")), name: "code".into(), optional: false };
    binary(BinaryOp::Eq, expr(field), literal(Value::str(code)))
}
