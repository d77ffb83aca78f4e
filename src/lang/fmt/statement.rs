//! Statements, and the blocks that they stand in.

use crate::expr::{Expr, Span, Type};
use crate::lang::ast::{
    Approve, Attribute, Catch, Field, For, MatchArm, Name, ParallelMode, Policy, Repeat, Spanned, Step, Stmt, StmtKind,
    TestEntry, Trigger, Try, Wait,
};

use super::build::Builder;
use super::expr::first_name;
use super::ops::{Line, Op, Place};
use super::policy::Clause;

/// What stands in a block.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// `key = value`.
    Attribute(&'a Attribute),
    /// `input NAME: TYPE [= default]`, and `setting`.
    Declaration(&'static str, &'a Field),
    /// `config TYPE`, `output TYPE`, of a workflow or a task.
    Type(&'static str, &'a Spanned<Type>),
    /// `secret NAME`.
    Secret(&'a Name),
    /// `on …`.
    Trigger(&'a Trigger),
    /// A policy.
    Policy(&'a Policy),
    /// A statement.
    Statement(&'a Stmt),
    /// An arm of a `match`.
    Arm(&'a MatchArm),
    /// The `else` of a `match`.
    Otherwise(&'a [Stmt]),
    /// An entry of a test.
    Test(&'a TestEntry),
}

impl Entry<'_> {
    /// Where it begins in the source; the `else` of a `match` has no place of its own.
    fn start(&self) -> Option<u32> {
        let span = match self {
            Self::Attribute(attribute) => attribute.key.span,
            Self::Declaration(_, field) => field.span,
            Self::Type(_, ty) => ty.span,
            Self::Secret(name) => name.span,
            Self::Trigger(trigger) => trigger.span,
            Self::Policy(policy) => policy.span,
            Self::Statement(statement) => statement.span,
            Self::Arm(arm) => arm.span,
            Self::Test(entry) => entry.span,
            Self::Otherwise(_) => return None,
        };
        Some(span.start)
    }

    /// Which part of a workflow it belongs to: a blank line parts them where there is no source to tell.
    fn part(&self) -> u8 {
        match self {
            Self::Attribute(_) => 0,
            Self::Declaration("input", _) | Self::Type(..) => 1,
            Self::Declaration(..) | Self::Secret(_) => 2,
            Self::Trigger(_) => 3,
            Self::Policy(_) => 4,
            Self::Statement(_) | Self::Arm(_) | Self::Otherwise(_) | Self::Test(_) => 5,
        }
    }

    /// Whether it is a statement of several lines where there is no source to tell.
    fn is_tall(&self) -> bool {
        let Self::Statement(statement) = self else { return false };
        match &statement.kind {
            StmtKind::Step(step) => step.config.len() + step.policies.len() > 1,
            StmtKind::For(_)
            | StmtKind::Parallel { .. }
            | StmtKind::Branch { .. }
            | StmtKind::If { .. }
            | StmtKind::Match(_)
            | StmtKind::Repeat(_)
            | StmtKind::Try(_) => true,
            _ => false,
        }
    }
}

impl<'a> Builder<'a> {
    /// Statements.
    pub fn statements(&mut self, body: &'a [Stmt]) {
        self.block(body.iter().map(Entry::Statement).collect(), true);
    }

    /// `{ … }` of the open group. On one line if the author began it so and it fits; `tall` ones never where there is no author.
    pub fn block(&mut self, mut entries: Vec<Entry<'a>>, tall: bool) {
        const BLOCK: super::build::Brackets =
            super::build::Brackets { open: "{", close: "}", pad: " ", between: ", ", mark: "", keeps_line: false };
        if entries.is_empty() {
            return self.empty(BLOCK);
        }
        match self.source {
            Some(_) => entries.sort_by_key(|entry| entry.start().unwrap_or(u32::MAX)),
            None if tall || entries.len() > 1 => self.break_group(),
            None => {}
        }
        let in_head = std::mem::replace(&mut self.in_head, false);
        self.word("{");
        if self.line_follows() {
            self.break_group();
        }
        self.indented(|b| {
            b.line(Line { flat: " ", mark: "", place: Place::First });
            b.entries(&entries, tall);
        });
        self.line(Line { flat: " ", mark: "", place: Place::Last });
        self.word("}");
        self.break_where_tall();
        self.in_head = in_head;
    }

    /// Entries, a line each, or with commas between them. Where there is no author, blank lines part those of `tall` blocks.
    fn entries(&mut self, entries: &[Entry<'a>], tall: bool) {
        let mut before: Option<(&Entry<'a>, usize)> = None;
        for entry in entries {
            let start = self.ops.len();
            if let Some((last, _)) = before {
                let parted = last.part() != entry.part() || last.is_tall() || entry.is_tall();
                let blank = parted && tall && self.source.is_none();
                // The two types of a task need no comma.
                let types = matches!((last, entry), (Entry::Type(..), Entry::Type(..)));
                let flat = if types { " " } else { ", " };
                self.line(Line { flat, mark: "", place: Place::Between { blank } });
            }
            self.any_entry(entry);
            // After `after a,` on one line a single word would be another name.
            let lists =
                before.is_some_and(|(_, at)| matches!(self.words_of(at, start).first(), Some(&"after" | &"expect")));
            if lists && self.words_of(start, self.ops.len()).len() == 1 {
                self.break_group();
            }
            before = Some((entry, start));
        }
    }

    /// The first words of some ops.
    fn words_of(&self, start: usize, end: usize) -> Vec<&str> {
        let texts = self.ops[start..end].iter().filter_map(|op| match op {
            Op::Text(text) => Some(&*text.text),
            _ => None,
        });
        texts.take(2).collect()
    }

    fn any_entry(&mut self, entry: &Entry<'a>) {
        match *entry {
            Entry::Attribute(attribute) => self.attribute(attribute),
            Entry::Declaration(word, field) => self.entry(field.span, |b| b.declaration(word, field)),
            Entry::Type(word, ty) => self.clause(word, Clause::Type(ty)),
            Entry::Secret(name) => self.clause("secret", Clause::Name(name)),
            Entry::Trigger(trigger) => self.entry(trigger.span, |b| b.trigger(trigger)),
            Entry::Policy(policy) => self.policy(policy),
            Entry::Statement(statement) => self.statement(statement),
            Entry::Arm(arm) => self.entry(arm.span, |b| b.arm(arm)),
            Entry::Otherwise(body) => self.group(|b| {
                b.word("else");
                b.gap();
                b.statements(body);
            }),
            Entry::Test(entry) => self.entry(entry.span, |b| b.test_entry(entry)),
        }
    }

    /// A space before a `{` or a word that goes on after a `}`: a comment may stand there.
    pub fn gap(&mut self) {
        self.ops.push(Op::Gap);
    }

    fn statement(&mut self, statement: &'a Stmt) {
        self.entry(statement.span, |b| b.group(|b| b.statement_words(&statement.kind, statement.span)));
    }

    fn statement_words(&mut self, kind: &'a StmtKind, span: Span) {
        match kind {
            StmtKind::Step(step) => self.step(step),
            StmtKind::Let { name, value } => {
                self.let_name(name);
                self.value(value);
            }
            StmtKind::For(each) => self.each(each),
            StmtKind::Parallel { mode, children } => self.parallel(mode, children),
            StmtKind::Branch { name, policies, body } => self.branch(name, policies, body),
            StmtKind::If { arms, otherwise } => self.choice(arms, otherwise.as_deref()),
            StmtKind::Match(matched) => {
                self.keyword("match");
                self.head(&matched.subject);
                self.gap();
                let arms = matched.arms.iter().map(Entry::Arm);
                let entries: Vec<_> = arms.chain(matched.otherwise.as_deref().map(Entry::Otherwise)).collect();
                if !entries.is_empty() {
                    self.break_group();
                }
                self.block(entries, true);
            }
            StmtKind::Repeat(repeat) => self.repeat(repeat),
            StmtKind::Try(tried) => self.tried(tried),
            StmtKind::Compensate => self.word("compensate"),
            StmtKind::Wait(wait) => self.wait(wait),
            StmtKind::Approve(approve) => self.approve(approve),
            StmtKind::Sleep(time) => {
                self.keyword("sleep");
                // `sleep until …` is another statement.
                let until = first_name(time) == Some("until") && self.kept(time.span).is_none();
                if until { self.parenthesised(time) } else { self.value(time) }
            }
            StmtKind::SleepUntil(time) => self.clause("sleep until", Clause::Expr(time)),
            StmtKind::Yield(value) => self.clause("yield", Clause::Expr(value)),
            StmtKind::Return(None) => self.word("return"),
            StmtKind::Return(Some(value)) => self.clause("return", Clause::Expr(value)),
            StmtKind::Fail { message, code, cause } => {
                self.clause("fail", Clause::Expr(message));
                let (code, cause) = (code.as_ref().map(Clause::Expr), cause.as_ref().map(Clause::Expr));
                self.clauses(vec![("code", code), ("cause", cause)]);
            }
            StmtKind::Unread { .. } => self.verbatim(span),
        }
    }

    fn let_name(&mut self, name: &'a Name) {
        self.keyword("let");
        self.name(name);
        self.space();
        self.keyword("=");
    }

    fn step(&mut self, step: &'a Step) {
        self.keyword("step");
        self.name(&step.name);
        self.word(":");
        self.space();
        self.name(&step.task_type);
        self.gap();
        self.configuration(&step.config, &step.policies);
    }

    fn each(&mut self, each: &'a For) {
        if let Some(name) = &each.name {
            self.let_name(name);
        }
        self.keyword("for");
        self.name(&each.var);
        self.space();
        self.keyword("in");
        self.head(&each.list);
        self.in_head = true;
        let going = each.keep_going.as_ref();
        let max = going.and_then(|going| going.max.as_ref());
        self.clauses(vec![
            ("parallel", each.parallel.as_ref().map(Clause::Expr)),
            ("keep going", going.filter(|_| max.is_none()).map(|_| Clause::Word)),
            ("keep going max", max.map(Clause::Expr)),
        ]);
        self.in_head = false;
        self.gap();
        self.statements(&each.body);
    }

    fn parallel(&mut self, mode: &'a ParallelMode, children: &'a [Stmt]) {
        self.word("parallel");
        match mode {
            ParallelMode::All => {}
            ParallelMode::First(_) => {
                self.space();
                self.word("first");
            }
            ParallelMode::Any { count, .. } => {
                self.space();
                self.keyword("any");
                self.head(count);
                self.space();
                self.word("of");
            }
        }
        self.gap();
        self.statements(children);
    }

    fn branch(&mut self, name: &'a Name, policies: &'a [Policy], body: &'a [Stmt]) {
        self.keyword("branch");
        self.name(name);
        self.gap();
        let policies = policies.iter().map(Entry::Policy);
        self.block(policies.chain(body.iter().map(Entry::Statement)).collect(), true);
    }

    fn choice(&mut self, arms: &'a [(Expr, Vec<Stmt>)], otherwise: Option<&'a [Stmt]>) {
        for (at, (condition, body)) in arms.iter().enumerate() {
            if at > 0 {
                self.gap();
                self.keyword("else");
            }
            self.keyword("if");
            self.head(condition);
            self.gap();
            self.statements(body);
        }
        if let Some(body) = otherwise {
            self.gap();
            self.word("else");
            self.gap();
            self.statements(body);
        }
    }

    fn arm(&mut self, arm: &'a MatchArm) {
        self.group(|b| {
            for (at, pattern) in arm.patterns.iter().enumerate() {
                if at > 0 {
                    b.soft(",");
                    b.space();
                }
                // `else { … }` is for all that no arm takes.
                let otherwise = at == 0 && first_name(pattern) == Some("else");
                if otherwise && b.kept(pattern.span).is_none() { b.parenthesised(pattern) } else { b.head(pattern) }
            }
            b.gap();
            b.statements(&arm.body);
        });
    }

    fn repeat(&mut self, repeat: &'a Repeat) {
        self.word("repeat");
        if let Some(every) = &repeat.every {
            self.space();
            self.keyword("every");
            self.head(every);
        }
        self.space();
        self.keyword("max");
        self.head(&repeat.max);
        self.space();
        self.keyword("until");
        self.head(&repeat.until);
        self.gap();
        self.statements(&repeat.body);
    }

    fn tried(&mut self, tried: &'a Try) {
        self.word("try");
        self.gap();
        self.statements(&tried.body);
        for Catch { name, condition, body, .. } in &tried.catches {
            self.gap();
            self.keyword("catch");
            self.name(name);
            if let Some(condition) = condition {
                self.space();
                self.keyword("if");
                self.head(condition);
            }
            self.gap();
            self.statements(body);
        }
        if let Some(body) = &tried.finally {
            self.gap();
            self.word("finally");
            self.gap();
            self.statements(body);
        }
    }

    fn wait(&mut self, wait: &'a Wait) {
        self.asked("wait", &wait.name, &wait.event);
        let condition = wait.condition.as_ref().map(Clause::Expr);
        self.clauses(vec![("where", condition), ("timeout", wait.timeout.as_ref().map(Clause::Expr))]);
    }

    fn approve(&mut self, approve: &'a Approve) {
        self.asked("approve", &approve.name, &approve.group);
        let form = approve.form.as_ref().map(Clause::Type);
        self.clauses(vec![("form", form), ("timeout", approve.timeout.as_ref().map(Clause::Expr))]);
    }

    /// `wait NAME: "what"`.
    fn asked(&mut self, word: &'static str, name: &'a Name, of: &'a Name) {
        self.keyword(word);
        self.name(name);
        self.word(":");
        self.space();
        self.quoted(&of.value);
    }
}
