//! The codes of diagnostics, each with a one-line title. A code, once given, keeps its meaning.
//!
//! `E01xx` syntax · `E02xx` names · `E03xx` types and configuration · `E04xx` structure.

/// The source is larger than [`super::MAX_SOURCE_BYTES`].
pub const SOURCE_TOO_LARGE: &str = "E0101";
/// The source is no UTF-8.
pub const NOT_UTF8: &str = "E0102";
/// A character that has no place in a source.
pub const UNEXPECTED_CHARACTER: &str = "E0103";
/// Brackets, blocks or templates nested too deep.
pub const NESTED_TOO_DEEP: &str = "E0104";
/// An expression of too many parts.
pub const EXPRESSION_TOO_LARGE: &str = "E0105";
/// A bracket that is never closed.
pub const UNCLOSED_BRACKET: &str = "E0106";
/// A bracket that closes nothing.
pub const UNOPENED_BRACKET: &str = "E0107";
/// A text without its closing quote.
pub const UNCLOSED_TEXT: &str = "E0108";
/// `${` without its `}`.
pub const UNCLOSED_INTERPOLATION: &str = "E0109";
/// An escape that is none.
pub const UNKNOWN_ESCAPE: &str = "E0110";
/// A number or a length of time that is none, or that does not fit.
pub const BAD_NUMBER: &str = "E0111";
/// Something else was expected.
pub const UNEXPECTED: &str = "E0112";
/// A word that begins no statement.
pub const UNKNOWN_STATEMENT: &str = "E0113";
/// Something at the top of a file that is no workflow, task or test.
pub const UNKNOWN_ITEM: &str = "E0114";
/// A type that is none.
pub const UNKNOWN_TYPE: &str = "E0115";
/// A macro or `has()` that is not called as it must be.
pub const BAD_MACRO: &str = "E0116";
/// Something written twice where it may stand once.
pub const DOUBLED: &str = "E0117";
/// Something that stands where it may not.
pub const MISPLACED: &str = "E0118";

/// Every code of this module with its title.
pub const TITLES: &[(&str, &str)] = &[
    (SOURCE_TOO_LARGE, "the source is too large"),
    (NOT_UTF8, "the source is not UTF-8"),
    (UNEXPECTED_CHARACTER, "a character that has no place in a source"),
    (NESTED_TOO_DEEP, "nested too deep"),
    (EXPRESSION_TOO_LARGE, "an expression of too many parts"),
    (UNCLOSED_BRACKET, "a bracket that is never closed"),
    (UNOPENED_BRACKET, "a bracket that closes nothing"),
    (UNCLOSED_TEXT, "a text without its closing quote"),
    (UNCLOSED_INTERPOLATION, "`${` without its `}`"),
    (UNKNOWN_ESCAPE, "an unknown escape"),
    (BAD_NUMBER, "a number or a length of time that is none"),
    (UNEXPECTED, "something else was expected"),
    (UNKNOWN_STATEMENT, "an unknown statement"),
    (UNKNOWN_ITEM, "no workflow, task or test"),
    (UNKNOWN_TYPE, "an unknown type"),
    (BAD_MACRO, "a macro that is not called as it must be"),
    (DOUBLED, "written twice where it may stand once"),
    (MISPLACED, "something that stands where it may not"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_given_once() {
        assert!(TITLES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
