//! Where the content of a TOML string stands in the source.

use std::ops::Range;

use crate::expr::Span;

/// The place of a string's content.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The content, without its quotes; with them where `exact` is false.
    pub span: Span,
    /// Whether the content stands there byte for byte, so that places inside of it can be told.
    pub exact: bool,
}

impl Place {
    /// The place of `content`, which was read from `token`.
    pub fn of(text: &str, token: Range<usize>, content: &str) -> Self {
        let raw = text.get(token.clone()).unwrap_or_default();
        for quotes in ["\"\"\"", "'''", "\"", "'"] {
            let Some(inside) = raw.strip_prefix(quotes).and_then(|rest| rest.strip_suffix(quotes)) else { continue };
            let trimmed = inside.strip_prefix("\r\n").or_else(|| inside.strip_prefix('\n'));
            let body = if quotes.len() == 3 { trimmed.unwrap_or(inside) } else { inside };
            if body == content {
                let start = token.end - quotes.len() - body.len();
                return Self { span: Span::new(start, start + body.len()), exact: true };
            }
            break;
        }
        Self { span: Span::new(token.start, token.end), exact: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(text: &str, content: &str) -> Option<String> {
        let place = Place::of(text, 0..text.len(), content);
        place.exact.then(|| text[place.span.start as usize..place.span.end as usize].to_owned())
    }

    #[test]
    fn the_content_is_found_where_nothing_is_escaped() {
        assert_eq!(placed("\"abc\"", "abc").as_deref(), Some("abc"));
        assert_eq!(placed("'a\\b'", "a\\b").as_deref(), Some("a\\b"));
        assert_eq!(placed("\"\"\"\nabc\"\"\"", "abc").as_deref(), Some("abc"));
        assert_eq!(placed("\"a\\tb\"", "a\tb"), None);
    }
}
