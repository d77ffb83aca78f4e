//! `try`: what has run after it, and in its `catch`es.

use crate::expr::Span;
use crate::lang::Diagnostic;
use crate::lang::ast::{Catch, Try};

use super::Checker;
use super::codes::{MISPLACED_STATEMENT, UNREACHABLE};
use super::declared::Kind;
use super::names::error_type;
use super::scope::Binding;
use super::statement::{Block, End};

/// Where a statement stands, as far as it decides over what may stand there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// In a `finally`.
    pub finally: bool,
    /// In a `catch` or a `finally`, where what the `try` did can be undone.
    pub after_try: bool,
}

/// Why a step of a `try` may have no value.
const IN_TRY: &str = "it is in a `try` that may have failed before it";
const IN_CATCH: &str = "it runs only where the `try` failed";

impl Checker<'_> {
    /// `try { … } catch … { … } finally { … }`.
    pub fn tried(&mut self, tried: &Try, span: Span) -> Option<End> {
        let here = self.place;
        let body = self.block(&tried.body);
        // What went before in the `try` is not known where it failed.
        let head = Span { start: span.start, end: span.start + 3 };
        let ends = body.ends;
        self.scopes.enter();
        self.bind_maybe(body.steps.clone(), (head, IN_TRY));
        self.place = Place { after_try: true, ..here };
        let caught: Vec<Block> = tried.catches.iter().map(|catch| self.catch(catch)).collect();
        self.unreachable_catches(&tried.catches);
        caught.iter().for_each(|block| self.bind_maybe(block.steps.clone(), (head, IN_CATCH)));
        self.place = Place { after_try: true, finally: true };
        let finally = tried.finally.as_ref().map(|body| self.block(body));
        self.place = here;
        self.scopes.leave();
        self.after_try((body, caught, finally), head).or(ends.filter(|_| tried.catches.is_empty()))
    }

    /// What is known after a `try`, and whether the execution ends in it.
    fn after_try(&mut self, blocks: (Block, Vec<Block>, Option<Block>), head: Span) -> Option<End> {
        let (body, caught, finally) = blocks;
        let caught_end = caught.iter().all(|block| block.ends.is_some());
        let mut ends = body.ends.filter(|_| caught_end);
        if caught_end {
            // Where an error was caught the execution ended: all of the body has run.
            self.facts.learn(&body.learnt);
            self.bind_all(body.steps);
        } else {
            self.bind_maybe(body.steps, (head, IN_TRY));
        }
        for block in caught {
            self.bind_maybe(block.steps, (head, IN_CATCH));
        }
        if let Some(finally) = finally {
            self.facts.learn(&finally.learnt);
            self.bind_all(finally.steps);
            ends = ends.or(finally.ends);
        }
        ends
    }

    fn catch(&mut self, catch: &Catch) -> Block {
        let mark = self.facts.mark();
        self.scopes.enter();
        self.bind(&catch.name, Binding::new(Kind::Caught, error_type()));
        let conditions = catch.condition.as_ref().map(|condition| {
            self.condition(condition, "the condition of a `catch`");
            vec![(condition, true)]
        });
        let block = self.block_where(&conditions.unwrap_or_default(), &catch.body);
        self.scopes.leave();
        self.facts.forget(mark);
        block
    }

    /// A `catch` after one that takes every error.
    fn unreachable_catches(&mut self, catches: &[Catch]) {
        let Some(all) = catches.iter().position(|catch| catch.condition.is_none()) else { return };
        if let Some(next) = catches.get(all + 1) {
            let error = Diagnostic::error(UNREACHABLE, "this `catch` is never reached", next.name.span);
            self.tell(error.also(catches[all].name.span, "this one takes every error").help("put it last"));
        }
    }

    /// `compensate`.
    pub fn compensate(&mut self, span: Span) {
        if !self.place.after_try {
            let message = "`compensate` undoes what a `try` did, and stands in its `catch` or `finally`";
            self.error(MISPLACED_STATEMENT, message, span);
        }
    }
}
