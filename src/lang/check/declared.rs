//! Every name that a workflow declares, wherever it stands.

use std::collections::{HashMap, HashSet};

use crate::expr::Span;
use crate::lang::ast::{Catch, Name, Stmt, StmtKind, Workflow};
use crate::lang::statements::each_statement;

use super::words::ident;

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Step,
    Let,
    Branch,
    LoopVariable,
    Wait,
    Approval,
    Caught,
}

impl Kind {
    /// Whether it is known after the block that it stands in: what ran is part of the execution's record.
    pub fn outlives_its_block(self) -> bool {
        matches!(self, Self::Step | Self::Wait | Self::Approval)
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Step => "a step",
            Self::Let => "a `let`",
            Self::Branch => "a branch",
            Self::LoopVariable => "a loop variable",
            Self::Wait => "a `wait`",
            Self::Approval => "an `approve`",
            Self::Caught => "the error of a `catch`",
        }
    }
}

/// A declaration.
#[derive(Clone, Copy, Debug)]
pub struct Declaration<'a> {
    pub name: &'a Name,
    pub kind: Kind,
    /// The whole statement.
    pub span: Span,
}

/// The names of a workflow by how expressions write them; the first declaration of each.
pub struct Declared<'a> {
    by_ident: HashMap<String, Declaration<'a>>,
    /// Declarations of a name that is taken, with the one that has it.
    pub taken: Vec<(Declaration<'a>, Declaration<'a>)>,
    /// All declarations in order, for their names to be checked.
    pub all: Vec<Declaration<'a>>,
    /// How many steps there are, and the first that is past a limit.
    pub steps: Vec<&'a Name>,
    /// Whether there are statements that are not read, and so names that are not known.
    pub incomplete: bool,
    /// The words of those statements: names that they may have declared.
    unread: HashSet<&'a str>,
}

impl<'a> Declared<'a> {
    /// The names of `workflow`.
    pub fn of(workflow: &'a Workflow) -> Self {
        let mut declared = Self {
            by_ident: HashMap::new(),
            taken: Vec::new(),
            all: Vec::new(),
            steps: Vec::new(),
            incomplete: false,
            unread: HashSet::new(),
        };
        let mut variables = Vec::new();
        each_statement(&workflow.body, &mut |statement| declared.statement(statement, &mut variables));
        for variable in variables {
            declared.variable(variable);
        }
        declared
    }

    fn statement(&mut self, statement: &'a Stmt, variables: &mut Vec<Declaration<'a>>) {
        let span = statement.span;
        match &statement.kind {
            StmtKind::Step(step) => {
                self.steps.push(&step.name);
                self.add(Declaration { name: &step.name, kind: Kind::Step, span });
            }
            StmtKind::Let { name, .. } => self.add(Declaration { name, kind: Kind::Let, span }),
            StmtKind::Branch { name, .. } => self.add(Declaration { name, kind: Kind::Branch, span }),
            StmtKind::For(each) => {
                if let Some(name) = &each.name {
                    self.add(Declaration { name, kind: Kind::Let, span });
                }
                variables.push(Declaration { name: &each.var, kind: Kind::LoopVariable, span });
            }
            StmtKind::Try(tried) => {
                let caught = |catch: &'a Catch| Declaration { name: &catch.name, kind: Kind::Caught, span: catch.span };
                variables.extend(tried.catches.iter().map(caught));
            }
            StmtKind::Wait(wait) => self.add(Declaration { name: &wait.name, kind: Kind::Wait, span }),
            StmtKind::Approve(approve) => self.add(Declaration { name: &approve.name, kind: Kind::Approval, span }),
            StmtKind::Unread { words } => {
                self.incomplete = true;
                self.unread.extend(words.iter().map(|word| &**word));
            }
            _ => {}
        }
    }

    /// Whether a statement that is not read may have declared this name.
    pub fn may_declare(&self, name: &str) -> bool {
        self.unread.contains(name)
    }

    fn add(&mut self, declaration: Declaration<'a>) {
        let key = ident(&declaration.name.value);
        match self.by_ident.get(&key) {
            // `for_each` in the flat notation gives a step, its loop and its branch one name, written once.
            Some(first) if first.name.span == declaration.name.span => {}
            Some(first) => self.taken.push((declaration, *first)),
            None => {
                self.by_ident.insert(key, declaration);
                self.all.push(declaration);
            }
        }
    }

    /// A loop variable may have the name of another loop's, and an error that of another; not that of anything else.
    fn variable(&mut self, variable: Declaration<'a>) {
        let key = ident(&variable.name.value);
        match self.by_ident.get(&key) {
            Some(first) if first.kind != variable.kind => self.taken.push((variable, *first)),
            Some(_) => {}
            None => {
                self.by_ident.insert(key, variable);
                self.all.push(variable);
            }
        }
    }

    /// The declaration that expressions call `ident`.
    pub fn get(&self, ident: &str) -> Option<Declaration<'a>> {
        self.by_ident.get(ident).copied()
    }

    /// A declaration whose name, as written, is `name`.
    pub fn written(&self, name: &str) -> Option<Declaration<'a>> {
        self.get(&ident(name)).filter(|declaration| &*declaration.name.value == name)
    }
}
