//! Walking statements.

use super::ast::{Stmt, StmtKind};

/// The blocks of a statement, in the order written.
pub fn blocks(statement: &Stmt) -> Vec<&[Stmt]> {
    match &statement.kind {
        StmtKind::For(each) => vec![&each.body],
        StmtKind::Parallel { children, .. } => vec![children],
        StmtKind::Branch { body, .. } => vec![body],
        StmtKind::If { arms, otherwise } => {
            let arms = arms.iter().map(|(_, block)| &**block);
            arms.chain(otherwise.as_deref()).collect()
        }
        StmtKind::Match(matched) => {
            matched.arms.iter().map(|arm| &*arm.body).chain(matched.otherwise.as_deref()).collect()
        }
        StmtKind::Repeat(repeat) => vec![&repeat.body],
        StmtKind::Try(tried) => {
            let catches = tried.catches.iter().map(|catch| &*catch.body);
            std::iter::once(&*tried.body).chain(catches).chain(tried.finally.as_deref()).collect()
        }
        _ => Vec::new(),
    }
}

/// Calls `visit` with each statement, those inside of others after them, in the order written.
pub fn each_statement<'a>(body: &'a [Stmt], visit: &mut dyn FnMut(&'a Stmt)) {
    for statement in body {
        visit(statement);
        for block in blocks(statement) {
            each_statement(block, visit);
        }
    }
}
