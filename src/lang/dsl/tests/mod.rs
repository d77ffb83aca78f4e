//! The parser's tests: one module for each part of the language.

mod expression;
mod limits;
mod messages;
mod statement;
