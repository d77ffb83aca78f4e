//! Statements.
//!
//! A statement that can't be read becomes `Reserved` without a word: it has been reported, and what it may have declared is
//! not known.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::expr::Expr;
use crate::lang::ast::{For, Name, ParallelMode, Policy, Spanned, Step, Stmt, StmtKind};
use crate::lang::grammar::Rule;
use crate::lang::nearest::did_you_mean;
use crate::lang::unread::unread;
use crate::lang::{Diagnostic, codes};

use super::parser::{Parser, Taken};
use super::policy;
use super::scan::Kind;

/// The words that begin a statement.
pub const WORDS: &[&str] = &[
    "step",
    "let",
    "for",
    "parallel",
    "branch",
    "if",
    "match",
    "try",
    "repeat",
    "wait",
    "approve",
    "sleep",
    "yield",
    "return",
    "fail",
    "compensate",
];

/// The tokens after a block that belong to it no more.
type Left = Option<Range<usize>>;

impl<'t> Parser<'t> {
    /// The statements between two tokens.
    pub fn statements(&mut self, within: Range<usize>) -> Vec<Stmt> {
        self.block_entries(within, &mut |_, _| false)
    }

    /// The statements between two tokens; entries that `other` takes are none.
    pub fn block_entries(
        &mut self,
        within: Range<usize>,
        other: &mut dyn FnMut(&mut Self, &Range<usize>) -> bool,
    ) -> Vec<Stmt> {
        let mut body = Vec::new();
        let mut entries: VecDeque<Range<usize>> = self.tokens.entries(within).into();
        while let Some(entry) = entries.pop_front() {
            if other(self, &entry) {
                continue;
            }
            let (statement, left) = self.statement(&entry);
            body.push(statement);
            if let Some(left) = left.filter(|left| !left.is_empty()) {
                if !self.tokens.has_bad(&(left.start..left.start + 1)) {
                    self.expected("the end of the line", left.start);
                }
                // What begins no statement is a part of the mistake.
                if self.tokens.word(left.start).is_some_and(|word| WORDS.contains(&word)) {
                    entries.push_front(left);
                }
            }
        }
        body
    }

    fn statement(&mut self, entry: &Range<usize>) -> (Stmt, Left) {
        let (kind, left) = self.kind(entry);
        let end = left.as_ref().map_or(entry.end, |left| left.start);
        let span = self.span(&(entry.start..end));
        let mut kind = kind.unwrap_or_else(|| broken(span.start));
        if let StmtKind::Reserved { words, .. } = &mut kind {
            *words = self.tokens.names(entry.start..end);
        }
        (Stmt { kind, span }, left)
    }

    fn kind(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some(word) = self.tokens.word(entry.start) else {
            if self.tokens.all[entry.start].kind != Kind::Bad {
                self.expected("a statement", entry.start);
            }
            return (None, None);
        };
        if self.tokens.is_attribute(entry) {
            self.stray_attribute(entry);
            return (None, None);
        }
        match word {
            "step" => self.step(entry),
            "let" if self.is_loop(entry) => self.each(entry),
            "for" => self.each(entry),
            "parallel" => self.parallel(entry),
            "branch" => self.branch(entry),
            "if" => self.choice(entry),
            "match" => self.matching(entry),
            "try" => self.attempt(entry),
            "repeat" => self.repeat(entry),
            _ => (self.simple(word, entry), None),
        }
    }

    /// A statement without a block.
    fn simple(&mut self, word: &str, entry: &Range<usize>) -> Option<StmtKind> {
        let rule = match word {
            "let" => Rule::let_entry,
            "sleep" if self.tokens.text_of(entry.start + 1) == "until" && entry.len() > 2 => Rule::sleep_until,
            "sleep" => Rule::sleep,
            "yield" => Rule::yield_entry,
            "return" => Rule::return_entry,
            "fail" => Rule::fail_entry,
            "compensate" => Rule::compensate,
            "wait" => Rule::wait,
            "approve" => Rule::approve,
            _ => {
                self.unknown_statement(word, entry, WORDS);
                return None;
            }
        };
        let Some(taken) = self.take(rule, entry) else { return self.salvaged(rule, entry) };
        Some(self.built(rule, taken, entry))
    }

    /// What can be kept of a statement that is broken: the name that a `let` declares.
    fn salvaged(&mut self, rule: Rule, entry: &Range<usize>) -> Option<StmtKind> {
        self.tokens.word(entry.start + 1).filter(|_| rule == Rule::let_entry)?;
        let end = self.tokens.name_end(entry.start + 1, entry.end);
        let span = self.span(&(entry.start + 1..end));
        let name = Arc::from(&self.tokens.text[span.start as usize..span.end as usize]);
        Some(StmtKind::Let { name: Spanned { value: name, span }, value: unread(span) })
    }

    fn built(&mut self, rule: Rule, mut taken: Taken<'t>, entry: &Range<usize>) -> StmtKind {
        match rule {
            Rule::let_entry => StmtKind::Let { name: taken.name(), value: self.expr(&mut taken) },
            Rule::sleep => StmtKind::Sleep(self.expr(&mut taken)),
            Rule::sleep_until => {
                taken.pairs.next();
                StmtKind::SleepUntil(self.expr(&mut taken))
            }
            Rule::yield_entry => StmtKind::Yield(self.expr(&mut taken)),
            Rule::return_entry => {
                let value = if taken.pairs.len() == 0 { None } else { Some(self.expr(&mut taken)) };
                StmtKind::Return(value)
            }
            Rule::fail_entry => self.fail(taken),
            _ => {
                self.judge(taken);
                StmtKind::Reserved { keyword: self.keyword(entry.start), words: Vec::new() }
            }
        }
    }

    fn fail(&mut self, mut taken: Taken<'t>) -> StmtKind {
        let message = self.expr(&mut taken);
        let (mut code, mut cause) = (None, None);
        while let Some(clause) = taken.pairs.next() {
            let place = taken.name_of(&clause);
            let slot = if clause.as_rule() == Rule::fail_code { &mut code } else { &mut cause };
            if slot.is_some() {
                let word = place.value.split_whitespace().next().unwrap_or_default();
                let error =
                    Diagnostic::error(codes::DOUBLED, format!("`{word}` stands twice in one `fail`"), place.span);
                self.sink.push(error.help("take one of them away"));
                continue;
            }
            *slot = self.exprs_in(clause, taken.base()).pop();
        }
        StmtKind::Fail { message, code, cause }
    }

    /// The head and the block of an entry: `word … { … }`. Without a block it is reported.
    fn head_and_block(&mut self, entry: &Range<usize>) -> Option<(Range<usize>, Range<usize>, Range<usize>)> {
        let Some(block) = self.tokens.block_of(entry) else {
            self.missing_block(entry);
            return None;
        };
        let mate = self.tokens.all[block].mate;
        let end = entry.end.max(mate + 1);
        let left = (mate + 1..end).find(|at| self.tokens.all[*at].kind != Kind::Newline).unwrap_or(end);
        Some((entry.start..block, block + 1..mate, left..end))
    }

    /// Reports that the entry has no block.
    pub fn missing_block(&mut self, entry: &Range<usize>) {
        if self.tokens.has_bad(entry) {
            return;
        }
        let span = self.span(&(entry.end - 1..entry.end));
        let error = Diagnostic::error(codes::UNEXPECTED, "expected `{`, found the end of the line", span);
        let word = self.tokens.text_of(entry.start);
        self.sink.push(error.help(format!("`{word}` has a block: `{word} … {{ … }}`")));
    }

    fn step(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        if self.tokens.block_of(entry).is_none() {
            if self.take(Rule::step_head, entry).is_some() {
                self.missing_block(entry);
            }
            return (None, None);
        }
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let taken = self.take(Rule::step_head, &head);
        let (config, policies) = self.step_entries(block);
        let step = taken.map(|mut taken| {
            StmtKind::Step(Box::new(Step { name: taken.name(), task_type: taken.name(), config, policies }))
        });
        (step, Some(left))
    }

    fn step_entries(&mut self, within: Range<usize>) -> (Vec<crate::lang::ast::Attribute>, Vec<Policy>) {
        let (mut config, mut policies) = (Vec::new(), Vec::new());
        for entry in self.tokens.entries(within) {
            if self.tokens.is_attribute(&entry) {
                config.extend(self.attribute(&entry));
            } else if let Some(word) = self.tokens.word(entry.start) {
                if WORDS.contains(&word) && entry.len() > 2 {
                    self.statement_in_step(word, &entry);
                } else if self.is_pair(&entry) {
                    self.expected("`=`", entry.start + 1);
                    // The key is there, so that it is not told to be missing.
                    let key = self.keyword(entry.start);
                    let value = unread(key.span);
                    config.push(crate::lang::ast::Attribute { key, value });
                } else {
                    policies.extend(self.policy(&entry));
                }
            } else if self.tokens.all[entry.start].kind != Kind::Bad {
                self.expected("`key = value` or a policy", entry.start);
            }
        }
        (config, policies)
    }

    /// Whether the entry is `key: value`, with a colon where `=` belongs.
    fn is_pair(&self, entry: &Range<usize>) -> bool {
        self.tokens.is_sign(entry.start + 1, ":") && entry.len() > 2
    }

    fn statement_in_step(&mut self, word: &str, entry: &Range<usize>) {
        let span = self.span(&(entry.start..entry.start + 1));
        let error = Diagnostic::error(codes::MISPLACED, format!("`{word}` can't stand inside of a step"), span);
        self.sink.push(error.help("is a `}` missing before it?"));
    }

    fn stray_attribute(&mut self, entry: &Range<usize>) {
        let end = self.tokens.name_end(entry.start, entry.end);
        let span = self.span(&(entry.start..end));
        let name = &self.tokens.text[span.start as usize..span.end as usize];
        let error = Diagnostic::error(codes::MISPLACED, format!("`{name} = …` configures nothing here"), span);
        self.sink.push(error.help(format!("write `let {name} = …` to give a value a name")));
    }

    /// Whether a `let` is `let NAME = for x in …`.
    fn is_loop(&self, entry: &Range<usize>) -> bool {
        let end = self.tokens.name_end(entry.start + 1, entry.end);
        self.tokens.is_sign(end, "=")
            && self.tokens.word(end + 1) == Some("for")
            && end + 2 < entry.end
            && self.tokens.word(end + 2).is_some()
    }

    fn each(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let taken = self.take(Rule::for_head, &head);
        let body = self.statements(block);
        let kind = taken.map(|taken| self.loop_of(taken, body));
        (kind, Some(left))
    }

    fn loop_of(&mut self, mut taken: Taken<'t>, body: Vec<Stmt>) -> StmtKind {
        let (mut names, mut list, mut parallel, mut keep) = (Vec::new(), None, None, None);
        while let Some(pair) = taken.pairs.next() {
            match pair.as_rule() {
                Rule::name | Rule::ident => names.push(taken.name_of(&pair)),
                Rule::expr => list = Some(super::expression::expr_of(pair, taken.base(), &mut self.sink)),
                Rule::loop_parallel => parallel = self.exprs_in(pair, taken.base()).pop(),
                Rule::loop_keep => keep = Some(taken.name_of(&pair).span),
                _ => {}
            }
        }
        if let Some(span) = keep {
            return StmtKind::Reserved { keyword: Spanned { value: Arc::from("keep going"), span }, words: Vec::new() };
        }
        let Some(var) = names.pop() else { return broken(0) };
        let list = list.unwrap_or_else(|| unread(var.span));
        StmtKind::For(Box::new(For { name: names.pop(), var, list, parallel, keep_going: None, body }))
    }

    fn parallel(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let taken = self.take(Rule::parallel_head, &head);
        let children = self.statements(block);
        let kind = taken.map(|taken| match taken.pairs.len() {
            0 => StmtKind::Parallel { mode: ParallelMode::All, children },
            _ => StmtKind::Reserved { keyword: self.keywords("parallel first", head), words: Vec::new() },
        });
        (kind, Some(left))
    }

    fn branch(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        let taken = self.take(Rule::branch_head, &head);
        let mut policies = Vec::new();
        let body = self.block_entries(block, &mut |parser, entry| {
            let word = parser.tokens.word(entry.start).unwrap_or_default();
            let is_policy = policy::WORDS.contains(&word) && !parser.tokens.is_attribute(entry);
            if is_policy {
                policies.extend(parser.policy(entry));
            }
            is_policy
        });
        (taken.map(|mut taken| StmtKind::Branch { name: taken.name(), policies, body }), Some(left))
    }

    /// `if … { } else if … { } else { }`.
    fn choice(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let (mut arms, mut otherwise) = (Vec::new(), None);
        let mut rest = entry.clone();
        loop {
            let Some((head, block, left)) = self.head_and_block(&rest) else { return (None, None) };
            if head.len() == 1 && !left.is_empty() && self.tokens.word(left.start) != Some("else") {
                self.object_in_head(head.end);
                return (None, None);
            }
            let condition: Option<Expr> = self.take(Rule::if_head, &head).map(|mut taken| self.expr(&mut taken));
            let body = self.statements(block);
            // A condition that can't be read is reported; the block still declares its steps.
            arms.push((condition.unwrap_or_else(|| unread(self.span(&head))), body));
            rest = left;
            if rest.is_empty() || self.tokens.word(rest.start) != Some("else") {
                break;
            }
            rest.start += 1;
            if rest.is_empty() || self.tokens.word(rest.start) != Some("if") {
                rest.start -= 1;
                let Some((head, block, left)) = self.head_and_block(&rest) else { return (None, None) };
                self.take(Rule::bare_head, &head);
                otherwise = Some(self.statements(block));
                rest = left;
                break;
            }
        }
        (Some(StmtKind::If { arms, otherwise }), Some(rest))
    }

    fn object_in_head(&mut self, brace: usize) {
        let span = self.span(&(brace..brace + 1));
        let error = Diagnostic::error(codes::UNEXPECTED, "expected an expression, found `{`", span);
        self.sink.push(error.help("an object in the head of a block needs parentheses"));
    }

    fn matching(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        if let Some(taken) = self.take(Rule::match_head, &head) {
            self.judge(taken);
        }
        let mut at = block.start;
        while at < block.end {
            if matches!(self.tokens.all[at].kind, Kind::Newline | Kind::Comma) {
                at += 1;
                continue;
            }
            let Some((head, body, _)) = self.head_and_block(&(at..block.end)) else { break };
            if head.is_empty() {
                self.expected("a value or `else`", at);
            } else if let Some(taken) = self.take(Rule::match_arm, &head) {
                self.judge(taken);
            }
            at = body.end + 1;
            self.statements(body);
        }
        (Some(StmtKind::Reserved { keyword: self.keyword(entry.start), words: Vec::new() }), Some(left))
    }

    /// `try { } catch NAME if expr { } finally { }`.
    fn attempt(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let mut rest = entry.clone();
        loop {
            let Some((head, block, left)) = self.head_and_block(&rest) else { return (None, None) };
            let rule = if self.tokens.text_of(head.start) == "catch" { Rule::catch_head } else { Rule::bare_head };
            if let Some(taken) = self.take(rule, &head) {
                self.judge(taken);
            }
            self.statements(block);
            rest = left;
            if rest.is_empty() || !matches!(self.tokens.word(rest.start), Some("catch" | "finally")) {
                break;
            }
        }
        (Some(StmtKind::Reserved { keyword: self.keyword(entry.start), words: Vec::new() }), Some(rest))
    }

    fn repeat(&mut self, entry: &Range<usize>) -> (Option<StmtKind>, Left) {
        let Some((head, block, left)) = self.head_and_block(entry) else { return (None, None) };
        if let Some(taken) = self.take(Rule::repeat_head, &head) {
            self.judge(taken);
        }
        self.statements(block);
        (Some(StmtKind::Reserved { keyword: self.keyword(entry.start), words: Vec::new() }), Some(left))
    }

    /// Reports a word that begins nothing of what may stand here.
    pub fn unknown_statement(&mut self, word: &str, entry: &Range<usize>, known: &[&'static str]) {
        let span = self.span(&(entry.start..entry.start + 1));
        let shown: String = word.chars().take(40).collect();
        let error = Diagnostic::error(codes::UNKNOWN_STATEMENT, format!("unknown statement `{shown}`"), span);
        let error = match word {
            "else" => error.help("`else` follows the `}` of an `if`"),
            "catch" | "finally" => error.help(format!("`{word}` follows the `}}` of a `try`")),
            "while" | "loop" => error.help("loops are bounded: `for x in list { … }`"),
            "var" | "const" | "set" => error.help("write `let name = …`"),
            _ if policy::WORDS.contains(&word) => {
                error.help(format!("`{word}` stands in a step or at the top of a workflow"))
            }
            _ => did_you_mean(error, word, known.iter().copied()),
        };
        self.sink.push(error);
    }
}

/// A statement that can't be read, and has been reported.
fn broken(at: u32) -> StmtKind {
    let span = crate::expr::Span { start: at, end: at };
    let keyword: Name = Spanned { value: Arc::from(""), span };
    StmtKind::Reserved { keyword, words: Vec::new() }
}
