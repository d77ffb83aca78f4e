//! What a formatted text is made of: words, and places where a line may end.

use std::borrow::Cow;
use std::ops::Range;

/// A part of a formatted text, in the order written.
#[derive(Clone, Debug)]
pub enum Op<'a> {
    /// Something to be written as it is.
    Text(Text<'a>),
    /// A space, unless a line ends there.
    Space,
    /// A space, or the end of a line where a comment stands there.
    Gap,
    /// Where comments go that stand before a parenthesis which only groups.
    Comments,
    /// Where a line may end.
    Line(Line),
    /// The beginning of a group: all of its lines end, or none does.
    Begin {
        /// Whether they must.
        broken: bool,
    },
    /// The end of a group.
    End,
    /// Further in from here on.
    Indent,
    /// Back again.
    Dedent,
}

/// A word, a sign or a whole text in quotes.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    /// What is written.
    pub text: Cow<'a, str>,
    /// The pieces of the source that it is. Commas and parentheses that only group are none.
    pub pieces: Option<Range<usize>>,
    /// Whether a blank line stands before it in the source.
    pub blank: bool,
    /// How it is written where it has several lines.
    pub form: Form,
}

impl Text<'_> {
    /// What is no part of a source.
    pub fn soft(text: &'static str) -> Self {
        Self { text: text.into(), pieces: None, blank: false, form: Form::Verbatim }
    }
}

/// How a text of several lines is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Verbatim,
    /// With its lines moved to where it stands: `"""`.
    Moved,
}

/// A place where a line may end.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// What stands there where it does not end.
    pub flat: &'static str,
    /// What stands before the end where it does.
    pub mark: &'static str,
    /// Where it is.
    pub place: Place,
}

/// Where in its group a line may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After the opening bracket.
    First,
    /// Between two entries. One blank line of the source is kept; `blank` puts one where there is no source.
    Between {
        /// Whether to put one.
        blank: bool,
    },
    /// Before the closing bracket.
    Last,
    /// Between two brackets that hold nothing.
    Only,
    /// In the middle of an expression.
    Within,
}

impl Line {
    /// A line end in the middle of an expression.
    pub fn within(flat: &'static str) -> Self {
        Self { flat, mark: "", place: Place::Within }
    }
}
