//! What to call instead of a function that does not exist: other languages have other names.

use crate::expr::{Span, functions};
use crate::lang::Diagnostic;
use crate::lang::nearest::nearest;

use super::codes::UNKNOWN_FUNCTION;

/// Names of other languages, and ours.
const FOREIGN: &[(&[&str], &str)] = &[
    (&["len", "length", "count", "strlen"], "size"),
    (&["to_upper", "toUpper", "toUpperCase", "uppercase", "upcase"], "upper"),
    (&["to_lower", "toLower", "toLowerCase", "lowercase", "downcase"], "lower"),
    (&["includes", "has_item", "in_list"], "contains"),
    (&["any", "some"], "exists"),
    (&["every", "for_all"], "all"),
    (&["select", "where", "find"], "filter"),
    (&["each", "forEach", "collect", "flat_map"], "map"),
    (&["strip"], "trim"),
    (&["str", "to_string", "toString"], "string"),
    (&["parse_int", "parseInt", "to_int"], "int"),
    (&["parse_float", "parseFloat", "to_number", "float"], "number"),
    (&["stringify", "json_encode", "tojson"], "to_json"),
    (&["json_decode", "fromjson"], "parse_json"),
    (&["uniq", "dedup"], "unique"),
    (&["average", "mean"], "avg"),
    (&["substr", "mid"], "substring"),
];

/// Names that stand for nothing here, and what there is.
const NOTHING: &[(&[&str], &str)] = &[
    (
        &["now", "today", "utcnow", "current_time"],
        "an expression has no clock: `execution.started_at` is the moment of the start",
    ),
    (&["random", "rand", "uuid", "uuid4"], "an expression always gives the same; `execution.id` is unique"),
    (&["env", "getenv"], "what differs between environments is a setting: `settings.name`"),
    (&["print", "println", "log"], "write `step NAME: log { message = … }`"),
    (&["push", "append", "concat"], "write `[...list, item]`, or `a + b`"),
    (&["if", "iif"], "write `condition ? a : b`"),
    (&["coalesce", "default", "ifnull"], "write `value ?? other`"),
];

/// Tells that there is no function `name`, and what to write instead.
pub fn unknown_function(name: &str, span: Span) -> Diagnostic {
    let error = Diagnostic::error(UNKNOWN_FUNCTION, format!("unknown function `{name}`"), span);
    let named = |names: &[&str]| names.iter().any(|other| other.eq_ignore_ascii_case(name));
    if let Some((_, help)) = NOTHING.iter().find(|(names, _)| named(names)) {
        return error.help(*help);
    }
    let known =
        functions().iter().flat_map(|function| std::iter::once(&function.name).chain(function.aliases)).copied();
    let foreign = FOREIGN.iter().find(|(names, _)| named(names)).map(|(_, ours)| *ours);
    match foreign.or_else(|| nearest(name, known)) {
        Some(near) => error.meant(name, near),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::function;

    #[test]
    fn every_function_that_is_offered_exists_and_is_not_offered_for_itself() {
        let macros = ["all", "exists", "filter", "map"];
        for (names, ours) in FOREIGN {
            assert!(function(ours).is_some() || macros.contains(ours), "{ours}");
            assert!(names.iter().all(|name| function(name).is_none()), "{names:?}");
        }
        assert!(NOTHING.iter().flat_map(|(names, _)| *names).all(|name| function(name).is_none()));
        let help = |name| unknown_function(name, Span::default()).help;
        assert_eq!(help("toUpperCase").as_deref(), Some("did you mean `upper`?"));
        assert_eq!(help("startWith").as_deref(), Some("did you mean `startsWith`?"));
    }
}
