//! What stands at the top of a file: workflows, tasks and tests.

use std::ops::Range;

use crate::expr::{Span, Type};
use crate::lang::ast::{Field, File, Name, Spanned, Stmt, StmtKind, TaskDecl, Workflow};
use crate::lang::grammar::Rule;
use crate::lang::nearest::{did_you_mean, nearest};
use crate::lang::{Diagnostic, codes};

use super::parser::{Parser, Taken};
use super::scan::Kind;
use super::{policy, statement};

/// What a file holds.
const ITEMS: &[&str] = &["workflow", "task", "test"];

/// What a workflow declares.
const DECLARATIONS: &[&str] = &["input", "output", "setting", "secret", "on"];

impl<'t> Parser<'t> {
    /// The whole file.
    pub fn file(&mut self) -> File {
        let mut file = File::default();
        let mut entries = std::collections::VecDeque::from(self.tokens.entries(0..self.tokens.all.len()));
        while let Some(entry) = entries.pop_front() {
            if self.tokens.all[entry.start].kind == Kind::Bad {
                continue;
            }
            let word = self.tokens.word(entry.start).unwrap_or_default();
            let meant = if ITEMS.contains(&word) { Some(word) } else { self.unknown_item(&entry) };
            let left = match meant {
                Some("workflow") => self.workflow(&entry, &mut file),
                Some("task") => self.task(&entry, &mut file),
                Some("test") => self.test(&entry, &mut file),
                _ => None,
            };
            let Some(left) = left else { continue };
            let lines = |at: &usize| self.tokens.all[*at].kind != Kind::Newline;
            let Some(start) = left.clone().find(lines) else { continue };
            if !self.tokens.has_bad(&(start..start + 1)) {
                self.expected("the end of the line", start);
            }
            // What begins no item is a part of the mistake.
            if self.tokens.word(start).is_some_and(|word| ITEMS.contains(&word)) {
                entries.push_front(start..left.end);
            }
        }
        file
    }

    /// Reports what is no item; gives what it was most likely meant to be.
    fn unknown_item(&mut self, entry: &Range<usize>) -> Option<&'static str> {
        let span = self.span(&(entry.start..entry.start + 1));
        let shown: String = self.tokens.text_of(entry.start).chars().take(40).collect();
        let error = Diagnostic::error(
            codes::UNKNOWN_ITEM,
            format!("a file holds workflows, tasks and tests, found `{shown}`"),
            span,
        );
        let known =
            statement::WORDS.contains(&&*shown) || policy::WORDS.contains(&&*shown) || DECLARATIONS.contains(&&*shown);
        self.sink.push(if known {
            error.help(format!("put `{shown}` into `workflow NAME {{ … }}`"))
        } else {
            did_you_mean(error, &shown, ITEMS.iter().copied())
        });
        nearest(&shown, ITEMS.iter().copied()).filter(|_| self.tokens.block_of(entry).is_some())
    }

    /// A head, or nothing where it is broken or misspelt.
    pub fn item_head(&mut self, rule: Rule, head: &Range<usize>) -> Option<Taken<'t>> {
        if !ITEMS.contains(&self.tokens.text_of(head.start)) {
            return None;
        }
        self.take(rule, head)
    }

    fn item_name(&mut self, rule: Rule, head: &Range<usize>) -> Option<Name> {
        self.item_head(rule, head).map(|mut taken| taken.name())
    }

    fn workflow(&mut self, entry: &Range<usize>, file: &mut File) -> Option<Range<usize>> {
        let Some(block) = self.tokens.block_of(entry) else {
            if self.item_name(Rule::workflow_head, entry).is_some() {
                self.missing_block(entry);
            }
            return None;
        };
        let mate = self.tokens.all[block].mate;
        let name = self.item_name(Rule::workflow_head, &(entry.start..block));
        let mut workflow = Workflow {
            name: name.clone().unwrap_or(Spanned { value: "".into(), span: self.span(&(entry.start..block)) }),
            attributes: Vec::new(),
            inputs: Vec::new(),
            output: None,
            settings: Vec::new(),
            secrets: Vec::new(),
            triggers: Vec::new(),
            policies: Vec::new(),
            body: Vec::new(),
            flat: false,
            span: self.span(&(entry.start..mate + 1)),
        };
        let mut unread = Vec::new();
        let body = self.block_entries(block + 1..mate, &mut |parser, entry| {
            parser.workflow_entry(entry, &mut workflow, &mut unread)
        });
        unread.extend(body);
        workflow.body = unread;
        if name.is_some() {
            file.workflows.push(workflow);
        }
        Some(mate + 1..entry.end.max(mate + 1))
    }

    /// An entry of a workflow that is no statement; false for a statement.
    fn workflow_entry(&mut self, entry: &Range<usize>, workflow: &mut Workflow, unread: &mut Vec<Stmt>) -> bool {
        if self.tokens.is_attribute(entry) {
            workflow.attributes.extend(self.attribute(entry));
            return true;
        }
        let Some(word) = self.tokens.word(entry.start) else { return false };
        match word {
            "input" => workflow.inputs.extend(self.declaration(entry)),
            "setting" => workflow.settings.extend(self.declaration(entry)),
            "output" => self.output(entry, workflow),
            "secret" => {
                let name = self.take(Rule::secret, entry).map(|mut taken| taken.name());
                workflow.secrets.extend(name.or_else(|| self.declared_name(entry)));
            }
            "on" => workflow.triggers.extend(self.trigger(entry)),
            _ if policy::WORDS.contains(&word) => workflow.policies.extend(self.policy(entry)),
            _ if statement::WORDS.contains(&word) => return false,
            _ => {
                let known: Vec<&'static str> =
                    statement::WORDS.iter().chain(DECLARATIONS).chain(policy::WORDS).copied().collect();
                self.unknown_statement(word, entry, &known);
                let kind = StmtKind::Unread { words: self.tokens.names(entry.clone()) };
                unread.push(Stmt { kind, span: self.span(entry) });
            }
        }
        true
    }

    fn declaration(&mut self, entry: &Range<usize>) -> Option<Field> {
        let span = self.span(entry);
        if let Some(mut taken) = self.take(Rule::declaration, entry) {
            let name = taken.name();
            let ty = self.ty(&mut taken);
            let default = if taken.pairs.len() == 0 { None } else { Some(self.expr(&mut taken)) };
            return Some(Field { name, ty, default, span });
        }
        let name = self.declared_name(entry)?;
        let ty = Spanned { value: Type::Any, span: name.span };
        Some(Field { name, ty, default: None, span })
    }

    fn output(&mut self, entry: &Range<usize>, workflow: &mut Workflow) {
        let Some(mut taken) = self.take(Rule::output, entry) else { return };
        let ty = self.ty(&mut taken);
        match &workflow.output {
            Some(first) => {
                let span = self.span(&(entry.start..entry.start + 1));
                self.declared_twice("output", span, first.span);
            }
            None => workflow.output = Some(ty),
        }
    }

    fn declared_twice(&mut self, word: &str, span: Span, first: Span) {
        let error = Diagnostic::error(codes::DOUBLED, format!("`{word}` is declared twice"), span);
        self.sink.push(error.also(first, "first here").help("take one of them away"));
    }

    fn task(&mut self, entry: &Range<usize>, file: &mut File) -> Option<Range<usize>> {
        let Some(block) = self.tokens.block_of(entry) else {
            if self.item_name(Rule::task_head, entry).is_some() {
                self.missing_block(entry);
            }
            return None;
        };
        let mate = self.tokens.all[block].mate;
        let name = self.item_name(Rule::task_head, &(entry.start..block));
        let (mut config, mut output): (Option<Spanned<Type>>, Option<Spanned<Type>>) = (None, None);
        let body = block + 1..mate;
        let lines: Vec<_> = self.tokens.entries(body.clone());
        let whole = lines.first().map(|first| first.start..lines.last().map_or(first.end, |last| last.end));
        if let Some(mut taken) = whole.and_then(|whole| self.take(Rule::task_body, &whole)) {
            let base = taken.base();
            for part in taken.pairs.by_ref() {
                let (slot, word) =
                    if part.as_rule() == Rule::task_config { (&mut config, "config") } else { (&mut output, "output") };
                let before = &part.get_input()[..part.as_span().start()];
                let start = base + before.rfind(word).unwrap_or_default();
                let ty = part.into_inner().next().map(|ty| self.type_in(ty, base));
                match slot {
                    Some(first) => self.declared_twice(word, Span::new(start, start + word.len()), first.span),
                    None => *slot = ty,
                }
            }
        }
        let span = self.span(&(entry.start..mate + 1));
        file.tasks.extend(name.map(|name| TaskDecl { name, config, output, span }));
        Some(mate + 1..entry.end.max(mate + 1))
    }
}
