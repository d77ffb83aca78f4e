//! The codes of what the checker, the flat notation's reader and `compile` find.

/// Nothing in the source.
pub const NO_WORKFLOW: &str = "E0200";

/// A name that nothing has.
pub const UNKNOWN_NAME: &str = "E0201";
/// A function that does not exist.
pub const UNKNOWN_FUNCTION: &str = "E0202";
/// A field that the type does not have.
pub const UNKNOWN_FIELD: &str = "E0203";
/// A name that is taken.
pub const DUPLICATE_NAME: &str = "E0204";
/// A name that the language keeps for itself.
pub const RESERVED_NAME: &str = "E0205";
/// A name written with `-` in an expression.
pub const DASH_IN_EXPRESSION: &str = "E0206";
/// A name used outside of where it is known.
pub const OUT_OF_SCOPE: &str = "E0207";
/// A step used where it has not run yet.
pub const NOT_YET_RUN: &str = "E0208";
/// A function called with too few or too many arguments.
pub const WRONG_ARITY: &str = "E0209";
/// A key written twice.
pub const DUPLICATE_KEY: &str = "E0210";
/// An expression of constants that always fails.
pub const ALWAYS_FAILS: &str = "E0211";
/// A name that is not written as names are.
pub const BAD_NAME: &str = "E0212";

/// Something that nothing reads.
pub const UNUSED: &str = "E0213";

/// A task type that nothing declares.
pub const UNKNOWN_TASK_TYPE: &str = "E0301";
/// A key that the task type does not take.
pub const UNKNOWN_CONFIG: &str = "E0302";
/// A key that the task type needs.
pub const MISSING_CONFIG: &str = "E0303";
/// A value whose type can't fit.
pub const WRONG_TYPE: &str = "E0304";
/// A word that is none of the enum's.
pub const UNKNOWN_WORD: &str = "E0305";
/// An operation of `data_transform` that can't be read.
pub const BAD_TRANSFORM: &str = "E0306";
/// A condition of `conditional` that can't be read.
pub const BAD_CONDITION: &str = "E0307";
/// None or several of what a step must have one of.
pub const ONE_OF: &str = "E0308";
/// A step that a `conditional` can't name.
pub const BAD_TARGET: &str = "E0309";
/// A key that a workflow does not have.
pub const UNKNOWN_KEY: &str = "E0310";

/// A value that an operator can't take.
pub const OPERAND: &str = "E0311";
/// A value that a function can't take.
pub const ARGUMENT: &str = "E0312";
/// A value that may be null, where null can't be.
pub const MAYBE_NULL: &str = "E0313";
/// A condition whose answer is known.
pub const ALWAYS: &str = "E0314";
/// A secret where it would be seen.
pub const SECRET: &str = "E0315";
/// A value whose type is not known, where a type is asked for. Told where the check is strict.
pub const NOT_KNOWN: &str = "E0316";

/// A `match` that does not cover what it matches.
pub const NOT_COVERED: &str = "E0317";
/// A value of a `match` that never fits.
pub const PATTERN: &str = "E0318";

/// A declared task type that is known to be another.
pub const CONTRADICTED: &str = "E0319";

/// A word that is no policy.
pub const UNKNOWN_POLICY: &str = "E0401";
/// A length of time that can't be.
pub const BAD_DURATION: &str = "E0402";
/// A count that can't be.
pub const BAD_COUNT: &str = "E0403";
/// A policy written twice.
pub const DUPLICATE_POLICY: &str = "E0404";
/// A policy where it means nothing.
pub const MISPLACED_POLICY: &str = "E0405";

/// A policy that does nothing.
pub const USELESS_POLICY: &str = "E0406";
/// A retry that may do its work twice.
pub const HARMFUL_RETRY: &str = "E0407";

/// `after` names what is not beside it.
pub const UNKNOWN_AFTER: &str = "E0501";
/// Steps that wait for each other.
pub const CYCLE: &str = "E0502";
/// `after` outside of a `parallel`.
pub const AFTER_OUTSIDE_PARALLEL: &str = "E0503";
/// `yield` where it means nothing.
pub const MISPLACED_YIELD: &str = "E0504";
/// A statement that is never reached.
pub const UNREACHABLE: &str = "E0505";
/// A workflow that does nothing.
pub const EMPTY_WORKFLOW: &str = "E0506";
/// More steps than a plan may have.
pub const TOO_MANY_STEPS: &str = "E0507";
/// Larger types of outputs than the plans of a file may have.
pub const TOO_MANY_TYPES: &str = "E0508";
/// A statement where it can't stand.
pub const MISPLACED_STATEMENT: &str = "E0510";

/// Text that is not TOML.
pub const TOML_SYNTAX: &str = "E0601";
/// A key that the flat notation does not know.
pub const TOML_UNKNOWN_KEY: &str = "E0602";
/// A value of the wrong kind.
pub const TOML_WRONG_KIND: &str = "E0603";
/// A key that must be there.
pub const TOML_MISSING_KEY: &str = "E0604";

/// A schedule that is none.
pub const BAD_CRON: &str = "E0701";
/// A time zone that is none.
pub const BAD_TIME_ZONE: &str = "E0702";

/// A test that names what there is not.
pub const UNKNOWN_TESTED: &str = "E0801";
/// A test of what can't be.
pub const UNTESTABLE: &str = "E0802";

/// Every code of this module with its title.
pub const TITLES: &[(&str, &str)] = &[
    (NO_WORKFLOW, "nothing in the source"),
    (UNKNOWN_NAME, "a name that nothing has"),
    (UNKNOWN_FUNCTION, "a function that does not exist"),
    (UNKNOWN_FIELD, "a field that the type does not have"),
    (DUPLICATE_NAME, "a name that is taken"),
    (RESERVED_NAME, "a name that the language keeps for itself"),
    (DASH_IN_EXPRESSION, "a name written with `-` in an expression"),
    (OUT_OF_SCOPE, "a name used outside of where it is known"),
    (NOT_YET_RUN, "a step used where it has not run yet"),
    (WRONG_ARITY, "a function called with too few or too many arguments"),
    (DUPLICATE_KEY, "a key written twice"),
    (ALWAYS_FAILS, "an expression of constants that always fails"),
    (BAD_NAME, "a name that is not written as names are"),
    (UNUSED, "something that nothing reads"),
    (UNKNOWN_TASK_TYPE, "a task type that nothing declares"),
    (UNKNOWN_CONFIG, "a key that the task type does not take"),
    (MISSING_CONFIG, "a key that the task type needs"),
    (WRONG_TYPE, "a value whose type can't fit"),
    (UNKNOWN_WORD, "a word that is none of the enum's"),
    (BAD_TRANSFORM, "an operation of `data_transform` that can't be read"),
    (BAD_CONDITION, "a condition of `conditional` that can't be read"),
    (ONE_OF, "none or several of what a step must have one of"),
    (BAD_TARGET, "a step that a `conditional` can't name"),
    (UNKNOWN_KEY, "a key that a workflow does not have"),
    (OPERAND, "a value that an operator can't take"),
    (ARGUMENT, "a value that a function can't take"),
    (MAYBE_NULL, "a value that may be null, where null can't be"),
    (ALWAYS, "a condition whose answer is known"),
    (SECRET, "a secret where it would be seen"),
    (NOT_KNOWN, "a type that is not known"),
    (NOT_COVERED, "a `match` that does not cover what it matches"),
    (PATTERN, "a value of a `match` that never fits"),
    (CONTRADICTED, "a declared task type that is known to be another"),
    (UNKNOWN_POLICY, "a word that is no policy"),
    (BAD_DURATION, "a length of time that can't be"),
    (BAD_COUNT, "a count that can't be"),
    (DUPLICATE_POLICY, "a policy written twice"),
    (MISPLACED_POLICY, "a policy where it means nothing"),
    (USELESS_POLICY, "a policy that does nothing"),
    (HARMFUL_RETRY, "a retry that may do its work twice"),
    (UNKNOWN_AFTER, "`after` names what is not beside it"),
    (CYCLE, "steps that wait for each other"),
    (AFTER_OUTSIDE_PARALLEL, "`after` outside of a `parallel`"),
    (MISPLACED_YIELD, "`yield` where it means nothing"),
    (UNREACHABLE, "a statement that is never reached"),
    (EMPTY_WORKFLOW, "a workflow that does nothing"),
    (TOO_MANY_STEPS, "more steps than a plan may have"),
    (TOO_MANY_TYPES, "larger types of outputs than plans may have"),
    (MISPLACED_STATEMENT, "a statement where it can't stand"),
    (TOML_SYNTAX, "text that is not TOML"),
    (TOML_UNKNOWN_KEY, "a key that the flat notation does not know"),
    (TOML_WRONG_KIND, "a value of the wrong kind"),
    (TOML_MISSING_KEY, "a key that must be there"),
    (BAD_CRON, "a schedule that is none"),
    (BAD_TIME_ZONE, "a time zone that is none"),
    (UNKNOWN_TESTED, "a test that names what there is not"),
    (UNTESTABLE, "a test of what can't be"),
];

/// Every code that a diagnostic can have, with its title, in order.
pub fn code_titles() -> impl Iterator<Item = (&'static str, &'static str)> {
    crate::lang::codes::TITLES.iter().chain(TITLES).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_given_once() {
        let all: Vec<_> = code_titles().map(|(code, _)| code).collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{all:?}");
    }
}
