//! Random expressions and types.

use std::sync::Arc;

use crate::expr::{
    BinaryOp, Expr, ExprKind, FieldType, ListItem, MacroKind, ObjectEntry, ObjectType, Span, TemplatePart, Type,
    UnaryOp, Value,
};
use crate::lang::ast::Spanned;

use super::{FUNCTIONS, NAMES, Random, expr, spanned};

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

impl Random {
    pub(super) fn ty(&mut self) -> Spanned<Type> {
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
