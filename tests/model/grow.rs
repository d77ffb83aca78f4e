//! Random workflows.

use crate::sim::rng::Rng;

use super::script::{CODES, first_signal, word};
use super::tree::{Block, Needs, Node, Workflow};

/// Grows a workflow of about so many statements.
pub fn grow(seed: u64, size: usize) -> Workflow {
    let rng = Rng::new(seed);
    let cancel = rng.chance(200).then(|| 1 + rng.below(6_000_000_000));
    grown(&rng, size, Workflow { seed, body: Vec::new(), cancel, waits: Vec::new() }, false)
}

/// Grows one in which one thing happens after the other and nothing depends on how long anything takes.
pub fn grow_in_a_row(seed: u64, size: usize) -> Workflow {
    let empty = Workflow { seed, body: Vec::new(), cancel: None, waits: Vec::new() };
    grown(&Rng::new(seed), size, empty, true)
}

fn grown(rng: &Rng, size: usize, mut workflow: Workflow, in_a_row: bool) -> Workflow {
    let mut growth = Growth { rng, seed: workflow.seed, count: 0, left: size, in_a_row, waits: Vec::new() };
    workflow.body = growth.block(0, Place::default());
    workflow.waits = growth.waits;
    workflow
}

struct Growth<'a> {
    rng: &'a Rng,
    seed: u64,
    count: usize,
    left: usize,
    in_a_row: bool,
    waits: Vec<String>,
}

/// What may stand here.
#[derive(Clone, Copy, Default)]
struct Place {
    /// In a `catch`, so that `compensate` may.
    caught: bool,
    /// In a `finally`, where nothing returns.
    finally: bool,
    /// In a loop, where a wait would not be one alone of its name.
    looped: bool,
}

impl Growth<'_> {
    fn name(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}{}", self.count)
    }

    fn block(&mut self, depth: usize, place: Place) -> Block {
        let mut block = vec![self.step()];
        for _ in 0..self.rng.below(4) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let node = self.node(depth, place);
            let ends = matches!(node, Node::Return(_) | Node::Fail(_));
            block.push(node);
            if ends {
                break;
            }
        }
        block
    }

    fn step(&mut self) -> Node {
        let (undo, retries) = (self.rng.chance(500), self.rng.below(3) as u32);
        Node::Step { name: self.name("s"), undo, retries }
    }

    fn node(&mut self, depth: usize, place: Place) -> Node {
        let inner = Place { caught: false, ..place };
        let kind = if depth >= 4 { self.rng.below(40) } else { self.rng.below(100) };
        match kind {
            0..24 => self.step(),
            24..28 => Node::Let { name: self.name("l"), value: 7 },
            28..30 => Node::Sleep(1 + self.rng.below(1_000_000_000)),
            30..32 if !place.looped => self.wait(),
            30..32 => self.approve(),
            32..36 if place.caught => Node::Compensate,
            36..37 if !place.finally => Node::Return(i64::try_from(self.rng.below(100)).unwrap()),
            37..40 => Node::Fail(CODES[self.rng.below(3) as usize].to_owned()),
            40..47 => {
                let arms = (0..1 + self.rng.below(2)).map(|_| (self.rng.chance(500), self.block(depth + 1, inner)));
                let arms = arms.collect();
                Node::If { arms, otherwise: self.maybe(depth, inner) }
            }
            47..52 => {
                let arms = (0..1 + self.rng.below(2)).map(|at| (at as i64, self.block(depth + 1, inner))).collect();
                Node::Match { subject: self.rng.below(2) as i64, arms, otherwise: Some(self.block(depth + 1, inner)) }
            }
            52..63 if !self.in_a_row => self.parallel(depth, inner),
            63..74 => self.each(depth, Place { looped: true, ..inner }),
            74..78 => {
                let max = 1 + self.rng.below(3) as usize;
                let body = self.block(depth + 1, Place { looped: true, ..inner });
                Node::Repeat { every: self.rng.below(1_000_000), max, body }
            }
            78..96 => self.guarded(depth, inner),
            96..98 if !place.looped => self.wait(),
            96..100 => self.approve(),
            _ => self.step(),
        }
    }

    /// A wait that ends, whatever comes.
    fn wait(&mut self) -> Node {
        let (name, even) = (self.name("w"), self.rng.chance(300));
        let comes = first_signal(self.seed, &name, even).is_some();
        if self.in_a_row && !comes {
            return self.step();
        }
        let limited = !self.in_a_row && (!comes || self.rng.chance(500));
        let timeout = limited.then(|| 1 + self.rng.below(2_000_000_000));
        self.waits.push(name.clone());
        Node::Wait { name, even, timeout }
    }

    /// An approval that ends, whatever comes.
    fn approve(&mut self) -> Node {
        if self.in_a_row {
            return self.step();
        }
        let name = self.name("a");
        let limited = word(self.seed, &name).is_none() || self.rng.chance(300);
        let timeout = limited.then(|| 1 + self.rng.below(1_500_000_000));
        Node::Approve { name, timeout }
    }

    fn maybe(&mut self, depth: usize, place: Place) -> Option<Block> {
        self.rng.chance(500).then(|| self.block(depth + 1, place))
    }

    fn parallel(&mut self, depth: usize, place: Place) -> Node {
        let count = 1 + self.rng.below(3) as usize;
        let mut children = Vec::new();
        for at in 0..count {
            let after = (0..at).filter(|_| self.rng.chance(250)).collect();
            children.push((self.block(depth + 1, place), after));
        }
        let needs = match self.rng.below(4) {
            0 | 1 => Needs::All,
            2 => Needs::First,
            _ => Needs::Any(1 + self.rng.below(count as u64) as usize),
        };
        Node::Parallel { needs, children }
    }

    fn each(&mut self, depth: usize, place: Place) -> Node {
        let name = self.rng.chance(500).then(|| self.name("f"));
        let (items, width) = (self.rng.below(5) as usize, 1 + self.rng.below(3) as usize);
        let width = if self.in_a_row { 1 } else { width };
        let keep_going = self.rng.chance(500).then(|| self.rng.chance(500).then(|| self.rng.below(3) as usize));
        Node::For { name, items, width, keep_going, body: self.block(depth + 1, place) }
    }

    fn guarded(&mut self, depth: usize, place: Place) -> Node {
        let body = self.block(depth + 1, place);
        let mut catches = Vec::new();
        for _ in 0..self.rng.below(3) {
            let code = self.rng.chance(500).then(|| CODES[self.rng.below(3) as usize].to_owned());
            catches.push((code, self.block(depth + 1, Place { caught: true, ..place })));
        }
        let wanted = catches.is_empty() || self.rng.chance(400);
        let finally = wanted.then(|| self.block(depth + 1, Place { finally: true, ..place }));
        Node::Try { body, catches, finally }
    }
}
