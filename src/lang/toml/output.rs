//! Types in the flat notation: text, or a table of field names to types.

use toml::Spanned;
use toml::de::DeValue;

use crate::expr::{FieldType, ObjectType, Type};
use crate::lang::ast;
use crate::lang::parse_type;

use super::text::Place;
use super::workflow::any_at;
use super::{Reader, entries, span_of};

impl Reader<'_> {
    /// The type that a text writes.
    pub fn type_of_text(&mut self, what: &str, value: &Spanned<DeValue<'_>>) -> Option<ast::Spanned<Type>> {
        let DeValue::String(content) = value.get_ref() else {
            self.wrong_kind(what, value, "a type, written as text");
            return None;
        };
        let place = Place::of(self.text, value.span(), content);
        let (ty, mut found) = parse_type(content, if place.exact { place.span.start as usize } else { 0 });
        if !place.exact {
            found.iter_mut().flat_map(|one| &mut one.labels).for_each(|label| label.span = place.span);
        }
        self.diagnostics.append(&mut found);
        Some(ty.map_or_else(|| any_at(place.span), |value| ast::Spanned { value, span: place.span }))
    }

    /// `output = "type"`, or a table of fields.
    pub fn output_type(&mut self, value: &Spanned<DeValue<'_>>) -> Option<ast::Spanned<Type>> {
        let DeValue::Table(table) = value.get_ref() else {
            return self.type_of_text("`output`", value);
        };
        let mut fields = Vec::new();
        for (key, field) in entries(table) {
            let ty = match field.get_ref() {
                DeValue::Table(_) => self.output_type(field),
                _ => self.type_of_text(&format!("the type of `{}`", key.get_ref()), field),
            };
            let ty = ty.map_or(Type::Any, |ty| ty.value);
            let required = !ty.accepts_null();
            fields.push(FieldType { name: key.get_ref().as_ref().into(), ty, required, doc: None });
        }
        let value_type = Type::Object(ObjectType { fields, open: false });
        Some(ast::Spanned { value: value_type, span: span_of(value) })
    }
}
