//! Random trees of all that the language has, in the form in which the parser gives them.

mod expression;
mod statement;

use std::sync::Arc;

use crate::expr::{Expr, ExprKind, Span};
use crate::lang::ast::{
    Answer, Ask, Expectation, Field, File, Mock, Name, Spanned, TaskDecl, Test, TestEntry, TestKind, Trigger,
    TriggerKind, Workflow,
};

/// Words that are contextual keywords, and some that are none.
const IDENTS: &[&str] = &[
    "a", "b", "input", "error", "item", "x1", "_y", "for", "until", "code", "timeout", "r", "step", "else", "any",
    "of", "first", "undo", "with", "after", "not", "never", "max", "list", "string",
];

const NAMES: &[&str] =
    &["a", "b-c", "validate-order", "x1", "_y", "step", "if", "a-1", "else", "undo", "not", "max", "times", "config"];

const TEXTS: &[&str] = &[
    "",
    "a",
    "order ",
    "${x}",
    "$${",
    "$",
    "$$",
    "a\nb",
    "\n",
    "a\n  b\n",
    "  a\n  b",
    "tab\there",
    "\"",
    "\"\"\"",
    "\"\"\"\n",
    "\\",
    "\\n",
    "\r\n",
    "é😀",
    "\u{0}",
    "\u{1}",
    "\u{feff}",
    "\u{3000}\na",
    "a \nb",
    "#",
    "{",
    "}",
    "a\n\nb",
    "'",
    "a$",
];

const FUNCTIONS: &[&str] = &["size", "range", "join", "timestamp", "max", "f"];

/// A source of random numbers.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub fn chance(&mut self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.chance(2).then(|| make(self))
    }

    fn some<T>(&mut self, least: usize, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let count = least + self.below(most - least + 1);
        (0..count).map(|_| make(self)).collect()
    }

    fn text(&mut self) -> Arc<str> {
        let parts = self.below(3) + 1;
        (0..parts).map(|_| self.pick(TEXTS)).collect::<String>().into()
    }

    fn name(&mut self) -> Name {
        spanned(self.pick(NAMES).into())
    }

    fn dotted(&mut self) -> Name {
        let parts = self.some(1, 2, |random| random.pick(NAMES));
        spanned(parts.join(".").into())
    }

    fn ident(&mut self) -> Arc<str> {
        self.pick(IDENTS).into()
    }

    fn quoted(&mut self) -> Name {
        spanned(self.pick(&["a", "order.placed", "0 6 * * 1-5", "é \"b\"", "Europe/Paris"]).into())
    }
}

fn spanned<T>(value: T) -> Spanned<T> {
    Spanned { value, span: Span::default() }
}

fn expr(kind: ExprKind) -> Expr {
    Expr::new(kind, Span::default())
}

impl Random {
    /// A file: most hold one item, so that many can be looked at, and some hold all that a file may.
    pub fn file(&mut self) -> File {
        let most = usize::from(self.chance(16));
        let mut file = File {
            workflows: self.some(0, 2 * most, |random| random.workflow(3)),
            tasks: self.some(0, most, Self::task),
            tests: self.some(0, most, Self::test),
        };
        match self.below(8) {
            0 => file.tasks.push(self.task()),
            1 | 2 => file.tests.push(self.test()),
            _ => file.workflows.push(self.workflow(1)),
        }
        file
    }

    fn task(&mut self) -> TaskDecl {
        let (config, output) = (self.maybe(Self::ty), self.maybe(Self::ty));
        TaskDecl { name: self.dotted(), config, output, span: Span::default() }
    }

    fn test(&mut self) -> Test {
        let entries = self.some(0, 3, Self::test_entry);
        Test { name: self.quoted(), workflow: self.dotted(), entries, span: Span::default() }
    }

    fn declaration(&mut self) -> Field {
        Field { name: self.name(), ty: self.ty(), default: self.maybe(Self::any), span: Span::default() }
    }

    fn workflow(&mut self, depth: usize) -> Workflow {
        Workflow {
            name: self.dotted(),
            attributes: if self.chance(3) { self.attributes() } else { Vec::new() },
            inputs: self.some(0, 1, Self::declaration),
            output: if self.chance(3) { Some(self.ty()) } else { None },
            settings: self.some(0, 1, Self::declaration),
            secrets: self.some(0, 1, Self::name),
            triggers: self.some(0, 1, Self::trigger),
            policies: if self.chance(3) { self.workflow_policies() } else { Vec::new() },
            body: self.body(depth),
            flat: false,
            span: Span::default(),
        }
    }

    fn trigger(&mut self) -> Trigger {
        let kind = match self.below(3) {
            0 => TriggerKind::Cron {
                schedule: self.quoted(),
                timezone: self.maybe(Self::quoted),
                catch_up: self.maybe(|random| spanned(random.pick(&["all", "last", "none"]).into())),
                overlap: self.maybe(|random| spanned(random.pick(&["skip", "allow"]).into())),
            },
            1 => TriggerKind::Event { event: self.quoted() },
            _ => TriggerKind::Webhook {
                path: self.quoted(),
                hmac: self.maybe(Self::name),
                dedupe: self.maybe(Self::any),
            },
        };
        let filtered = !matches!(kind, TriggerKind::Cron { .. });
        let condition = if filtered { self.maybe(Self::any) } else { None };
        Trigger { kind, condition, with: self.maybe(Self::any), span: Span::default() }
    }

    fn test_entry(&mut self) -> TestEntry {
        let (word, kind) = match self.below(8) {
            0 => ("given", TestKind::Given(self.any())),
            1 => ("settings", TestKind::Settings(self.any())),
            2 => ("at", TestKind::At(self.any())),
            3 => ("mock", TestKind::Mock(Box::new(self.mock()))),
            4 => (
                "send",
                TestKind::Send { event: self.quoted(), data: self.maybe(Self::any), after: self.maybe(Self::any) },
            ),
            5 => {
                let approved = self.chance(2);
                let (with, after) = (self.maybe(Self::any), self.maybe(Self::any));
                let kind = TestKind::Decide { name: self.name(), approved, with, after };
                (if approved { "approve" } else { "refuse" }, kind)
            }
            6 => {
                let (word, what) =
                    self.pick(&[("cancel", Ask::Cancel), ("pause", Ask::Pause), ("resume", Ask::Resume)]);
                (word, TestKind::Ask { what, after: self.maybe(Self::any) })
            }
            _ => ("expect", TestKind::Expect(self.expectation())),
        };
        TestEntry { kind, keyword: spanned(word.into()), span: Span::default() }
    }

    fn mock(&mut self) -> Mock {
        let answer = match self.below(4) {
            0 => Answer::Gives(self.any()),
            1 => Answer::Fails {
                code: self.any(),
                message: self.maybe(Self::any),
                status: self.maybe(Self::any),
                fatal: self.chance(2),
            },
            2 => Answer::TimesOut,
            _ => Answer::Lost,
        };
        Mock {
            step: self.name(),
            items: self.some(0, 2, Self::any),
            undo: self.chance(2),
            after: self.maybe(Self::any),
            answer,
            times: self.maybe(Self::any),
        }
    }

    fn expectation(&mut self) -> Expectation {
        match self.below(6) {
            0 => Expectation::Completed { output: self.maybe(Self::any) },
            1 => Expectation::Failed { code: self.maybe(Self::any) },
            2 => Expectation::Cancelled,
            3 => Expectation::Ran {
                not: self.chance(2),
                steps: self.some(1, 3, Self::name),
                times: self.maybe(Self::any),
            },
            4 => Expectation::Undone { not: self.chance(2), steps: self.some(1, 3, Self::name) },
            _ => Expectation::That(self.any()),
        }
    }
}
