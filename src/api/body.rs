//! Request bodies: JSON objects read field by field, and source texts.
//!
//! Invariant: every body was cut off at the limit before it gets here (`guard`).

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::expr::{MAX_VALUE_DEPTH, is_too_deep};
use crate::lang::Notation;
use crate::service::ServiceError;

use super::dto::JsonDto;
use super::error::Problem;
use super::fields::{Fields, FromFields};

/// A body that must be a JSON object of `T`'s fields.
pub struct Body<T>(pub T);

/// A body that may be absent.
pub struct OptionalBody<T>(pub Option<T>);

/// A body that may be any JSON; null where it is absent.
pub struct AnyBody(pub serde_json::Value);

/// A source text, in whatever content type it comes.
pub struct SourceText {
    /// The text.
    pub text: String,
    /// The notation that the content type tells, where it tells one.
    pub notation: Option<Notation>,
}

/// What is made of the bytes of a body.
trait FromBody: Sized {
    /// What the document says of it.
    fn meta() -> MetaRequest;

    /// Puts the types that it is made of into the document.
    fn describe(_registry: &mut Registry) {}

    /// Reads it.
    fn read(request: &Request, bytes: &[u8]) -> poem::Result<Self>;
}

/// Makes a type that is read from a body one that a handler can ask for.
macro_rules! extractor {
    ($name:ident $(<$inner:ident>)?) => {
        impl<'a $(, $inner: Type + FromFields)?> ApiExtractor<'a> for $name $(<$inner>)? {
            const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
            type ParamType = ();
            type ParamRawType = ();

            fn register(registry: &mut Registry) {
                Self::describe(registry);
            }

            fn request_meta() -> Option<MetaRequest> {
                Some(Self::meta())
            }

            async fn from_request(
                request: &'a Request,
                body: &mut RequestBody,
                _options: ExtractParamOptions<()>,
            ) -> poem::Result<Self> {
                let bytes = body.take()?.into_vec().await?;
                Self::read(request, &bytes)
            }
        }
    };
}

extractor!(Body<T>);
extractor!(OptionalBody<T>);
extractor!(AnyBody);
extractor!(SourceText);

impl<T: Type + FromFields> FromBody for Body<T> {
    fn meta() -> MetaRequest {
        json_meta::<T>(true)
    }

    fn describe(registry: &mut Registry) {
        T::register(registry);
    }

    fn read(request: &Request, bytes: &[u8]) -> poem::Result<Self> {
        parse(request, bytes).map(Self)
    }
}

impl<T: Type + FromFields> FromBody for OptionalBody<T> {
    fn meta() -> MetaRequest {
        json_meta::<T>(false)
    }

    fn describe(registry: &mut Registry) {
        T::register(registry);
    }

    fn read(request: &Request, bytes: &[u8]) -> poem::Result<Self> {
        Ok(Self(if is_absent(bytes) { None } else { Some(parse(request, bytes)?) }))
    }
}

impl FromBody for AnyBody {
    fn meta() -> MetaRequest {
        json_meta::<JsonDto>(false)
    }

    fn read(request: &Request, bytes: &[u8]) -> poem::Result<Self> {
        Ok(Self(if is_absent(bytes) { serde_json::Value::Null } else { json(request, bytes)? }))
    }
}

impl FromBody for SourceText {
    fn meta() -> MetaRequest {
        let text = |content_type| MetaMediaType { content_type, schema: String::schema_ref() };
        let content = vec![text("text/plain"), text("application/toml")];
        MetaRequest { description: Some("The text of a `.flow` or `.toml` file."), content, required: true }
    }

    fn read(request: &Request, bytes: &[u8]) -> poem::Result<Self> {
        let notation = request.content_type().is_some_and(|kind| kind.contains("toml")).then_some(Notation::Toml);
        // A byte-order mark is no part of the text, as in a file.
        let text = utf8(bytes)?;
        Ok(Self { text: text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(), notation })
    }
}

fn json_meta<T: Type>(required: bool) -> MetaRequest {
    let content = vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }];
    MetaRequest { description: None, content, required }
}

fn is_absent(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}

fn parse<T: FromFields>(request: &Request, bytes: &[u8]) -> poem::Result<T> {
    let json = json(request, bytes)?;
    Fields::parse(json).map_err(|errors| Problem::from(ServiceError::Invalid { errors }).into())
}

fn json(request: &Request, bytes: &[u8]) -> poem::Result<serde_json::Value> {
    let kind = request.content_type().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
        return Err(Problem::unsupported_media_type(kind).into());
    }
    let text = utf8(bytes)?;
    let json = serde_json::from_str(text).map_err(|error| Problem::malformed(json_error(&error, text)))?;
    if is_too_deep(&json) {
        return Err(Problem::malformed(too_deep()).into());
    }
    Ok(json)
}

fn too_deep() -> String {
    format!("the body nests deeper than {MAX_VALUE_DEPTH} levels")
}

fn utf8(bytes: &[u8]) -> Result<&str, Problem> {
    let told = |error: std::str::Utf8Error| {
        let at = error.valid_up_to();
        let line = bytes.get(..at).map_or(0, |before| before.iter().filter(|byte| **byte == b'\n').count()) + 1;
        Problem::malformed(format!("the body is not UTF-8: byte {at}, in line {line}"))
    };
    std::str::from_utf8(bytes).map_err(told)
}

fn json_error(error: &serde_json::Error, text: &str) -> String {
    if text.trim().is_empty() {
        return "the body is empty: expected a JSON object".to_owned();
    }
    let place = format!("line {}, column {}", error.line(), error.column());
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or_default();
    match what {
        "recursion limit exceeded" => format!("{}: {place}", too_deep()),
        what => format!("the body is not JSON: {what}: {place}"),
    }
}
