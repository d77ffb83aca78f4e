//! Tests of evaluation, on trees built by hand.

mod build;
mod evaluation;
mod functions;
mod operators;
mod random;
