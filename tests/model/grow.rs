//! Random workflows.

use crate::sim::rng::Rng;

use super::script::CODES;
use super::tree::{Block, Needs, Node, Workflow};

/// Grows a workflow of about so many statements.
pub fn grow(seed: u64, size: usize) -> Workflow {
    let rng = Rng::new(seed);
    let mut growth = Growth { rng: &rng, count: 0, left: size };
    let body = growth.block(0, Place::default());
    let cancel = rng.chance(200).then(|| 1 + rng.below(6_000_000_000));
    Workflow { seed, body, cancel }
}

struct Growth<'a> {
    rng: &'a Rng,
    count: usize,
    left: usize,
}

/// What may stand here.
#[derive(Clone, Copy, Default)]
struct Place {
    /// In a `catch`, so that `compensate` may.
    caught: bool,
    /// In a `finally`, where nothing returns.
    finally: bool,
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
            28..32 => Node::Sleep(1 + self.rng.below(1_000_000_000)),
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
            52..65 => self.parallel(depth, inner),
            65..76 => self.each(depth, inner),
            76..80 => {
                let max = 1 + self.rng.below(3) as usize;
                Node::Repeat { every: self.rng.below(1_000_000), max, body: self.block(depth + 1, inner) }
            }
            80..100 => self.guarded(depth, inner),
            _ => self.step(),
        }
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
