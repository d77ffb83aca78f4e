//! What is told of mistakes in the flat notation.

use super::{told, toml};

/// The diagnostics of steps under a plain head.
fn check(steps: &str, expected: &[&str]) {
    let text = format!("name = \"w\"\n[input]\nid = \"string\"\ncount = \"int\"\n{steps}");
    assert_eq!(told(&text, &toml(&text)), expected, "{text}");
}

#[test]
fn unknown_keys_and_words_find_their_nearest() {
    check(
        r#"
[[step]]
name = "a"
task = "http_reqest"
[[step]]
name = "b"
task = "http_request"
timeuot = "1s"
with = { url = "x", method = "PSOT", bdy = 1 }
"#,
        &[
            "E0301 unknown task type `http_reqest` @ \"http_reqest\" / did you mean `http_request`?",
            "E0602 unknown key `timeuot` of a step @ \"timeuot\" / did you mean `timeout`?",
            "E0305 `method` can't be `PSOT` @ \"\\\"PSOT\\\"\" / did you mean `POST`?",
            "E0302 unknown key `bdy` of `http_request` @ \"bdy\" / did you mean `body`?",
        ],
    );
}

#[test]
fn names_are_looked_up_where_they_are_used() {
    check(
        r#"
[[step]]
name = "first-one"
task = "log"
with = { message = "${input.idd} ${second.message} ${first_one.x}" }
[[step]]
name = "second"
task = "http_request"
with = { url = "${first_oen.message}${id}", body = "${second.status}" }
[[step]]
name = "third"
task = "log"
with = { message = "${second.stauts}" }
"#,
        &[
            "E0203 unknown field `idd` @ \"idd\" / did you mean `id`?",
            "E0208 `second` is a step that comes later @ \"second\"",
            "E0208 `first_one` can't be used in itself @ \"first_one\"",
            "E0201 unknown name `first_oen` @ \"first_oen\" / did you mean `first_one`?",
            "E0201 unknown name `id` @ \"id\" / write `input.id`",
            "E0208 `second` can't be used in itself @ \"second\"",
            "E0203 unknown field `stauts` @ \"stauts\" / did you mean `status`?",
        ],
    );
}

#[test]
fn names_that_are_taken_or_reserved_are_told_once() {
    check(
        r#"
[[step]]
name = "a-b"
task = "log"
with = { message = "x" }
[[step]]
name = "a_b"
task = "log"
with = { message = "x" }
[[step]]
name = "input"
task = "log"
with = { message = "x" }
[[step]]
name = "9x"
task = "log"
with = { message = "x" }
"#,
        &[
            "E0204 `a_b` and `a-b` are one name in expressions @ \"a_b\"",
            "E0205 `input` means something already, and can't name a step @ \"input\"",
            "E0212 `9x` is no name @ \"9x\" / a name is a letter, then letters, digits, `_` and `-`",
        ],
    );
}

#[test]
fn policies_are_held_to_what_can_be() {
    check(
        r#"
[[step]]
name = "a"
task = "http_request"
timeout = "0s"
retry = { max = -1, backoff = "1m..1s", factor = 0.5, jitter = "ful" }
queue = "two words"
when = "input.id"
with = { url = "x" }
[[step]]
name = "b"
task = "log"
timeout = "10 s"
retry = 3.5
undo = {}
with = { message = "x" }
[[step]]
name = "c"
task = "log"
timeout = 10
with = { message = "x" }
"#,
        &[
            "E0402 a time-out must be more than nothing @ \"\\\"0s\\\"\"",
            "E0403 a step can't be retried -1 times @ \"-1\" / a whole number such as `3`: up to three further attempts after the first",
            "E0402 the first wait is longer than the longest @ \"1m..1s\" / write the shorter one first: `1s..1m`",
            "E0403 `factor` must be a number from 1 to 1000, written out @ \"0.5\"",
            "E0305 unknown jitter `ful` @ \"ful\" / did you mean `full`?",
            "E0304 `two words` is no name of a queue @ \"\\\"two words\\\"\" / letters, digits, `_`, `-` and `.`, at most 64",
            "E0304 `when` must be `bool`, and this is text @ \"\\\"input.id\\\"\" / an expression in text stands in `${}`: `${input.id}`",
            "E0402 `10 s` is no length of time @ \"\\\"10 s\\\"\" / write `10s`, `5m` or `1h30m`",
            "E0403 the number of retries must be written out as a whole number @ \"3.5\" / a whole number such as `3`: up to three further attempts after the first",
            "E0604 an `undo` needs a `task` @ \"undo\" / write `undo = { task = \"http_request\", with = { … } }`",
            "E0402 a time-out needs a unit @ \"10\" / write `10s`, `10m` or `10h`",
        ],
    );
}

#[test]
fn the_graph_has_no_cycles_and_no_strangers() {
    check(
        r#"
[[step]]
name = "a"
task = "log"
after = ["b"]
with = { message = "x" }
[[step]]
name = "b"
task = "log"
after = ["a", "cc"]
with = { message = "x" }
[[step]]
name = "c"
task = "log"
after = "c"
with = { message = "x" }
"#,
        &[
            "E0502 `a` waits for `b`, which waits for `a` @ \"after = [\\\"b\\\"]\" / steps that wait for each other never start",
            "E0501 unknown step `cc` @ \"cc\" / one of `a`, `c`",
            "E0502 `c` can't wait for itself @ \"c\"",
        ],
    );
}

#[test]
fn a_sibling_is_used_only_where_it_is_ordered_before() {
    check(
        r#"
[[step]]
name = "a"
task = "http_request"
with = { url = "x" }
[[step]]
name = "b"
task = "log"
with = { message = "${a.status}" }
[[step]]
name = "c"
task = "log"
after = ["a"]
with = { message = "${a.status}" }
[[step]]
name = "d"
task = "log"
after = ["c"]
with = { message = "${a.status}" }
"#,
        &["E0208 `a` may not have run yet: nothing orders it before this @ \"a\" / add `after a`"],
    );
}

#[test]
fn a_conditional_decides_over_later_steps_alone() {
    check(
        r#"
[[step]]
name = "start"
task = "log"
with = { message = "x" }
[[step]]
name = "check"
task = "conditional"
with = { condition = { field = "amount", operator = "gte", value = 3 }, then = ["big"], else = ["start", "smal"] }
[[step]]
name = "big"
task = "log"
with = { message = "x" }
[[step]]
name = "small"
task = "log"
with = { message = "x" }
"#,
        &[
            "E0309 `start` does not come after `check`, which is to decide over it @ \"\\\"start\\\"\"",
            "E0309 unknown step `smal` @ \"\\\"smal\\\"\" / did you mean `small`?",
        ],
    );
}

#[test]
fn a_conditional_names_its_steps_as_they_are_written() {
    check(
        r#"
[[step]]
name = "check"
task = "conditional"
with = { condition = "${input.count > 3}", then = "${input.id}" }
[[step]]
name = "big"
task = "log"
with = { message = "x" }
"#,
        &["E0309 `then` must name its steps, written out @ \"input.id\" / write `then = [\"name\"]`"],
    );
}

#[test]
fn conditions_and_transforms_are_read_to_their_parts() {
    check(
        r#"
[[step]]
name = "check"
task = "conditional"
with = { condition = { all = [{ field = "a..b", operator = "eq", value = 1 }, { field = "a", operator = "equals", value = 1 }, { field = "a" }] } }
[[step]]
name = "shape"
task = "data_transform"
with = { transforms = [{ renam = { from = "a", to = "b" } }, { rename = { from = "a" } }, { op = "cast", path = "a", to = "integer" }, { set = { path = "a", valu = 1 } }] }
[[step]]
name = "none"
task = "data_transform"
[[step]]
name = "wait"
task = "delay"
with = { seconds = -3, duration = "5 m" }
"#,
        &[
            "E0307 `field` must be a path @ \"\\\"a..b\\\"\" / a path is text such as `order.items[0].sku`, taken from `data`",
            "E0307 unknown operator `equals` @ \"\\\"equals\\\"\" / one of `eq`, `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `not_in`, `contains`, `starts_with`, `ends_with`, `exists`, `not_exists`, `matches`",
            "E0303 a condition needs `operator` @ \"{ field = \\\"a\\\" }\" / write `{ field, operator, value }`",
            "E0306 unknown operation `renam` @ \"renam\" / did you mean `rename`?",
            "E0303 `rename` needs `to` @ \"{ rename = { from = \\\"a\\\" } }\"",
            "E0306 `to` must be the name of a type @ \"\\\"integer\\\"\" / one of `int`, `number`, `string`, `bool`, `duration`, `timestamp`",
            "E0302 unknown key `valu` of `set` @ \"valu\" / did you mean `value`?",
            "E0308 `none` needs one of `transforms`, `value` @ \"none\"",
            "E0402 `seconds` can't be negative @ \"-3\"",
            "E0308 only one of `seconds`, `duration`, `until` can be there @ \"duration\"",
            "E0304 `duration` must be `duration`, and this is text @ \"\\\"5 m\\\"\" / write a length of time such as `10s`, `5m` or `1h30m`",
        ],
    );
}

#[test]
fn what_must_be_there_is_asked_for() {
    check(
        r#"
[[step]]
name = "a"
task = "http_request"
[[step]]
task = "log"
[[step]]
name = "b"
[[step]]
name = "c"
task = "log"
parallel = 3
with = "x"
"#,
        &[
            "E0303 `a` needs `url` @ \"a\" / `url` of `http_request`: the address, `http` or `https`",
            "E0604 a step needs a `name` @ \"[[step]]\" / write `name = \"validate\"`",
            "E0604 a step needs a `task` @ \"[[step]]\" / write `task = \"http_request\"`",
            "E0604 `parallel` needs a `for_each` @ \"parallel\" / write `for_each = \"${input.items}\"`",
            "E0603 `with` must be a table, not text @ \"\\\"x\\\"\" / a table is written `{ key = value }`",
        ],
    );
}

#[test]
fn text_that_is_no_toml_is_told_at_once() {
    for (text, expected) in
        [("name = ", "E0601"), ("name = \"a\"\nname = \"b\"", "E0601"), ("[[[[", "E0601"), ("= 1", "E0601")]
    {
        let compiled = toml(text);
        assert_eq!(compiled.diagnostics.len(), 1, "{text}: {:?}", compiled.diagnostics);
        assert_eq!(compiled.diagnostics[0].code, expected);
        assert!(compiled.diagnostics[0].help.is_some());
    }
}

#[test]
fn what_is_too_deep_or_too_large_is_told_at_once() {
    for text in
        ["[".repeat(100_000), format!("a = {}", "{ b = ".repeat(100_000)), format!("{} = 1", "a.".repeat(100_000))]
    {
        let compiled = toml(&text);
        assert_eq!(compiled.diagnostics.len(), 1);
        assert!(compiled.diagnostics[0].message.starts_with("nested more than 64 deep"), "{:?}", compiled.diagnostics);
    }
    let compiled = toml(&"#".repeat(10 * 1024 * 1024));
    assert!(compiled.diagnostics[0].message.starts_with("the source has 10485760 bytes"));
}

#[test]
fn expressions_in_text_are_told_at_their_own_place() {
    check(
        r#"
[[step]]
name = "validate-order"
task = "http_request"
output = { ok = "bool", reason = "string?" }
with = { url = "https://x/${input.id.upcase()}", body = "${{ a: 1, a: 2 }}" }
[[step]]
name = "tell"
task = "log"
when = "${validate-order.body.ok}"
with = { message = "${validate_order.body.okk} ${input.id.split()} ${1 / 0} ${input.count - 1}", details = "a\t${input.idd}" }
[[step]]
name = "more"
task = "log"
with = { message = "${error.code} ${secrets.key} ${event} ${size(1, 2)}", details = "${1 / 0}" }
"#,
        &[
            "E0202 unknown function `upcase` @ \"upcase\" / did you mean `upper`?",
            "E0210 the key `a` is there twice @ \"a\"",
            "E0206 a `-` in an expression subtracts, and `validate-order` is a step @ \"validate-order\" / write `validate_order`",
            "E0203 unknown field `okk` @ \"okk\" / did you mean `ok`?",
            "E0209 `split` takes 1 to 2 arguments, not 0 @ \"split\" / it is `string.split(separator: string, limit?: int) -> list<string>`",
            "E0203 unknown field `idd` @ \"\\\"a\\\\t${input.idd}\\\"\" / did you mean `id`?",
            "E0201 `error` means nothing here @ \"error\" / `error` is known in `unless` and `only` of `retry`, and a `catch` names its own",
            "E0203 unknown field `key` @ \"key\"",
            "E0201 `event` means nothing here @ \"event\" / `event` is known where an event is waited for",
            "E0209 `size` takes one argument, not 2 @ \"size\" / it is `size(value: string | list<any> | map<any>) -> int`",
            "E0211 this always fails: division by zero @ \"1 / 0\"",
        ],
    );
}

#[test]
fn ten_mistakes_are_ten_diagnostics_at_their_places() {
    let text = r#"name = "order-processing"
descripton = "one"

[input]
order_id = "strin"
amount = { type = "number", default = "three" }

[[step]]
name = "validate"
task = "http_request"
timeout = "10 seconds"
with = { method = "PSOT", url = "https://x/${input.order}" }

[[step]]
name = "validate"
task = "lgo"

[[step]]
name = "wait"
task = "delay"
with = { seconds = 1, duration = "1s" }

[[step]]
name = "tell"
task = "log"
with = { message = "${validate.staus}" }
"#;
    let compiled = toml(text);
    let places: Vec<_> = crate::lang::report(
        &crate::lang::Source { name: "t.toml".into(), notation: crate::lang::Notation::Toml, text: text.into() },
        &compiled.diagnostics,
    )
    .iter()
    .map(|report| format!("{} {}:{}", report.code, report.labels[0].line, report.labels[0].column))
    .collect();
    assert_eq!(
        places,
        [
            "E0602 2:1",
            "E0115 5:13",
            "E0304 6:39",
            "E0402 11:11",
            "E0305 12:19",
            "E0203 12:52",
            "E0204 15:9",
            "E0301 16:9",
            "E0308 21:23",
            "E0203 26:32",
        ]
    );
    assert!(compiled.plans.is_empty());
}

#[test]
fn the_shapes_of_triggers_and_rare_policies_are_held() {
    let text = r#"name = "w"
secrets = "key"
undo = "always"
concurrency = { kay = "a", limit = 1 }
keep = 5
[[on]]
corn = "x"
[[on]]
event = 5
[[on]]
cron = "0 6 * * *"
event = "a"
overlap = 1
[[step]]
name = "a"
task = "log"
irreversible = "yes"
keep_going = true
cache = { key = "a" }
rate = { name = "b", limt = "1/1s" }
undo = { tsak = "log" }
heartbeat = "1s"
with = { message = "x" }
[[step]]
name = "b"
task = "log"
max_failures = 1
rate = { name = "b", limit = "1 per 1s" }
undo = "log"
with = { message = "x" }
"#;
    let source =
        crate::lang::Source { name: "t.toml".into(), notation: crate::lang::Notation::Toml, text: text.into() };
    let (_, diagnostics) = crate::lang::parse_toml(&source);
    let found = crate::lang::Compiled { plans: Vec::new(), diagnostics };
    assert_eq!(
        super::told(text, &found),
        [
            "E0603 `secrets` must be a list of names, not text @ \"\\\"key\\\"\" / write `secrets = [\"pay_key\"]`",
            "E0603 `undo` of a workflow is `never`, or is not there @ \"\\\"always\\\"\" / what undoes a step stands in the step",
            "E0602 unknown key `kay` of `concurrency` @ \"kay\" / did you mean `key`?",
            "E0604 a trigger needs a `cron`, an `event` or a `webhook` @ \"[[on]]\" / write `cron = \"0 6 * * *\"`, `event = \"order.placed\"` or `webhook = \"orders\"`",
            "E0603 `event` must be text in quotes, not a number @ \"5\"",
            "E0602 unknown key `event` of a trigger by `cron` @ \"event\" / one of `timezone`, `catch_up`, `overlap`, `with`",
            "E0603 `overlap` must be text in quotes, not a number @ \"1\"",
            "E0603 `irreversible` must be `true` or `false`, not text @ \"\\\"yes\\\"\"",
            "E0604 `cache` needs a `key` and a `for` @ \"cache\" / write `cache = { key = \"${input.id}\", for = \"1h\" }`",
            "E0602 unknown key `limt` of `rate` @ \"limt\" / did you mean `limit`?",
            "E0602 unknown key `tsak` of `undo` @ \"tsak\" / did you mean `task`?",
            "E0604 `keep_going` needs a `for_each` @ \"keep_going\" / write `for_each = \"${input.items}\"`",
            "E0112 expected an operator or the end, found `per` @ \"per\"",
            "E0603 `undo` must be a table, not text @ \"\\\"log\\\"\" / a table is written `{ key = value }`",
            "E0604 `max_failures` needs `keep_going` @ \"max_failures\" / write `keep_going = true`",
        ]
    );
}
