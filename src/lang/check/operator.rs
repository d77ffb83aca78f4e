//! Operators: what they take, and what they give.

use crate::expr::{BinaryOp, Expr, ExprKind, ObjectType, Type, UnaryOp};
use crate::lang::Diagnostic;

use super::Checker;
use super::algebra::{can_equal, item_type, members, union, values_type, widened, without_null};
use super::codes::{DASH_IN_EXPRESSION, OPERAND};
use super::null::Use;

impl Checker<'_> {
    /// `!a`, `-a`.
    pub fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Type {
        if op == UnaryOp::Not {
            self.truth(operand, "`!`");
            return Type::Bool;
        }
        let ty = self.expr(operand);
        let ty = self.bare(operand, ty, Use::Value("`-` takes no null"));
        self.known(operand, &ty, "`-` takes a number or a duration");
        if members(&ty).iter().all(|ty| matches!(ty, Type::Any | Type::Int | Type::Number | Type::Duration)) {
            return ty;
        }
        let error = Diagnostic::error(OPERAND, "`-` takes a number or a duration", operand.span);
        self.tell(error.label(format!("this is `{}`", widened(ty))));
        Type::Any
    }

    /// An operand that must be true or false.
    pub fn truth(&mut self, expr: &Expr, operator: &str) {
        let ty = self.expr(expr);
        let ty = self.bare(expr, ty, Use::Value(&format!("{operator} takes true or false")));
        self.known(expr, &ty, &format!("{operator} takes true or false"));
        if members(&ty).iter().any(|ty| !matches!(ty, Type::Any | Type::Bool)) {
            let error = Diagnostic::error(OPERAND, format!("{operator} takes true or false"), expr.span);
            self.tell(error.label(format!("this is `{}`", widened(ty))));
        }
    }

    /// `a + b` and its like.
    pub fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, whole: &Expr) -> Type {
        match op {
            BinaryOp::And | BinaryOp::Or => self.logic(op, whole),
            BinaryOp::Coalesce => {
                let (left, right) = (self.expr(left), self.expr(right));
                union([without_null(&left), right])
            }
            BinaryOp::Eq | BinaryOp::Ne => {
                let types = (self.expr(left), self.expr(right));
                self.equality(op, (left, &types.0), (right, &types.1), whole);
                Type::Bool
            }
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                let sides = self.operands(op, left, right);
                if !pairs(&sides, &|left, right| comparable(left, right).then_some(Type::Bool)).is_some_and(|_| true) {
                    self.misfit(op, (left, &sides.0), (right, &sides.1));
                }
                Type::Bool
            }
            BinaryOp::In => self.membership(left, right),
            BinaryOp::Sub if self.dashed(whole) => Type::Any,
            BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Rem => {
                let sides = self.operands(op, left, right);
                let result = pairs(&sides, &|left, right| arithmetic(op, left, right));
                result.unwrap_or_else(|| {
                    self.misfit(op, (left, &sides.0), (right, &sides.1));
                    Type::Any
                })
            }
        }
    }

    /// Both sides of an operator that takes no null.
    fn operands(&mut self, op: BinaryOp, left: &Expr, right: &Expr) -> (Type, Type) {
        let takes = format!("`{}` takes no null", op.symbol());
        let mut side = |expr: &Expr| {
            let ty = self.expr(expr);
            let ty = self.bare(expr, ty, Use::Value(&takes));
            self.known(expr, &ty, &format!("it is an operand of `{}`", op.symbol()));
            widened_all(ty)
        };
        (side(left), side(right))
    }

    /// A chain of `&&` or `||`: each operand stands where those before it hold, or do not.
    fn logic(&mut self, op: BinaryOp, whole: &Expr) -> Type {
        let mut operands = Vec::new();
        let mut at = whole;
        while let ExprKind::Binary { op: inner, left, right } = &at.kind
            && *inner == op
        {
            operands.push(&**right);
            at = left;
        }
        operands.push(at);
        let mark = self.facts.mark();
        for operand in operands.into_iter().rev() {
            self.truth(operand, &format!("`{}`", op.symbol()));
            self.decided(operand);
            self.assume(operand, op == BinaryOp::And);
        }
        self.facts.forget(mark);
        Type::Bool
    }

    fn membership(&mut self, item: &Expr, container: &Expr) -> Type {
        let ty = self.expr(item);
        let of = self.expr(container);
        let of = self.bare(container, of, Use::Value("`in` looks in a list or an object"));
        self.known(container, &of, "`in` looks in it");
        if members(&of).iter().any(|ty| !matches!(ty, Type::Any | Type::List(_) | Type::Map(_) | Type::Object(_))) {
            let error = Diagnostic::error(OPERAND, "`in` looks in a list or an object", container.span);
            let text = members(&of).iter().any(|ty| matches!(ty, Type::String | Type::Literal(_)));
            let error = error.label(format!("this is `{}`", widened(of)));
            self.tell(if text { error.help("for text write `a.contains(b)`") } else { error });
            return Type::Bool;
        }
        let key = |of: &Type| if matches!(of, Type::Map(_) | Type::Object(_)) { Type::String } else { item_type(of) };
        let inside = union(members(&of).iter().map(key));
        if !can_equal(&ty, &inside) {
            self.never_in((item, &ty), &inside);
        }
        Type::Bool
    }

    /// Tells of operands that can't stand on the two sides of an operator.
    fn misfit(&mut self, op: BinaryOp, left: (&Expr, &Type), right: (&Expr, &Type)) {
        let symbol = op.symbol();
        let message = match op {
            BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                format!("`{symbol}` can't compare `{}` with `{}`", left.1, right.1)
            }
            _ => format!("`{symbol}` can't take `{}` and `{}`", left.1, right.1),
        };
        let error = Diagnostic::error(OPERAND, message, left.0.span).label(format!("this is `{}`", left.1));
        let error = error.also(right.0.span, format!("this is `{}`", right.1));
        let text = [left.1, right.1].into_iter().filter(|ty| **ty == Type::String).count();
        self.tell(if op == BinaryOp::Add && text == 1 {
            error.help("to make text of both, write a template: `\"${a}${b}\"`")
        } else {
            error
        });
    }

    /// `validate-order.body`: a name written as it was declared, which an expression reads as a subtraction.
    fn dashed(&mut self, whole: &Expr) -> bool {
        let Some((written, span)) = super::names::dashed_name(whole) else { return false };
        let declaration = self.declared.written(&written).filter(|found| found.name.value.contains('-'));
        let Some(declaration) = declaration else { return false };
        let message = format!("a `-` in an expression subtracts, and `{written}` is {}", declaration.kind.words());
        let ident = super::words::ident(&written);
        self.used.name(&ident);
        self.tell(Diagnostic::error(DASH_IN_EXPRESSION, message, span).help(format!("write `{ident}`")));
        true
    }
}

/// Words as text: an operator does not tell them apart.
fn widened_all(ty: Type) -> Type {
    match ty {
        Type::Union(all) => union(all.into_iter().map(widened)),
        other => widened(other),
    }
}

/// What an operator gives for every pair of what the sides may be; none where it can't take one of them.
fn pairs(sides: &(Type, Type), of: &dyn Fn(&Type, &Type) -> Option<Type>) -> Option<Type> {
    let (left, right) = sides;
    let mut found = Vec::new();
    for left in members(left) {
        for right in members(right) {
            found.push(of(left, right)?);
        }
    }
    Some(union(found))
}

/// Whether two values have an order.
pub fn comparable(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::Any, other) | (other, Type::Any) => has_order(other),
        (Type::Int | Type::Number, Type::Int | Type::Number) => true,
        (left, right) => left == right && has_order(left),
    }
}

fn has_order(ty: &Type) -> bool {
    matches!(ty, Type::Any | Type::Int | Type::Number | Type::String | Type::Bool | Type::Duration | Type::Timestamp)
}

/// What arithmetic on two values gives; none where it can't take them.
fn arithmetic(op: BinaryOp, left: &Type, right: &Type) -> Option<Type> {
    use BinaryOp::{Add, Div, Mul, Rem, Sub};
    let number = |ty: &Type| matches!(ty, Type::Int | Type::Number);
    Some(match (op, left, right) {
        (_, Type::Any, other) | (_, other, Type::Any) => return with_any(op, other).then_some(Type::Any),
        (_, Type::Int, Type::Int) => Type::Int,
        (_, left, right) if number(left) && number(right) => Type::Number,
        (Add, Type::String, Type::String) => Type::String,
        (Add, Type::List(left), Type::List(right)) => {
            Type::List(Box::new(union([(**left).clone(), (**right).clone()])))
        }
        (Add, Type::Map(_) | Type::Object(_), Type::Map(_) | Type::Object(_)) => spread(left, right),
        (Add | Sub | Rem, Type::Duration, Type::Duration) => Type::Duration,
        (Add, Type::Timestamp, Type::Duration) | (Add, Type::Duration, Type::Timestamp) => Type::Timestamp,
        (Sub, Type::Timestamp, Type::Duration) => Type::Timestamp,
        (Sub, Type::Timestamp, Type::Timestamp) => Type::Duration,
        (Mul, Type::Duration, other) | (Mul, other, Type::Duration) if number(other) => Type::Duration,
        (Div, Type::Duration, other) if number(other) => Type::Duration,
        (Div, Type::Duration, Type::Duration) => Type::Number,
        _ => return None,
    })
}

/// Whether an operator can take a value of this type and one that is not known.
fn with_any(op: BinaryOp, ty: &Type) -> bool {
    match ty {
        Type::Any | Type::Int | Type::Number | Type::Duration => true,
        Type::Timestamp => matches!(op, BinaryOp::Add | BinaryOp::Sub),
        Type::String | Type::List(_) | Type::Map(_) | Type::Object(_) => op == BinaryOp::Add,
        _ => false,
    }
}

/// The entries of two objects, those of the second over those of the first.
pub fn spread(first: &Type, second: &Type) -> Type {
    match (first, second) {
        (Type::Object(first), Type::Object(second)) => Type::Object(over(first, second)),
        _ => Type::Map(Box::new(union([inside(first), inside(second)]))),
    }
}

fn inside(ty: &Type) -> Type {
    match ty {
        Type::Object(object) => values_type(object),
        other => item_type(other),
    }
}

fn over(first: &ObjectType, second: &ObjectType) -> ObjectType {
    let mut all = first.clone();
    all.open |= second.open;
    if second.open {
        // What it has beside its fields may replace any of the first's.
        all.fields.retain(|field| second.field(&field.name).is_some());
    }
    for field in &second.fields {
        match all.fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) if field.required => *known = field.clone(),
            Some(known) => known.ty = union([known.ty.clone(), field.ty.clone()]),
            None => all.fields.push(field.clone()),
        }
    }
    all
}
