//! A workflow as a tree, with all that its steps come to.

/// A statement.
#[derive(Clone, Debug)]
pub enum Node {
    /// A step; whether it has an undo, and how often it may be tried again.
    Step {
        name: String,
        undo: bool,
        retries: u32,
    },
    /// `let name = value`.
    Let {
        name: String,
        value: i64,
    },
    /// Arms with the value of their condition.
    If {
        arms: Vec<(bool, Block)>,
        otherwise: Option<Block>,
    },
    /// A subject, and arms for one number each.
    Match {
        subject: i64,
        arms: Vec<(i64, Block)>,
        otherwise: Option<Block>,
    },
    /// Children, and for each those that it waits for.
    Parallel {
        needs: Needs,
        children: Vec<(Block, Vec<usize>)>,
    },
    For {
        name: Option<String>,
        items: usize,
        width: usize,
        keep_going: Option<Option<usize>>,
        body: Block,
    },
    /// The pass whose first step gives a multiple of three is the last.
    Repeat {
        every: u64,
        max: usize,
        body: Block,
    },
    Try {
        body: Block,
        catches: Vec<(Option<String>, Block)>,
        finally: Option<Block>,
    },
    Compensate,
    Sleep(u64),
    /// Waits for a signal of its own name, of an even number where it is `even`.
    Wait {
        name: String,
        even: bool,
        timeout: Option<u64>,
    },
    Approve {
        name: String,
        timeout: Option<u64>,
    },
    Return(i64),
    Fail(String),
}

/// Statements one after the other; the first is a step, so that a block takes time.
pub type Block = Vec<Node>;

/// How many children of a `parallel` must complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    All,
    First,
    Any(usize),
}

/// A workflow, and what happens to it.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// What the outcomes of its steps are made of.
    pub seed: u64,
    pub body: Block,
    /// When it is cancelled, and whether that undoes.
    pub cancel: Option<u64>,
    /// The names of its waits.
    pub waits: Vec<String>,
}

/// The name of the first step of a block.
pub fn first_of(block: &Block) -> &str {
    match &block[0] {
        Node::Step { name, .. } => name,
        other => unreachable!("a block begins with a step: {other:?}"),
    }
}

/// The steps of a block that stand in no loop.
pub fn steps_of(block: &Block) -> Vec<&str> {
    let step = |node: &Node| matches!(node, Node::Step { .. });
    named(block, &step)
}

/// The names that a block binds where it stands.
pub fn names_of(block: &Block) -> Vec<&str> {
    named(block, &|_| true)
}

fn named<'a>(block: &'a Block, wanted: &dyn Fn(&Node) -> bool) -> Vec<&'a str> {
    let mut found = Vec::new();
    for node in block {
        match node {
            Node::Step { name, .. }
            | Node::Let { name, .. }
            | Node::Wait { name, .. }
            | Node::For { name: Some(name), .. }
                if wanted(node) =>
            {
                found.push(&**name);
            }
            _ => inner_blocks(node).into_iter().for_each(|block| found.extend(named(block, wanted))),
        }
    }
    found
}

/// The blocks of a node that bind their names where it stands.
fn inner_blocks(node: &Node) -> Vec<&Block> {
    match node {
        Node::If { arms, otherwise } => arms.iter().map(|(_, block)| block).chain(otherwise).collect(),
        Node::Match { arms, otherwise, .. } => arms.iter().map(|(_, block)| block).chain(otherwise).collect(),
        Node::Parallel { children, .. } => children.iter().map(|(block, _)| block).collect(),
        Node::Try { body, catches, finally } => {
            std::iter::once(body).chain(catches.iter().map(|(_, block)| block)).chain(finally).collect()
        }
        _ => Vec::new(),
    }
}
