//! Expressions, templates and types.

use crate::lang::{parse_expr, parse_type};

#[test]
fn a_type_is_written_as_it_reads() {
    for text in ["list<list<int>>?", "{ a: string, b: int? }", "\"a\" | \"b\"", "map<any>", "string?", "int | string"] {
        let (ty, found) = parse_type(text, 0);
        assert_eq!(ty.map(|ty| ty.to_string()).as_deref(), Some(text), "{found:?}");
    }
}

#[test]
fn the_smallest_integer_is_a_literal_and_the_one_after_the_largest_is_none() {
    assert!(parse_expr("-9223372036854775808", 0).0.is_some());
    assert!(parse_expr("9223372036854775808", 0).0.is_none());
}
