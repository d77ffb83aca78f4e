//! Calls of functions and macros: what they take, and what they give.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::expr::{
    Expr, ExprKind, FieldType, Form, Function, MacroKind, ObjectType, Param, Shape, Signature, Span, Type, Value,
    function,
};
use crate::lang::Diagnostic;

use super::Checker;
use super::algebra::{is_never, item_type, may_be_null, members, never, takes, union, values_type, widened};
use super::codes::{ARGUMENT, OPERAND, WRONG_ARITY};
use super::functions::unknown_function;
use super::null::Use;
use super::operator::{comparable, spread};
use super::scope::kept;

/// The open parts of a signature, as the arguments fill them.
type Open = BTreeMap<char, Type>;

/// A macro's parts.
pub struct MacroCall<'a> {
    pub kind: MacroKind,
    pub list: &'a Expr,
    pub var: &'a Arc<str>,
    pub filter: Option<&'a Expr>,
    pub body: &'a Expr,
}

impl Checker<'_> {
    /// `function(args)`, `receiver.function(args)`.
    pub fn call(&mut self, name: &str, span: Span, receiver: Option<&Expr>, args: &[Expr]) -> Type {
        let given: Vec<&Expr> = receiver.into_iter().chain(args).collect();
        let types: Vec<Type> = given.iter().map(|arg| self.expr(arg)).collect();
        let result = self.called((name, span), receiver.is_some(), &given, types.clone());
        // Arguments are worked out first: of one that never is, no result is either.
        if types.iter().any(is_never) { never() } else { result }
    }

    /// The result of a function on arguments of these types.
    fn called(&mut self, called: (&str, Span), has_receiver: bool, given: &[&Expr], mut types: Vec<Type>) -> Type {
        let (name, span) = called;
        let Some(known) = function(name) else {
            self.tell(unknown_function(name, span));
            return Type::Any;
        };
        if let Some(message) = wrong_call(known, has_receiver, given.len() - usize::from(has_receiver)) {
            self.tell(Diagnostic::error(WRONG_ARITY, message, span).help(format!("it is `{}`", known.signature)));
            return Type::Any;
        }
        if let ("sum", [Type::List(item)]) = (known.name, &types[..])
            && members(item).contains(&Type::Duration)
        {
            self.tell(sum_without_start(known, span));
            return Type::Duration;
        }
        let ways: Vec<&Signature> = known.signatures().iter().filter(|way| takes_count(way, given.len())).collect();
        self.known_arguments(known, &ways, given, &types);
        loop {
            // Where the first argument is not known, several ways may be meant.
            let tried: Vec<_> = ways.iter().map(|way| (*way, fill(way, &types))).collect();
            let given_types: Vec<Type> =
                tried.iter().filter_map(|(way, filled)| Some(result(&way.result, filled.as_ref().ok()?))).collect();
            if let Some(first) = given_types.first() {
                let same = given_types.iter().all(|ty| ty == first);
                return special(known, given, &types).unwrap_or(if same { first.clone() } else { Type::Any });
            }
            let wrong = tried.iter().filter_map(|(way, filled)| Some((*filled.as_ref().err()?, *way)));
            let Some((at, way)) = wrong.max_by_key(|(at, _)| *at) else { return Type::Any };
            let (Some(expr), Some(ty)) = (given.get(at), types.get(at).cloned()) else { return Type::Any };
            if !may_be_null(&ty) {
                self.wrong_argument(known, way, (expr, &ty), (at, has_receiver));
                return plain_result(&way.result);
            }
            types[at] = self.bare(expr, ty, Use::Value(&format!("`{}` takes no null here", known.name)));
        }
    }

    /// Tells, in a strict check, of arguments whose type is not known.
    fn known_arguments(&mut self, known: &Function, ways: &[&Signature], given: &[&Expr], types: &[Type]) {
        if !self.strict {
            return;
        }
        for (at, (expr, ty)) in given.iter().zip(types).enumerate() {
            let any = |way: &&Signature| param(way, at).is_none_or(|param| param.shape == Shape::Is(Type::Any));
            if !ways.iter().all(any) {
                self.known(expr, ty, &format!("it is given to `{}`", known.name));
            }
        }
    }

    fn wrong_argument(&mut self, known: &Function, way: &Signature, arg: (&Expr, &Type), place: (usize, bool)) {
        let (at, has_receiver) = place;
        let Some(param) = param(way, at) else { return };
        let name = known.name;
        let message = if at == 0 && has_receiver {
            format!("`{name}` is not called on `{}`", widened(arg.1.clone()))
        } else if param.name.is_empty() {
            format!("`{name}` takes `{}`", param.shape)
        } else {
            format!("`{}` of `{name}` is `{}`", param.name, param.shape)
        };
        let error = Diagnostic::error(ARGUMENT, message, arg.0.span).label(format!("this is `{}`", arg.1));
        let legend = match (known.signature.contains('O'), known.signature.contains('N')) {
            (true, _) => ", where `O` has an order: numbers, texts, bools, durations or timestamps",
            (_, true) => ", where `N` is numbers or durations",
            _ => "",
        };
        self.tell(error.help(format!("it is `{}`{legend}", known.signature)));
    }

    /// `list.kind(var, [filter,] body)`.
    pub fn macro_call(&mut self, call: &MacroCall<'_>) -> Type {
        let list = self.expr(call.list);
        let list = self.bare(call.list, list, Use::Value("this goes over a list or an object: write `?? []`"));
        self.known(call.list, &list, "this goes over it");
        if members(&list).iter().any(|ty| !matches!(ty, Type::Any | Type::List(_) | Type::Map(_) | Type::Object(_))) {
            let error = Diagnostic::error(OPERAND, "this goes over a list or an object", call.list.span);
            self.tell(error.label(format!("this is `{}`", widened(list.clone()))));
        }
        let of =
            |list: &Type| if matches!(list, Type::Map(_) | Type::Object(_)) { Type::String } else { item_type(list) };
        let item = union(members(&list).iter().map(of));
        // Nothing of `[]` is ever looked at: what comes of it is as empty.
        let empty = is_never(&item);
        let mark = self.facts.mark();
        self.facts.hide(call.var.clone());
        self.locals.push((call.var.clone(), kept(item.clone())));
        let given = self.macro_body(call, item);
        self.locals.pop();
        self.facts.forget(mark);
        match given {
            Type::List(_) if empty => Type::List(Box::new(never())),
            given => given,
        }
    }

    fn macro_body(&mut self, call: &MacroCall<'_>, item: Type) -> Type {
        match call.kind {
            MacroKind::All | MacroKind::Exists | MacroKind::ExistsOne => {
                self.truth(call.body, "the test of a macro");
                Type::Bool
            }
            MacroKind::Filter => {
                self.truth(call.body, "the test of a `filter`");
                self.assume(call.body, true);
                Type::List(Box::new(self.filtered(call.var, item)))
            }
            MacroKind::Map => {
                if let Some(filter) = call.filter {
                    self.truth(filter, "the test of a `map`");
                    self.assume(filter, true);
                }
                Type::List(Box::new(self.expr(call.body)))
            }
            MacroKind::SortBy => {
                let key = self.expr(call.body);
                let key = self.bare(call.body, key, Use::Value("null has no order"));
                let key = union(members(&key).iter().cloned().map(widened));
                self.known(call.body, &key, "items are sorted by it");
                if !in_order(&key) {
                    let message = "items are sorted by numbers, texts, bools, durations or timestamps, all of one kind";
                    let error = Diagnostic::error(OPERAND, message, call.body.span);
                    self.tell(error.label(format!("this is `{key}`")));
                }
                Type::List(Box::new(item))
            }
        }
    }

    /// An item for which the test of a `filter` holds: it, and its fields, as narrow as the test makes them.
    fn filtered(&self, var: &Arc<str>, item: Type) -> Type {
        let at = |path: Vec<&Arc<str>>| {
            let mut names = path.into_iter();
            let root = Expr::new(ExprKind::Name(names.next().cloned().unwrap_or_default()), Span::default());
            names.fold(root, |base, name| {
                let kind = ExprKind::Field { base: Box::new(base), name: name.clone(), optional: false };
                Expr::new(kind, Span::default())
            })
        };
        match self.narrowed(&at(vec![var]), item) {
            Type::Object(object) => {
                let narrow = |field: &FieldType| {
                    let there = !field.required
                        && !may_be_null(&self.narrowed(&at(vec![var, &field.name]), Type::Bool.nullable()));
                    let ty = self.narrowed(&at(vec![var, &field.name]), field.ty.clone());
                    FieldType { ty, required: field.required || there, ..field.clone() }
                };
                Type::Object(ObjectType { fields: object.fields.iter().map(narrow).collect(), open: object.open })
            }
            other => other,
        }
    }
}

/// The parameter that an argument is for.
fn param(way: &Signature, at: usize) -> Option<&Param> {
    way.params.get(at).or_else(|| way.params.last().filter(|_| way.rest))
}

fn takes_count(way: &Signature, count: usize) -> bool {
    let needed = way.params.iter().filter(|param| !param.optional).count();
    count >= needed && (way.rest || count <= way.params.len())
}

/// The open parts as the arguments fill them, or the first argument that is not taken.
fn fill(way: &Signature, types: &[Type]) -> Result<Open, usize> {
    let mut open = Open::new();
    for (at, ty) in types.iter().enumerate() {
        let fits = param(way, at).is_some_and(|param| unify(&param.shape, ty, &mut open));
        if !fits || !open.iter().all(|(letter, ty)| may_fill(*letter, ty)) {
            return Err(at);
        }
    }
    Ok(open)
}

/// Whether a value of a type is taken where a shape is wanted; fills the open parts.
fn unify(shape: &Shape, actual: &Type, open: &mut Open) -> bool {
    match (shape, actual) {
        (Shape::Is(wanted), actual) => takes(wanted, actual),
        (Shape::Open(letter), actual) => {
            let known = open.remove(letter);
            open.insert(*letter, union(known.into_iter().chain([actual.clone()])));
            true
        }
        (shape, Type::Union(all)) => all.iter().all(|member| unify(shape, member, open)),
        (Shape::OneOf(shapes), actual) => shapes.iter().any(|shape| unify(shape, actual, open)),
        (Shape::List(inner), Type::List(item)) | (Shape::Map(inner), Type::Map(item)) => unify(inner, item, open),
        (Shape::Map(inner), Type::Object(object)) => unify(inner, &values_type(object), open),
        (Shape::List(inner) | Shape::Map(inner), Type::Any) => unify(inner, &Type::Any, open),
        (Shape::Object(fields), actual) => fields.iter().all(|(name, shape)| {
            let ty = match actual {
                Type::Any => Type::Any,
                Type::Map(item) => (**item).clone(),
                Type::Object(object) => match object.field(name) {
                    Some(field) if field.required => field.ty.clone(),
                    Some(field) => field.ty.clone().nullable(),
                    None if object.open => Type::Any,
                    None => Type::Null,
                },
                _ => return false,
            };
            unify(shape, &ty, open)
        }),
        _ => false,
    }
}

/// Whether what a letter stands for may be of this type.
fn may_fill(letter: char, ty: &Type) -> bool {
    match letter {
        'O' => in_order(ty),
        'N' => {
            let all = members(ty);
            let numbers = all.iter().all(|ty| matches!(ty, Type::Any | Type::Int | Type::Number));
            numbers || all.iter().all(|ty| matches!(ty, Type::Any | Type::Duration))
        }
        _ => true,
    }
}

/// Whether all values of a type have one order.
fn in_order(ty: &Type) -> bool {
    let all: Vec<Type> = members(ty).iter().cloned().map(widened).collect();
    all.first().is_none_or(|first| all.iter().all(|other| comparable(first, other)))
}

/// What a signature gives.
fn result(shape: &Shape, open: &Open) -> Type {
    match shape {
        Shape::Is(ty) => ty.clone(),
        Shape::Open(letter) => open.get(letter).cloned().unwrap_or(Type::Any),
        Shape::List(inner) => Type::List(Box::new(result(inner, open))),
        Shape::Map(inner) => Type::Map(Box::new(result(inner, open))),
        Shape::OneOf(shapes) => union(shapes.iter().map(|shape| result(shape, open))),
        Shape::Object(fields) => {
            let field = |(name, shape): &(Arc<str>, Shape)| FieldType {
                name: name.clone(),
                ty: result(shape, open),
                required: true,
                doc: None,
            };
            Type::Object(ObjectType { fields: fields.iter().map(field).collect(), open: false })
        }
    }
}

/// What a call gives that is wrong: its result where nothing of it is open.
fn plain_result(shape: &Shape) -> Type {
    match shape {
        Shape::Is(ty) => ty.clone(),
        _ => Type::Any,
    }
}

/// Results that no signature can say.
fn special(known: &Function, given: &[&Expr], types: &[Type]) -> Option<Type> {
    match (known.name, types) {
        // The sum of nothing is 0.
        ("sum", [Type::List(item)]) if is_never(item) => Some(Type::Int),
        ("merge", [Type::Object(_), Type::Object(_)]) => Some(spread(&types[0], &types[1])),
        ("flatten", [list, ..]) => {
            let depth = match given.get(1).map(|depth| &depth.kind) {
                None => 1,
                Some(ExprKind::Literal(Value::Int(depth @ 0..=8))) => *depth,
                Some(_) => return Some(Type::List(Box::new(Type::Any))),
            };
            let flat = |item: Type, _| {
                union(members(&item).iter().map(|item| match item {
                    Type::List(inner) => (**inner).clone(),
                    other => other.clone(),
                }))
            };
            Some(Type::List(Box::new((0..depth).fold(item_type(list), flat))))
        }
        _ => None,
    }
}

/// A sum of durations that is 0, and no duration, where the list is empty: a list that is empty does not tell of what.
fn sum_without_start(known: &Function, span: Span) -> Diagnostic {
    let error = Diagnostic::error(ARGUMENT, "a sum of durations needs what it starts from", span);
    error.label(format!("it is `{}`", known.signature)).help("write `sum(0s)`")
}

/// What is wrong with how a function is called.
fn wrong_call(known: &Function, has_receiver: bool, args: usize) -> Option<String> {
    let name = known.name;
    match (known.form, has_receiver) {
        (Form::Method, false) => return Some(format!("`{name}` is called on a value")),
        (Form::Global, true) => return Some(format!("`{name}` is not called on a value")),
        _ => {}
    }
    let receiver = usize::from(known.form == Form::Both && !has_receiver);
    let (min, max) = (known.min_args + receiver, known.max_args + receiver);
    if (min..=max).contains(&args) {
        return None;
    }
    let wanted = match (min, max) {
        (0, 0) => "no arguments".to_owned(),
        (1, 1) => "one argument".to_owned(),
        (min, max) if min == max => format!("{min} arguments"),
        (min, usize::MAX) => format!("at least {min}"),
        (min, max) => format!("{min} to {max} arguments"),
    };
    Some(format!("`{name}` takes {wanted}, not {args}"))
}
