//! Random trees of all that the language has, in the form in which the parser gives them.

use std::sync::Arc;

use crate::expr::{
    BinaryOp, Expr, ExprKind, FieldType, ListItem, MacroKind, ObjectEntry, ObjectType, Span, TemplatePart, Type,
    UnaryOp, Value,
};
use crate::lang::ast::{
    Answer, Approve, Ask, Attribute, Catch, Expectation, Field, File, For, KeepGoing, Match, MatchArm, Mock, Name,
    ParallelMode, Policy, PolicyKind, Repeat, Retry, Spanned, Step, Stmt, StmtKind, TaskDecl, Test, TestEntry,
    TestKind, Trigger, TriggerKind, Try, Undo, Wait, Workflow,
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

// ---- expressions ----

impl Random {
    pub fn expr(&mut self, depth: usize) -> Expr {
        if depth == 0 || self.chance(4) {
            return self.leaf();
        }
        let kind = self.kind(depth - 1);
        expr(kind)
    }

    fn leaf(&mut self) -> Expr {
        let int = self.int();
        expr(match self.below(10) {
            0 => ExprKind::Literal(Value::Null),
            1 => ExprKind::Literal(Value::Bool(self.chance(2))),
            2 => ExprKind::Literal(Value::Int(int)),
            3 => ExprKind::Literal(Value::Num(self.pick(&[
                1.5,
                -1.5,
                0.0,
                -0.0,
                1e21,
                1e-9,
                2.0,
                -1e300,
                0.1,
                123_456.789,
            ]))),
            // The shortest of all has no text.
            4 => ExprKind::Literal(Value::Duration(int.max(-i64::MAX))),
            5 | 6 => ExprKind::Literal(Value::Str(self.text())),
            _ => ExprKind::Name(self.ident()),
        })
    }

    fn int(&mut self) -> i64 {
        let any = self.next() as i64;
        self.pick(&[0, 1, -1, 42, 90_000_000, -5_400_000_000, i64::MAX, i64::MIN, any])
    }

    fn boxed(&mut self, depth: usize) -> Box<Expr> {
        Box::new(self.expr(depth))
    }

    fn kind(&mut self, depth: usize) -> ExprKind {
        match self.below(14) {
            0 => self.field(depth),
            1 => self.index(depth),
            2 => ExprKind::List(self.some(0, 3, |random| match random.chance(4) {
                true => ListItem::Spread(random.expr(depth)),
                false => ListItem::Item(random.expr(depth)),
            })),
            3 => ExprKind::Object(self.some(0, 3, |random| random.object_entry(depth))),
            4 => self.unary(depth),
            5..=7 => ExprKind::Binary { op: self.binary_op(), left: self.boxed(depth), right: self.boxed(depth) },
            8 => {
                ExprKind::Conditional { test: self.boxed(depth), then: self.boxed(depth), otherwise: self.boxed(depth) }
            }
            9 => ExprKind::Call {
                function: self.pick(FUNCTIONS).into(),
                name_span: Span::default(),
                receiver: None,
                args: self.some(0, 3, |random| random.expr(depth)),
            },
            10 => ExprKind::Call {
                function: self.pick(FUNCTIONS).into(),
                name_span: Span::default(),
                receiver: Some(self.boxed(depth)),
                args: self.some(0, 3, |random| random.expr(depth)),
            },
            11 => self.macro_call(depth),
            12 => {
                let inner = if self.chance(2) { self.field(depth) } else { self.index(depth) };
                ExprKind::Has(Box::new(expr(inner)))
            }
            _ => self.template(depth),
        }
    }

    fn field(&mut self, depth: usize) -> ExprKind {
        let name = if self.chance(8) { "in".into() } else { self.ident() };
        ExprKind::Field { base: self.boxed(depth), name, optional: self.chance(3) }
    }

    fn index(&mut self, depth: usize) -> ExprKind {
        ExprKind::Index { base: self.boxed(depth), index: self.boxed(depth), optional: self.chance(3) }
    }

    fn object_entry(&mut self, depth: usize) -> ObjectEntry {
        if self.chance(5) {
            return ObjectEntry::Spread(self.expr(depth));
        }
        let key =
            if self.chance(2) { self.text() } else { self.pick(&["a", "in", "other-key", "r", "content-type"]).into() };
        ObjectEntry::Field { key, key_span: Span::default(), value: self.expr(depth) }
    }

    fn unary(&mut self, depth: usize) -> ExprKind {
        let operand = self.boxed(depth);
        let number = matches!(operand.kind, ExprKind::Literal(Value::Int(_) | Value::Num(_) | Value::Duration(_)));
        // A negated number is a number.
        let op = if number || self.chance(2) { UnaryOp::Not } else { UnaryOp::Negate };
        ExprKind::Unary { op, operand }
    }

    fn binary_op(&mut self) -> BinaryOp {
        use BinaryOp::*;
        self.pick(&[Or, And, Eq, Ne, Lt, Le, Gt, Ge, In, Coalesce, Add, Sub, Mul, Div, Rem])
    }

    fn macro_call(&mut self, depth: usize) -> ExprKind {
        use MacroKind::*;
        let kind = self.pick(&[All, Exists, ExistsOne, Map, Filter, SortBy]);
        let filter = if kind == Map && self.chance(2) { Some(self.boxed(depth)) } else { None };
        ExprKind::Macro { kind, list: self.boxed(depth), var: self.ident(), filter, body: self.boxed(depth) }
    }

    /// Texts between expressions, none of them empty, and at least one expression.
    fn template(&mut self, depth: usize) -> ExprKind {
        let mut parts = Vec::new();
        for _ in 0..=self.below(2) {
            let text = self.text();
            if !text.is_empty() {
                parts.push(TemplatePart::Text(text));
            }
            parts.push(TemplatePart::Expr(self.expr(depth.min(2))));
        }
        let text = self.text();
        if !text.is_empty() {
            parts.push(TemplatePart::Text(text));
        }
        ExprKind::Template(parts)
    }
}

// ---- types ----

impl Random {
    fn ty(&mut self) -> Spanned<Type> {
        spanned(self.type_of(3))
    }

    fn type_of(&mut self, depth: usize) -> Type {
        if depth == 0 || self.chance(3) {
            use Type::*;
            return match self.below(9) {
                0 => Literal(self.text()),
                at => [Any, Null, Bool, Int, Number, String, Duration, Timestamp][at - 1].clone(),
            };
        }
        match self.below(5) {
            0 => Type::List(Box::new(self.type_of(depth - 1))),
            1 => Type::Map(Box::new(self.type_of(depth - 1))),
            2 => self.union(depth),
            3 => self.type_of(depth - 1).nullable(),
            _ => self.object_type(depth),
        }
    }

    fn union(&mut self, depth: usize) -> Type {
        let mut members: Vec<Type> = Vec::new();
        for member in self.some(2, 4, |random| random.type_of(depth - 1)) {
            let flat = if let Type::Union(inner) = member { inner } else { vec![member] };
            for one in flat {
                if one != Type::Any && !members.contains(&one) {
                    members.push(one);
                }
            }
        }
        match members.len() {
            0 => Type::Any,
            1 => members.remove(0),
            _ => Type::Union(members),
        }
    }

    fn object_type(&mut self, depth: usize) -> Type {
        let mut fields: Vec<FieldType> = Vec::new();
        for _ in 0..self.below(4) {
            let name: Arc<str> = if self.chance(3) { self.text() } else { self.pick(NAMES).into() };
            let ty = self.type_of(depth - 1);
            if fields.iter().all(|field| field.name != name) {
                fields.push(FieldType { name, required: !ty.accepts_null() || ty == Type::Any, ty, doc: None });
            }
        }
        Type::Object(ObjectType { fields, open: false })
    }
}

// ---- policies ----

impl Random {
    fn any(&mut self) -> Expr {
        let depth = self.pick(&[0, 0, 1, 1, 2, 3]);
        self.expr(depth)
    }

    fn attributes(&mut self) -> Vec<Attribute> {
        self.some(0, 3, |random| {
            let key =
                if random.chance(4) { random.text() } else { random.pick(&["url", "in", "a-b", "message"]).into() };
            Attribute { key: spanned(key), value: random.any() }
        })
    }

    fn policy(&mut self, kinds: &[fn(&mut Self) -> PolicyKind]) -> Policy {
        let kind = self.pick(kinds)(self);
        let keyword = spanned(keyword_of(&kind).into());
        Policy { kind, keyword, span: Span::default() }
    }

    fn retry(&mut self) -> Retry {
        let backoff = self.maybe(Self::any);
        let backoff_max = if backoff.is_some() { self.maybe(Self::any) } else { None };
        Retry {
            max: self.any(),
            backoff,
            backoff_max,
            factor: self.maybe(Self::any),
            jitter: self.maybe(|random| spanned(random.pick(&["none", "full"]).into())),
            unless: self.maybe(Self::any),
            only: self.maybe(Self::any),
        }
    }

    fn undo(&mut self) -> Undo {
        let policies = self.some(0, 2, |random| {
            random.policy(&[
                |random| PolicyKind::Timeout(random.any()),
                |random| PolicyKind::Retry(Box::new(random.retry())),
                |random| PolicyKind::Queue(random.any()),
                |_| PolicyKind::Idempotent,
            ])
        });
        Undo { task_type: self.dotted(), config: self.attributes(), policies }
    }

    fn step_policies(&mut self) -> Vec<Policy> {
        self.some(0, 3, |random| {
            random.policy(&[
                |random| PolicyKind::Timeout(random.any()),
                |random| PolicyKind::Retry(Box::new(random.retry())),
                |random| PolicyKind::When(random.any()),
                |random| PolicyKind::After(random.some(1, 3, Self::name)),
                |random| PolicyKind::Queue(random.any()),
                |random| PolicyKind::Output(random.ty()),
                |random| PolicyKind::Undo(Box::new(random.undo())),
                |_| PolicyKind::Irreversible,
                |_| PolicyKind::Idempotent,
                |_| PolicyKind::AtMostOnce,
                |random| PolicyKind::Priority(random.any()),
                |random| PolicyKind::Heartbeat(random.any()),
                |random| PolicyKind::Cache { key: random.any(), ttl: random.any() },
                |random| PolicyKind::Rate { name: random.quoted(), limit: random.any() },
            ])
        })
    }

    fn workflow_policies(&mut self) -> Vec<Policy> {
        self.some(0, 3, |random| {
            random.policy(&[
                |random| PolicyKind::Timeout(random.any()),
                |random| PolicyKind::Retry(Box::new(random.retry())),
                |_| PolicyKind::UndoNever,
                |random| PolicyKind::Keep(random.any()),
                |random| PolicyKind::Concurrency {
                    key: random.any(),
                    limit: random.any(),
                    otherwise: random
                        .maybe(|random| spanned(random.pick(&["queue", "cancel", "replace", "fail"]).into())),
                },
            ])
        })
    }
}

fn keyword_of(kind: &PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Timeout(_) => "timeout",
        PolicyKind::Retry(_) => "retry",
        PolicyKind::When(_) => "when",
        PolicyKind::After(_) => "after",
        PolicyKind::Queue(_) => "queue",
        PolicyKind::Output(_) => "output",
        PolicyKind::Undo(_) | PolicyKind::UndoNever => "undo",
        PolicyKind::Irreversible => "irreversible",
        PolicyKind::Idempotent => "idempotent",
        PolicyKind::AtMostOnce => "at most once",
        PolicyKind::Priority(_) => "priority",
        PolicyKind::Heartbeat(_) => "heartbeat",
        PolicyKind::Cache { .. } => "cache",
        PolicyKind::Rate { .. } => "rate",
        PolicyKind::Concurrency { .. } => "concurrency",
        PolicyKind::Keep(_) => "keep",
        PolicyKind::Other => "other",
    }
}

// ---- statements ----

impl Random {
    fn body(&mut self, depth: usize) -> Vec<Stmt> {
        if depth == 0 { Vec::new() } else { self.some(0, 3, |random| random.statement(depth - 1)) }
    }

    fn statement(&mut self, depth: usize) -> Stmt {
        let kind = match self.below(18) {
            0..=2 => StmtKind::Step(Box::new(Step {
                name: self.name(),
                task_type: self.dotted(),
                config: self.attributes(),
                policies: self.step_policies(),
            })),
            3 => StmtKind::Let { name: self.name(), value: self.any() },
            4 => StmtKind::For(Box::new(For {
                name: self.maybe(Self::name),
                var: spanned(self.ident()),
                list: self.any(),
                parallel: self.maybe(Self::any),
                keep_going: self.maybe(|random| KeepGoing { max: random.maybe(Self::any), span: Span::default() }),
                body: self.body(depth),
            })),
            5 => StmtKind::Parallel { mode: self.mode(), children: self.body(depth) },
            6 => StmtKind::Branch {
                name: self.name(),
                policies: self.some(0, 2, |random| {
                    random.policy(&[
                        |random| PolicyKind::After(random.some(1, 3, Self::name)),
                        |random| PolicyKind::When(random.any()),
                    ])
                }),
                body: self.body(depth),
            },
            7 => StmtKind::If {
                arms: self.some(1, 3, |random| (random.any(), random.body(depth))),
                otherwise: self.maybe(|random| random.body(depth)),
            },
            8 => StmtKind::Match(Box::new(Match {
                subject: self.any(),
                arms: self.some(0, 3, |random| MatchArm {
                    patterns: random.some(1, 3, Self::any),
                    body: random.body(depth),
                    span: Span::default(),
                }),
                otherwise: self.maybe(|random| random.body(depth)),
            })),
            9 => StmtKind::Repeat(Box::new(Repeat {
                every: self.maybe(Self::any),
                max: self.any(),
                until: self.any(),
                body: self.body(depth),
            })),
            10 => StmtKind::Try(Box::new(Try {
                body: self.body(depth),
                catches: self.some(1, 2, |random| Catch {
                    name: spanned(random.ident()),
                    condition: random.maybe(Self::any),
                    body: random.body(depth),
                    span: Span::default(),
                }),
                finally: self.maybe(|random| random.body(depth)),
            })),
            11 => StmtKind::Wait(Box::new(Wait {
                name: self.name(),
                event: self.quoted(),
                condition: self.maybe(Self::any),
                timeout: self.maybe(Self::any),
            })),
            12 => StmtKind::Approve(Box::new(Approve {
                name: self.name(),
                group: self.quoted(),
                form: self.maybe(Self::ty),
                timeout: self.maybe(Self::any),
            })),
            13 => StmtKind::Sleep(self.any()),
            14 => StmtKind::SleepUntil(self.any()),
            15 => StmtKind::Yield(self.any()),
            16 => StmtKind::Return(self.maybe(Self::any)),
            _ if self.chance(5) => StmtKind::Compensate,
            _ => StmtKind::Fail { message: self.any(), code: self.maybe(Self::any), cause: self.maybe(Self::any) },
        };
        Stmt { kind, span: Span::default() }
    }

    fn mode(&mut self) -> ParallelMode {
        match self.below(3) {
            0 => ParallelMode::All,
            1 => ParallelMode::First(Span::default()),
            _ => ParallelMode::Any { count: self.any(), span: Span::default() },
        }
    }
}

// ---- files ----

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
