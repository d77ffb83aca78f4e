//! Types put together and held against each other.
//!
//! Three questions, from the strictest: `takes` (every value of the one is a value of the other: what operators and functions
//! ask), `can_be` (some value is, or is made one at a border: what configurations and outputs ask) and `can_equal` (some value
//! of the one equals some of the other). Where a type is not known each answers yes: nothing is said of it.
//!
//! A union of nothing is the type of what never is: an item of `[]`, or of `[null]` without its nulls. What is read or worked
//! out from it never is either, and so it takes nothing away from a union: `[][0] + 1` never comes to be an int or a text.

use std::sync::Arc;

use crate::expr::{FieldType, ObjectType, Type};

/// The most members of a union that are told apart.
const MAX_MEMBERS: usize = 32;

/// The type that no value has.
pub fn never() -> Type {
    Type::Union(Vec::new())
}

/// Whether no value has the type.
pub fn is_never(ty: &Type) -> bool {
    matches!(ty, Type::Union(members) if members.is_empty())
}

/// The members of a union, or the type itself.
pub fn members(ty: &Type) -> &[Type] {
    match ty {
        Type::Union(members) => members,
        other => std::slice::from_ref(other),
    }
}

/// One of these types, as simple as it can be said.
pub fn union(types: impl IntoIterator<Item = Type>) -> Type {
    let mut found: Vec<Type> = Vec::new();
    for ty in types {
        match ty {
            Type::Any => return Type::Any,
            Type::Union(inner) => inner.into_iter().for_each(|member| add(&mut found, member)),
            other => add(&mut found, other),
        }
        if found.contains(&Type::Any) || !narrow_enough(&mut found) {
            return Type::Any;
        }
    }
    if let [only] = &mut found[..] {
        return std::mem::replace(only, Type::Any);
    }
    // Null last, as it is written.
    found.sort_by_key(|ty| *ty == Type::Null);
    Type::Union(found)
}

/// Whether so many members are told apart; texts of one wording are text where there would be too many.
fn narrow_enough(found: &mut Vec<Type>) -> bool {
    if found.len() > MAX_MEMBERS {
        let all = std::mem::take(found);
        all.into_iter().map(widened).for_each(|ty| add(found, ty));
    }
    found.len() <= MAX_MEMBERS
}

/// Adds a member: what is covered already is left out, and what it covers goes.
fn add(found: &mut Vec<Type>, ty: Type) {
    for known in found.iter_mut() {
        if let Some(both) = merged(known, &ty) {
            *known = both;
            return;
        }
    }
    if ty == Type::String {
        found.retain(|known| !matches!(known, Type::Literal(_)));
    }
    found.push(ty);
}

/// Two members as one, where they are.
fn merged(a: &Type, b: &Type) -> Option<Type> {
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (Type::Int | Type::Number, Type::Int | Type::Number) => Some(Type::Number),
        (Type::String, Type::Literal(_)) => Some(Type::String),
        (Type::List(a), Type::List(b)) => Some(Type::List(Box::new(union([(**a).clone(), (**b).clone()])))),
        (Type::Map(a), Type::Map(b)) => Some(Type::Map(Box::new(union([(**a).clone(), (**b).clone()])))),
        (Type::Object(a), Type::Object(b)) => merged_objects(a, b).map(Type::Object),
        _ => None,
    }
}

/// Objects of the same fields.
fn merged_objects(a: &ObjectType, b: &ObjectType) -> Option<ObjectType> {
    if a.fields.len() != b.fields.len() || a.open != b.open {
        return None;
    }
    let field = |field: &FieldType| {
        let other = b.field(&field.name)?;
        let ty = union([field.ty.clone(), other.ty.clone()]);
        Some(FieldType { ty, required: field.required && other.required, ..field.clone() })
    };
    let fields = a.fields.iter().map(field).collect::<Option<_>>()?;
    Some(ObjectType { fields, open: a.open })
}

/// A text of one wording as text.
pub fn widened(ty: Type) -> Type {
    match ty {
        Type::Literal(_) => Type::String,
        other => other,
    }
}

/// The type without null.
pub fn without_null(ty: &Type) -> Type {
    match ty {
        Type::Null => never(),
        Type::Union(all) if all.contains(&Type::Null) => {
            union(all.iter().filter(|member| **member != Type::Null).cloned())
        }
        other => other.clone(),
    }
}

/// Whether null is one of the values, for all that is known.
pub fn may_be_null(ty: &Type) -> bool {
    *ty != Type::Any && ty.accepts_null()
}

/// What an item of a list or a value of a map is.
pub fn item_type(list: &Type) -> Type {
    match list {
        Type::List(item) | Type::Map(item) => (**item).clone(),
        Type::Union(all) => union(all.iter().map(item_type)),
        _ => Type::Any,
    }
}

/// What a field of an object is of, whichever it is.
pub fn values_type(object: &ObjectType) -> Type {
    if object.open { Type::Any } else { union(object.fields.iter().map(|field| field.ty.clone())) }
}

/// Whether every value of the one type is one of the other, for all that is known.
pub fn takes(wanted: &Type, actual: &Type) -> bool {
    match (wanted, actual) {
        (Type::Any, _) | (_, Type::Any) => true,
        (wanted, Type::Union(all)) => all.iter().all(|member| takes(wanted, member)),
        (Type::Union(all), actual) => all.iter().any(|member| takes(member, actual)),
        (Type::Number, Type::Int) | (Type::String, Type::Literal(_)) => true,
        (Type::List(wanted), Type::List(actual)) | (Type::Map(wanted), Type::Map(actual)) => takes(wanted, actual),
        (Type::Map(wanted), Type::Object(object)) => object.fields.iter().all(|field| takes(wanted, &field.ty)),
        (Type::Object(wanted), Type::Object(actual)) => wanted.fields.iter().all(|field| {
            let given = actual.field(&field.name);
            given.map_or(actual.open || !field.required, |given| takes(&field.ty, &given.ty))
        }),
        (Type::Object(wanted), Type::Map(item)) => wanted.fields.iter().all(|field| takes(&field.ty, item)),
        (wanted, actual) => wanted == actual,
    }
}

/// Whether a value of the one type can be one of the other; false only where it can't for sure.
pub fn can_be(actual: &Type, wanted: &Type) -> bool {
    match (actual, wanted) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::Union(all), wanted) => all.is_empty() || all.iter().any(|member| can_be(member, wanted)),
        (actual, Type::Union(all)) => all.is_empty() || all.iter().any(|member| can_be(actual, member)),
        (Type::Int | Type::Number, Type::Int | Type::Number) => true,
        (Type::Literal(a), Type::Literal(b)) => a == b,
        (Type::String | Type::Literal(_), Type::String | Type::Duration | Type::Timestamp) => true,
        (Type::String, Type::Literal(_)) => true,
        // One without entries is of every type of list.
        (Type::List(_), Type::List(_)) => true,
        (Type::Duration | Type::Timestamp, Type::String) => true,
        (Type::Map(_) | Type::Object(_), Type::Map(_)) | (Type::Map(_), Type::Object(_)) => true,
        (Type::Object(a), Type::Object(b)) => object_can_be(a, b),
        (actual, wanted) => actual == wanted,
    }
}

fn object_can_be(actual: &ObjectType, wanted: &ObjectType) -> bool {
    let fields_fit = wanted.fields.iter().all(|field| match actual.field(&field.name) {
        Some(given) => can_be(&given.ty, &field.ty),
        None => actual.open || !field.required || field.ty.accepts_null(),
    });
    fields_fit
        && (wanted.open || actual.fields.iter().all(|given| !given.required || wanted.field(&given.name).is_some()))
}

/// Whether some value of the one type equals some value of the other.
pub fn can_equal(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::Union(all), other) | (other, Type::Union(all)) => {
            all.is_empty() || all.iter().any(|member| can_equal(member, other))
        }
        (Type::Int | Type::Number, Type::Int | Type::Number) => true,
        (Type::Literal(a), Type::Literal(b)) => a == b,
        (Type::String, Type::Literal(_)) | (Type::Literal(_), Type::String) => true,
        (Type::List(_), Type::List(_)) | (Type::Map(_) | Type::Object(_), Type::Map(_) | Type::Object(_)) => true,
        (a, b) => a == b,
    }
}

/// The words of a type that is one of some texts, null apart.
pub fn words(ty: &Type) -> Option<Vec<Arc<str>>> {
    let word = |ty: &Type| match ty {
        Type::Literal(word) => Some(word.clone()),
        _ => None,
    };
    let words: Option<Vec<_>> = members(ty).iter().filter(|ty| **ty != Type::Null).map(word).collect();
    words.filter(|words| !words.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Type {
        Type::Literal(text.into())
    }

    #[test]
    fn a_union_is_said_as_simply_as_it_can_be() {
        let list = |ty| Type::List(Box::new(ty));
        let shown = |types: Vec<Type>| union(types).to_string();
        assert_eq!(shown(vec![Type::Int, Type::Null, Type::Number]), "number?");
        assert_eq!(shown(vec![literal("a"), literal("b"), literal("a")]), "\"a\" | \"b\"");
        assert_eq!(shown(vec![literal("a"), Type::Int, Type::String]), "int | string");
        assert_eq!(shown(vec![list(never()), list(Type::Int)]), "list<int>");
        assert_eq!(shown(vec![list(Type::Null), list(Type::Int)]), "list<int?>");
        assert_eq!(shown(vec![Type::Int, Type::Any]), "any");
        let words: Vec<_> = (0..100).map(|at| literal(&at.to_string())).collect();
        assert_eq!(shown(words), "string");
    }

    #[test]
    fn what_is_not_known_fits_everywhere() {
        for ty in [Type::Int, Type::List(Box::new(Type::Any)), never(), Type::Any] {
            assert!(takes(&ty, &Type::Any) && takes(&Type::Any, &ty) && can_be(&Type::Any, &ty));
            assert!(can_equal(&ty, &Type::Any) && takes(&ty, &never()) && can_be(&never(), &ty));
        }
        assert!(!takes(&Type::Int, &Type::Number) && can_be(&Type::Number, &Type::Int));
        assert!(!takes(&Type::Int, &Type::Int.nullable()) && can_be(&Type::Int.nullable(), &Type::Int));
        assert!(!can_equal(&literal("a"), &literal("b")) && !can_equal(&Type::Duration, &Type::String));
    }
}
