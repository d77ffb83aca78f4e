//! The walk from a plan to boxes and arrows.

use crate::plan::{
    ApproveNode, ForNode, IfArm, JoinMode, MatchNode, NodeId, NodeKind, ParallelChild, Plan, RepeatNode, StepNode,
    TryNode, WaitNode, Wake,
};

use super::label::{either, expr, keep_going, lines};
use super::{Arrow, Figure, Graph, Item, Shape};

/// A way out of what is drawn, which leads to whatever comes next.
#[derive(Clone, Debug)]
pub(super) struct Exit {
    from: usize,
    label: String,
    dashed: bool,
}

impl Exit {
    fn of(from: usize) -> Self {
        Self { from, label: String::new(), dashed: false }
    }

    fn labelled(from: usize, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::of(from) }
    }

    fn dashed(from: usize, label: impl Into<String>) -> Self {
        Self { dashed: true, ..Self::labelled(from, label) }
    }
}

/// A picture that is being drawn.
pub(super) struct Drawing<'a> {
    plan: &'a Plan,
    /// The items of each frame that is open, the outermost first.
    open: Vec<Vec<Item>>,
    arrows: Vec<Arrow>,
    /// How many boxes and frames there are.
    count: usize,
}

impl<'a> Drawing<'a> {
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, open: vec![Vec::new()], arrows: Vec::new(), count: 0 }
    }

    /// Draws all of it.
    pub fn finish(mut self) -> Graph {
        let start = self.shape(Shape::Terminal, ["start".to_owned()], Vec::new());
        let exits = self.node(self.plan.root, vec![start]);
        if !exits.is_empty() {
            self.shape(Shape::Terminal, ["end".to_owned()], exits);
        }
        Graph { title: self.plan.workflow.clone(), items: self.open.pop().unwrap_or_default(), arrows: self.arrows }
    }

    /// Draws a node that is come to by these ways; gives the ways on from it.
    fn node(&mut self, id: NodeId, from: Vec<Exit>) -> Vec<Exit> {
        match &self.plan.node(id).kind {
            NodeKind::Block { children } => children.iter().fold(from, |from, child| self.node(*child, from)),
            NodeKind::Step(step) => vec![self.step(step, from)],
            NodeKind::Let { name, value } => {
                vec![self.shape(Shape::Value, [format!("{name} = {}", expr(value))], from)]
            }
            NodeKind::If { arms, otherwise } => self.choice(arms, *otherwise, from),
            NodeKind::Match(node) => self.matching(node, from),
            NodeKind::Parallel { children, mode } => self.parallel(children, mode, from),
            NodeKind::For(node) => self.each(node, from),
            NodeKind::Repeat(node) => self.repeat(node, from),
            NodeKind::Try(node) => self.trying(node, from),
            NodeKind::Compensate => vec![self.shape(Shape::Undo, ["compensate".to_owned()], from)],
            NodeKind::Wait(node) => vec![self.wait(node, from)],
            NodeKind::Approve(node) => vec![self.approve(node, from)],
            NodeKind::Sleep(wake) => vec![self.shape(Shape::Wait, [sleeping(wake)], from)],
            NodeKind::Return { value } => self.ending(Shape::Return, lines("return", value.as_ref()), from),
            NodeKind::Fail { message, code, .. } => {
                let code = code.as_ref().map(|code| format!("code {}", expr(code)));
                let said = [format!("fail {}", expr(message))].into_iter().chain(code).collect();
                self.ending(Shape::Failure, said, from)
            }
        }
    }

    /// A box that these ways lead to; gives the way on.
    fn shape(&mut self, shape: Shape, lines: impl Into<Vec<String>>, from: Vec<Exit>) -> Exit {
        self.count += 1;
        let id = self.count;
        self.draw(Item::Figure(Figure { id, shape, lines: lines.into() }));
        let arrow = |exit: Exit| Arrow { from: exit.from, to: id, label: exit.label, dashed: exit.dashed };
        self.arrows.extend(from.into_iter().map(arrow));
        Exit::of(id)
    }

    /// A box from which no way leads on.
    fn ending(&mut self, shape: Shape, lines: Vec<String>, from: Vec<Exit>) -> Vec<Exit> {
        self.shape(shape, lines, from);
        Vec::new()
    }

    fn draw(&mut self, item: Item) {
        if let Some(frame) = self.open.last_mut() {
            frame.push(item);
        }
    }

    /// A frame around what `inside` draws. One in which nothing is drawn gets a point, so that it is seen.
    fn frame(
        &mut self,
        title: String,
        from: Vec<Exit>,
        inside: impl FnOnce(&mut Self, Vec<Exit>) -> Vec<Exit>,
    ) -> Vec<Exit> {
        self.count += 1;
        let id = self.count;
        self.open.push(Vec::new());
        let mut exits = inside(self, from);
        if self.open.last().is_some_and(Vec::is_empty) {
            exits = vec![self.shape(Shape::Point, [], exits)];
        }
        let items = self.open.pop().unwrap_or_default();
        self.draw(Item::Frame { id, title, items });
        exits
    }

    fn step(&mut self, step: &StepNode, from: Vec<Exit>) -> Exit {
        let shape = if matches!(step.action, crate::plan::Action::Child { .. }) { Shape::Child } else { Shape::Step };
        let from = match &step.when {
            Some(when) => from.into_iter().map(|exit| and(exit, &format!("when {}", expr(when)))).collect(),
            None => from,
        };
        let exit = self.shape(shape, [step.name.to_string(), step.task_type.to_string()], from);
        if let Some(undo) = step.undo
            && let NodeKind::Step(undo) = &self.plan.node(undo).kind
        {
            let undone = vec![Exit::dashed(exit.from, "undo")];
            self.shape(Shape::Undo, [undo.name.to_string(), undo.task_type.to_string()], undone);
        }
        exit
    }

    fn choice(&mut self, arms: &[IfArm], otherwise: Option<NodeId>, from: Vec<Exit>) -> Vec<Exit> {
        let at = self.shape(Shape::Decision, ["if".to_owned()], from).from;
        let arms = arms.iter().map(|arm| (expr(&arm.condition), Some(arm.block)));
        self.arms(at, arms.chain([("else".to_owned(), otherwise)]).collect())
    }

    fn matching(&mut self, node: &MatchNode, from: Vec<Exit>) -> Vec<Exit> {
        let at = self.shape(Shape::Decision, [format!("match {}", expr(&node.subject))], from).from;
        let arms = node.arms.iter().map(|arm| (either(&arm.patterns), Some(arm.block)));
        // A value that fits nothing fails: there is no way on.
        let otherwise = node.otherwise.map(|block| ("else".to_owned(), Some(block)));
        self.arms(at, arms.chain(otherwise).collect())
    }

    /// The ways that part at a choice, each with what it is taken for; one without a block leads straight on.
    fn arms(&mut self, at: usize, arms: Vec<(String, Option<NodeId>)>) -> Vec<Exit> {
        let mut exits = Vec::new();
        for (label, block) in arms {
            let way = vec![Exit::labelled(at, label)];
            exits.extend(match block {
                Some(block) => self.node(block, way),
                None => way,
            });
        }
        exits
    }

    fn parallel(&mut self, children: &[ParallelChild], mode: &JoinMode, from: Vec<Exit>) -> Vec<Exit> {
        let (title, joined) = match mode {
            JoinMode::All => ("parallel".to_owned(), None),
            JoinMode::First => ("parallel first".to_owned(), Some("first".to_owned())),
            JoinMode::Any(count) => {
                let count = expr(count);
                (format!("parallel any {count} of"), Some(format!("any {count}")))
            }
        };
        self.frame(title, from, |drawing, from| {
            let fork = drawing.shape(Shape::Point, [], from);
            let exits = drawing.children(children, &fork);
            match joined {
                Some(joined) => vec![drawing.shape(Shape::Decision, [joined], exits)],
                None if exits.len() > 1 => vec![drawing.shape(Shape::Point, [], exits)],
                None => exits,
            }
        })
    }

    /// The children, each after those that it waits for. What no other waits for leads on.
    fn children(&mut self, children: &[ParallelChild], fork: &Exit) -> Vec<Exit> {
        let mut drawn: Vec<Option<Vec<Exit>>> = vec![None; children.len()];
        let ready = |drawn: &[Option<Vec<Exit>>], child: &ParallelChild| {
            child.after.iter().all(|other| drawn.get(*other as usize).is_some_and(Option::is_some))
        };
        while let Some(at) = (0..children.len()).find(|at| drawn[*at].is_none() && ready(&drawn, &children[*at])) {
            let child = &children[at];
            let before = child.after.iter().filter_map(|other| drawn[*other as usize].clone()).flatten();
            let from = if child.after.is_empty() { vec![fork.clone()] } else { before.collect() };
            let exits = self.child(child.node, from);
            drawn[at] = Some(exits);
        }
        let waited_for = |at: usize| children.iter().any(|child| child.after.iter().any(|other| *other as usize == at));
        drawn
            .into_iter()
            .enumerate()
            .filter(|(at, _)| !waited_for(*at))
            .flat_map(|(_, exits)| exits.unwrap_or_default())
            .collect()
    }

    /// A child of a `parallel`: a branch has a frame with its name.
    fn child(&mut self, id: NodeId, from: Vec<Exit>) -> Vec<Exit> {
        let plan = self.plan;
        let node = plan.node(id);
        match node.kind {
            NodeKind::Block { .. } => self.frame(node.id.to_string(), from, |drawing, from| drawing.node(id, from)),
            _ => self.node(id, from),
        }
    }

    fn each(&mut self, node: &ForNode, from: Vec<Exit>) -> Vec<Exit> {
        let bound = node.name.as_ref().map(|name| format!("{name} = ")).unwrap_or_default();
        let at_once = node.parallel.as_ref().map(|count| format!(", parallel {}", expr(count))).unwrap_or_default();
        let failing = node.keep_going.as_ref().map(keep_going).unwrap_or_default();
        let title = format!("{bound}for {} in {}{at_once}{failing}", node.var, expr(&node.list));
        self.frame(title, from, |drawing, from| drawing.node(node.body, from))
    }

    fn repeat(&mut self, node: &RepeatNode, from: Vec<Exit>) -> Vec<Exit> {
        let again = match &node.every {
            Some(every) => format!("again after {}", expr(every)),
            None => "again".to_owned(),
        };
        self.frame(format!("repeat, at most {}", expr(&node.max)), from, |drawing, from| {
            let begin = drawing.shape(Shape::Point, [], from);
            let passed = drawing.node(node.body, vec![begin.clone()]);
            let until = drawing.shape(Shape::Decision, [format!("until {}", expr(&node.until))], passed);
            drawing.arrows.push(Arrow { from: until.from, to: begin.from, label: again, dashed: true });
            vec![until]
        })
    }

    /// The body leads on; its errors lead to the `catch`es, and from all of them there is a way to `finally`.
    fn trying(&mut self, node: &TryNode, from: Vec<Exit>) -> Vec<Exit> {
        let mut error = None;
        let mut exits = self.frame("try".to_owned(), from, |drawing, from| {
            let exits = drawing.node(node.body, from);
            error = Some(drawing.shape(Shape::Failure, ["error".to_owned()], Vec::new()).from);
            exits
        });
        let Some(error) = error else { return exits };
        for arm in &node.catches {
            let condition = arm.condition.as_ref().map(|condition| format!("if {}", expr(condition)));
            let way = vec![Exit::dashed(error, condition.unwrap_or_default())];
            exits.extend(self.frame(format!("catch {}", arm.name), way, |drawing, from| drawing.node(arm.block, from)));
        }
        let Some(finally) = node.finally else { return exits };
        exits.push(Exit::dashed(error, "not caught"));
        self.frame("finally".to_owned(), exits, |drawing, from| drawing.node(finally, from))
    }

    fn wait(&mut self, node: &WaitNode, from: Vec<Exit>) -> Exit {
        let condition = node.condition.as_ref().map(|condition| format!("where {}", expr(condition)));
        let timeout = node.timeout.as_ref().map(|timeout| format!("timeout {}", expr(timeout)));
        let said = [format!("wait {}: {}", node.name, node.event)].into_iter().chain(condition).chain(timeout);
        self.shape(Shape::Wait, said.collect::<Vec<_>>(), from)
    }

    fn approve(&mut self, node: &ApproveNode, from: Vec<Exit>) -> Exit {
        let timeout = node.timeout.as_ref().map(|timeout| format!("timeout {}", expr(timeout)));
        let said = [format!("approve {}: {}", node.name, node.group)].into_iter().chain(timeout);
        self.shape(Shape::Wait, said.collect::<Vec<_>>(), from)
    }
}

fn sleeping(wake: &Wake) -> String {
    match wake {
        Wake::After(long) => format!("sleep {}", expr(long)),
        Wake::At(moment) => format!("sleep until {}", expr(moment)),
    }
}

/// The way, taken where this holds too.
fn and(exit: Exit, condition: &str) -> Exit {
    let label = if exit.label.is_empty() { condition.to_owned() } else { format!("{}, {condition}", exit.label) };
    Exit { label, ..exit }
}
