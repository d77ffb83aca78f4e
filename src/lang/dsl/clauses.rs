//! Clauses: the parts of an entry that stand in any order, each once.

use pest::iterators::Pair;

use crate::expr::{Expr, Span, Type};
use crate::lang::ast::{Name, Spanned};
use crate::lang::grammar::Rule;
use crate::lang::{Diagnostic, codes};

use super::parser::{Parser, Taken};

/// The clauses of an entry.
pub struct Clauses<'t> {
    pairs: Vec<Pair<'t, Rule>>,
    base: usize,
}

impl<'t> Parser<'t> {
    /// The clauses that are left of an entry. One that stands twice `of` it is reported, and the first is kept.
    pub fn clauses(&mut self, taken: Taken<'t>, of: &str) -> Clauses<'t> {
        let base = taken.base();
        let mut kept: Vec<Pair<'t, Rule>> = Vec::new();
        for clause in taken.pairs {
            if kept.iter().all(|known| known.as_rule() != clause.as_rule()) {
                kept.push(clause);
                continue;
            }
            let span = Span::new(base + clause.as_span().start(), base + clause.as_span().end());
            let word = clause.as_str().split_whitespace().next().unwrap_or_default();
            let error = Diagnostic::error(codes::DOUBLED, format!("`{word}` stands twice in one `{of}`"), span);
            self.sink.push(error.help("take one of them away"));
        }
        Clauses { pairs: kept, base }
    }

    /// The expression of a clause, the first where it has several.
    pub fn clause(&mut self, clauses: &Clauses<'t>, rule: Rule) -> Option<Expr> {
        self.clause_exprs(clauses, rule).into_iter().next()
    }

    /// The expressions of a clause; none where it is not there.
    pub fn clause_exprs(&mut self, clauses: &Clauses<'t>, rule: Rule) -> Vec<Expr> {
        clauses.get(rule).map(|clause| self.exprs_in(clause, clauses.base)).unwrap_or_default()
    }

    /// The fixed text of a clause.
    pub fn clause_text(&mut self, clauses: &Clauses<'t>, rule: Rule) -> Option<Name> {
        let text = clauses.get(rule)?.into_inner().find(|part| part.as_rule() == Rule::text)?;
        Some(self.text_in(&text, clauses.base))
    }

    /// The type of a clause.
    pub fn clause_type(&mut self, clauses: &Clauses<'t>, rule: Rule) -> Option<Spanned<Type>> {
        let ty = clauses.get(rule)?.into_inner().find(|part| part.as_rule() == Rule::type_expr)?;
        Some(self.type_in(ty, clauses.base))
    }
}

impl<'t> Clauses<'t> {
    /// A clause.
    pub fn get(&self, rule: Rule) -> Option<Pair<'t, Rule>> {
        self.pairs.iter().find(|clause| clause.as_rule() == rule).cloned()
    }

    /// Whether a clause is there.
    pub fn has(&self, rule: Rule) -> bool {
        self.pairs.iter().any(|clause| clause.as_rule() == rule)
    }

    /// The place of a clause.
    pub fn place(&self, rule: Rule) -> Option<Span> {
        let span = self.get(rule)?.as_span();
        Some(Span::new(self.base + span.start(), self.base + span.end()))
    }

    /// The name in a clause.
    pub fn name(&self, rule: Rule) -> Option<Name> {
        let name = self.get(rule)?.into_inner().find(|part| part.as_rule() == Rule::name)?;
        let span = Span::new(self.base + name.as_span().start(), self.base + name.as_span().end());
        Some(Spanned { value: name.as_str().into(), span })
    }
}
