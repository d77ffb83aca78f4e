//! JSON as it is, and moments in RFC 3339 with `Z`.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde_json::Value as Json;

use crate::expr::{Timestamp, Value};

/// Any JSON.
pub type JsonDto = poem_openapi::types::Any<Json>;

/// A value as JSON.
pub fn json_of(value: &Value) -> JsonDto {
    poem_openapi::types::Any(serde_json::to_value(value).unwrap_or_default())
}

/// A moment in RFC 3339 with `Z`.
#[derive(Clone, Copy, Debug)]
pub struct MomentDto(pub Timestamp);

impl MomentDto {
    /// A moment of examples.
    pub fn example() -> Self {
        Self(Timestamp(1_767_261_600_000_000))
    }
}

impl From<Timestamp> for MomentDto {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl Type for MomentDto {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        "date-time".into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", "date-time")))
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(self.as_raw_value().into_iter())
    }
}

impl ToJSON for MomentDto {
    fn to_json(&self) -> Option<Json> {
        Some(Json::String(self.0.to_string()))
    }
}

impl ParseFromJSON for MomentDto {
    fn parse_from_json(value: Option<Json>) -> ParseResult<Self> {
        let text = value.as_ref().and_then(Json::as_str).unwrap_or_default();
        match chrono::DateTime::parse_from_rfc3339(text) {
            Ok(at) => Ok(Self(Timestamp::from_chrono(at.to_utc()))),
            Err(_) => Err(ParseError::custom("expected a moment in RFC 3339")),
        }
    }
}
