//! Access to fields and items, checked where the type is known.

use std::sync::Arc;

use crate::expr::{Expr, ExprKind, ObjectType, Span, Type, Value};
use crate::lang::Diagnostic;
use crate::lang::nearest::{did_you_mean, nearest};

use super::Checker;
use super::algebra::{item_type, may_be_null, members, never, union, values_type, without_null};
use super::codes::{MAYBE_NULL, OPERAND, UNKNOWN_FIELD};
use super::null::Use;
use super::written::written;

/// What is at a field of a type.
enum Look {
    /// This.
    Found(Type),
    /// This, or nothing at all: reading it bare fails then.
    Maybe(Type),
    /// It has no such field.
    Absent,
    /// That is not known.
    Unsure,
}

impl Checker<'_> {
    /// The type of `base.name`.
    pub fn field(&mut self, whole: &Expr, base: &Expr, name: &Arc<str>, optional: bool) -> Type {
        self.reads_field(base, name);
        let of = match &base.kind {
            ExprKind::Name(root) => {
                let of = self.name(root, base.span);
                self.narrowed(base, Type::clone(&of))
            }
            _ => self.expr(base),
        };
        let nullable = may_be_null(&of);
        let of = if optional { without_null(&of) } else { self.bare(base, of, Use::Field(name)) };
        self.known(base, &of, &format!("`{name}` is read of it"));
        let ty = match look_up(&of, name) {
            Look::Found(ty) => ty,
            Look::Maybe(ty) if optional => ty.nullable(),
            Look::Maybe(ty) => self.present(whole, ty, name),
            Look::Unsure => Type::Any,
            Look::Absent => {
                self.no_field(&of, name, name_span(whole, base, name));
                return Type::Any;
            }
        };
        if optional && nullable { ty.nullable() } else { ty }
    }

    /// A field of a root is read, and not the root as a whole: told before the root is looked at.
    pub fn reads_field(&mut self, base: &Expr, name: &str) {
        if let ExprKind::Name(root) = &base.kind
            && !self.is_local(root)
        {
            self.used.field(root, name);
        }
    }

    /// The type of a field that may be absent, read bare: told of unless it is known to be there.
    fn present(&mut self, whole: &Expr, ty: Type, name: &str) -> Type {
        let probe = self.narrowed(whole, ty.clone().nullable());
        if !may_be_null(&probe) {
            return ty;
        }
        let called = written(whole).map_or_else(|| format!("`{name}`"), |path| format!("`{path}`"));
        let base =
            written(whole).and_then(|path| Some(path.strip_suffix(name)?.trim_end_matches(['.', '?']).to_owned()));
        let error = Diagnostic::error(MAYBE_NULL, format!("{called} may be absent"), whole.span);
        self.tell(match base {
            Some(base) => error.help(format!("write `{base}?.{name}`, or ask `has({base}.{name})` first")),
            None => error.help("reach it with `?.`"),
        });
        ty
    }

    fn no_field(&mut self, of: &Type, name: &str, span: Span) {
        let error = unknown_field(of, name, span);
        // A statement that is not read may have declared it, unless it is near to what is there.
        if error.fix.is_some() || !self.declared.may_declare(name) {
            self.tell(error);
        }
    }

    /// The type of `base[index]`.
    pub fn index(&mut self, base: &Expr, index: &Expr, optional: bool) -> Type {
        let of = self.expr(base);
        let at = self.expr(index);
        let shown = written(index).unwrap_or_else(|| match &index.kind {
            ExprKind::Literal(Value::Int(at)) => at.to_string(),
            ExprKind::Literal(Value::Str(key)) => format!("{key:?}"),
            _ => "…".to_owned(),
        });
        let of = if optional { without_null(&of) } else { self.bare(base, of, Use::Field(&format!("[{shown}]"))) };
        let at = self.bare(index, at, Use::Value("an index is a number or text"));
        self.known(base, &of, "an item is read of it");
        let mut found = Vec::new();
        for member in members(&of) {
            match self.item(member, (base, &of), (index, &at)) {
                Some(ty) => found.push(ty),
                None => return Type::Any,
            }
        }
        let ty = union(found);
        if optional { ty.nullable() } else { ty }
    }

    /// An item of one member of a type; none where that can't be, which is told.
    fn item(&mut self, of: &Type, base: (&Expr, &Type), index: (&Expr, &Type)) -> Option<Type> {
        let fits = |wanted: fn(&Type) -> bool| members(index.1).iter().all(|at| *at == Type::Any || wanted(at));
        let wanted = match of {
            Type::Any => return Some(Type::Any),
            Type::List(_) if fits(|at| matches!(at, Type::Int | Type::Number)) => return Some(item_type(of)),
            Type::List(_) => "a list is indexed by a number",
            Type::Map(_) | Type::Object(_) if fits(|at| matches!(at, Type::String | Type::Literal(_))) => {
                return Some(keyed(of, index.1));
            }
            Type::Map(_) | Type::Object(_) => "an object is indexed by text",
            _ => {
                let message = format!("a `{}` has no items", super::algebra::widened(of.clone()));
                let error = Diagnostic::error(OPERAND, message, base.0.span);
                let text = matches!(of, Type::String | Type::Literal(_));
                self.tell(if text { error.help("use `char_at` or `substring`") } else { error });
                return None;
            }
        };
        let error = Diagnostic::error(OPERAND, wanted, index.0.span);
        self.tell(error.label(format!("this is `{}`", index.1)));
        None
    }
}

/// What an object has under a key.
fn keyed(of: &Type, key: &Type) -> Type {
    match (of, key) {
        (Type::Object(object), Type::Literal(key)) => match look_up(of, key) {
            Look::Found(ty) | Look::Maybe(ty) => ty,
            _ => values_type(object),
        },
        (Type::Object(object), _) => values_type(object),
        _ => item_type(of),
    }
}

/// Where the name of a field stands.
fn name_span(whole: &Expr, base: &Expr, name: &str) -> Span {
    // In text with escapes nothing has a place of its own.
    let all = base.span == whole.span;
    let length = if all { whole.span.end - whole.span.start } else { u32::try_from(name.len()).unwrap_or(0) };
    Span { start: whole.span.end.saturating_sub(length).max(whole.span.start), end: whole.span.end }
}

fn look_up(base: &Type, name: &str) -> Look {
    match base {
        Type::Any => Look::Unsure,
        Type::Map(item) => Look::Found((**item).clone()),
        Type::Object(object) => match object.field(name) {
            // What may be null is null where it was left out.
            Some(field) if field.required || field.ty.accepts_null() => Look::Found(field.ty.clone()),
            Some(field) => Look::Maybe(field.ty.clone()),
            None if object.open => Look::Unsure,
            None => Look::Absent,
        },
        Type::Union(all) if all.is_empty() => Look::Found(never()),
        Type::Union(all) => look_up_each(all, name),
        _ => Look::Absent,
    }
}

/// A field of a union: absent where no member has it, and maybe there where some have it.
fn look_up_each(all: &[Type], name: &str) -> Look {
    let (mut found, mut absent, mut maybe) = (Vec::new(), 0, false);
    for member in all {
        match look_up(member, name) {
            Look::Found(ty) => found.push(ty),
            Look::Maybe(ty) => {
                found.push(ty);
                maybe = true;
            }
            // A text or a number has no fields, with `?.` or without.
            Look::Absent if !matches!(member, Type::Object(_)) => return Look::Absent,
            Look::Absent => absent += 1,
            Look::Unsure => found.push(Type::Any),
        }
    }
    match (found.is_empty(), absent > 0 || maybe) {
        (true, _) => Look::Absent,
        (false, true) => Look::Maybe(union(found)),
        (false, false) => Look::Found(union(found)),
    }
}

fn unknown_field(base: &Type, name: &str, span: Span) -> Diagnostic {
    let error = Diagnostic::error(UNKNOWN_FIELD, format!("unknown field `{name}`"), span);
    match base {
        Type::Object(object) => {
            let known = object.fields.iter().map(|field| &*field.name);
            did_you_mean(error.label(declares(object)), name, known)
        }
        Type::Union(members) => {
            let known: Vec<&str> = members.iter().flat_map(names).collect();
            match nearest(name, known.iter().copied()) {
                Some(near) => error.meant(name, near),
                None => error.label(format!("this is `{base}`")),
            }
        }
        Type::Literal(_) => error.label("text has no fields"),
        Type::Null => error.label("this is null"),
        other => error.label(format!("a `{other}` has no fields")),
    }
}

fn names(ty: &Type) -> Vec<&str> {
    match ty {
        Type::Object(object) => object.fields.iter().map(|field| &*field.name).collect(),
        _ => Vec::new(),
    }
}

/// The fields that there are, where they are few enough to be read.
fn declares(object: &ObjectType) -> String {
    if object.fields.is_empty() {
        return "it has no fields".to_owned();
    }
    let text = object.to_string();
    if text.chars().count() <= 80 { format!("this is `{text}`") } else { String::new() }
}
