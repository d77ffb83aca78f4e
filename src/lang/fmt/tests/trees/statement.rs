//! Random statements and policies.

use crate::expr::{Expr, Span};
use crate::lang::ast::{
    Approve, Attribute, Catch, For, KeepGoing, Match, MatchArm, ParallelMode, Policy, PolicyKind, Repeat, Retry, Step,
    Stmt, StmtKind, Try, Undo, Wait,
};

use super::{Random, spanned};

impl Random {
    pub(super) fn any(&mut self) -> Expr {
        let depth = self.pick(&[0, 0, 1, 1, 2, 3]);
        self.expr(depth)
    }

    pub(super) fn attributes(&mut self) -> Vec<Attribute> {
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

    pub(super) fn workflow_policies(&mut self) -> Vec<Policy> {
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

impl Random {
    pub(super) fn body(&mut self, depth: usize) -> Vec<Stmt> {
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
