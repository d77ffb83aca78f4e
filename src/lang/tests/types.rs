//! What the checker knows of types: operators, functions, null by the flow, conditions, matches.

use super::{flow, told};

/// The diagnostics of statements in a workflow with inputs of several types; of what is never read nothing is shown.
fn check(body: &str, expected: &[&str]) {
    let text = format!(
        r#"workflow w {{
  input id: string
  input count: int
  input amount: number
  input note: string?
  input state: "open" | "paid" | "sent"
  input fast: bool
  input slow: bool
  input at: timestamp
  input items: list<{{ sku: string, qty: int, note: string? }}>
  input tags: map<int>
{body}
}}
"#
    );
    let found: Vec<_> = told(&text, &flow(&text)).into_iter().filter(|line| !line.starts_with("E0213")).collect();
    assert_eq!(found, expected, "{text}");
}

/// That a value is of a type: it is bound to a name, and used where nothing of that type can stand.
fn is(expr: &str, ty: &str) {
    let text = format!(
        r#"workflow w {{
  input id: string
  input count: int
  input amount: number
  input note: string?
  input state: "open" | "paid"
  input at: timestamp
  input items: list<{{ sku: string, qty: int }}>
  input tags: map<int>
  let value = {expr}
  return value
  output {{ impossible: null }}
}}
"#
    );
    let found = told(&text, &flow(&text));
    let wanted = format!("and this is `{ty}`");
    assert!(found.len() == 1 && found[0].contains(&wanted), "{expr} is not `{ty}`: {found:#?}");
}

#[test]
fn what_an_expression_gives_is_known() {
    is("input.count + 1", "int");
    is("input.count + 1.5", "number");
    is("input.count / 2", "int");
    is("\"a\" + input.id", "string");
    is("input.at - input.at", "duration");
    is("input.at + 1m", "timestamp");
    is("2 * 1m", "duration");
    is("1h / 1m", "number");
    is("-input.amount", "number");
    is("input.count > 1 && !(input.count > 2)", "bool");
    is("input.count > 1 ? input.count : input.amount", "number");
    is("input.note ?? input.count", "string | int");
    is("input.state", "\"open\" | \"paid\"");
    is("[1, 2.5]", "list<number>");
    is("[...input.items.map(i, i.sku), input.state]", "list<string>");
    is("input.items.first()?.qty ?? 0", "int");
    is("input.items[0].sku", "string");
    is("input.tags[\"a\"]", "int");
    is("input.tags.a", "int");
    is("input.items.filter(i, i.qty > 1).map(i, i.qty * 2)", "list<int>");
    is("input.items.map(i, i.qty).sum()", "int");
    is("[].map(i, i * 0.5).sum()", "int");
    is("input.items.map(i, i.qty * 1s).sum(0s)", "duration");
    is("[].sum(0s)", "duration");
    is("[]?.[input.count] ?? input.count", "int");
    is("[input.count, ...[].map(x, x.a.b)]", "list<int>");
    is("input.count > 1 ? [][input.count] : input.count", "int");
    is("input.items.map(i, i.qty).avg() ?? 0", "number");
    is("input.items.map(i, i.qty).min() ?? 0", "int");
    is("min(input.count, input.amount)", "number");
    is("input.items.sort_by(i, i.qty).first(2)", "list<{ sku: string, qty: int }>");
    is("input.tags.keys()", "list<string>");
    is("input.tags.values()", "list<int>");
    is("input.tags.entries().map(e, e.value)", "list<int>");
    is("[[1], [2]].flatten()", "list<int>");
    is("[1].zip([\"a\"])", "list<list<int | \"a\">>");
    is("input.id.split(\",\").size()", "int");
    is("round(input.amount, 2)", "number");
    is("\"${input.count}\"", "string");
    is("input.at.get_full_year()", "int");
}

#[test]
fn what_comes_of_an_empty_list_is_nothing() {
    check(
        r#"
  let none = [null, null].filter(x, x != null).map(x, x + 1)
  sleep none?.[0] ?? 1s
  sleep none?.[0] ?? true
  sleep input.fast ? none[input.count] : true
"#,
        &[
            "E0314 this is always false @ \"x != null\"",
            "E0304 the length of a `sleep` must be `duration | number`, and this is `bool` @ \"none?.[0] ?? true\"",
            "E0304 the length of a `sleep` must be `duration | number`, and this is `bool` @ \"input.fast ? none[input.count] : true\"",
        ],
    );
}

#[test]
fn a_sum_of_durations_says_what_it_starts_from() {
    check(
        r#"
  let waited = input.items.map(i, i.qty * 1s)
  sleep waited.sum()
  sleep waited.sum(0s)
  sleep waited.sum(0)
"#,
        &[
            "E0312 a sum of durations needs what it starts from @ \"sum\" / write `sum(0s)`",
            "E0312 `start` of `sum` is `N` @ \"0\" / it is `list<N>.sum(start?: N) -> N`, where `N` is numbers or durations",
        ],
    );
}

#[test]
fn what_is_spread_replaces_what_was_there() {
    check(
        r#"
  let base = { a: 1, b: "x" }
  let over = { ...base, b: 2, c: true }
  sleep over.b
  sleep over.c
  sleep ({ b: 2, ...base }).b
  sleep base.merge({ a: 2s }).a
  sleep { ...base }.d
"#,
        &[
            "E0304 the length of a `sleep` must be `duration | number`, and this is `bool` @ \"over.c\"",
            "E0203 unknown field `d` @ \"d\" / one of `a`, `b`",
        ],
    );
}

#[test]
fn null_is_followed_along_conditions() {
    check(
        r#"
  let a = input.note != null ? input.note.upper() : "none"
  let b = input.note != null && input.note.size() > 1
  let c = input.note == null || input.note.size() > 1
  let d = input.note == null && input.note.size() > 1
  let e = input.items.filter(i, i.note != null).map(i, i.note.upper())
  let f = input.items.map(i, i.note != null, i.note.upper())
  let g = has(input.note) ? input.note.upper() : ""
  if !(input.note != null && input.fast) {
    step one: http_request { url = input.note }
  } else {
    step two: http_request { url = input.note }
  }
  if input.note == null {
    return
  }
  step three: http_request { url = input.note }
"#,
        &[
            "E0313 `input.note` is null, and `size` takes no null here @ \"input.note\"",
            "E0313 `input.note` may be null, and `url` must be `string` @ \"input.note\" / write `input.note ?? …`, or ask `input.note != null` first",
        ],
    );
}

#[test]
fn a_name_of_a_macro_hides_what_is_known_of_another() {
    check(
        r#"
  let x = input.items.first()
  if x != null {
    let sizes = [input.note].map(x, x.size())
  }
"#,
        &["E0313 `x` may be null, and `size` takes no null here @ \"x\" / write `x ?? …`, or ask `x != null` first"],
    );
}

#[test]
fn a_step_is_known_where_it_has_run() {
    check(
        r#"
  step a: http_request { url = "x", when input.fast && input.slow }
  step b: log { message = a.status, when input.slow && input.fast }
  step c: log { message = a.status, when input.fast }
  if input.fast {
    step d: http_request { url = "x" }
  } else {
    step e: http_request { url = "x" }
    fail "slow"
  }
  step f: log { message = d.status }
  match input.state {
    "open" { step g: http_request { url = "x" } }
    else { step h: http_request { url = "x" } }
  }
  if input.state == "open" { step i: log { message = g.status } }
  step j: log { message = h.status }
"#,
        &[
            "E0313 `a` may be null, and so has no `status` @ \"a\" / write `a?.status`, or ask `a != null` first",
            "E0313 `h` may be null, and so has no `status` @ \"h\" / write `h?.status`, or ask `h != null` first",
        ],
    );
}

#[test]
fn what_a_try_ran_has_run_where_its_catches_end() {
    check(
        r#"
  try {
    step a: http_request { url = "x" }
  } catch error if error.code == "TIMEOUT" {
    fail "late: ${error.message} after ${error.attempt}"
  } catch failure {
    step b: log { message = a.status }
    return
  } finally {
    step c: log { message = a.status }
  }
  step d: log { message = a.status }
  try { step e: http_request { url = "x" } } catch other { step f: log { message = other.step ?? "" } }
  step g: log { message = e.status }
  try { sleep 1s } catch all { } catch never if never.retryable { } finally { return }
  compensate
"#,
        &[
            "E0313 `error.attempt` may be null, and would be the word `null` in the text @ \"error.attempt\" / write `error.attempt ?? …`, or ask `error.attempt != null` first",
            "E0313 `a` may be null, and so has no `status` @ \"a\" / write `a?.status`, or ask `a != null` first",
            "E0313 `a` may be null, and so has no `status` @ \"a\" / write `a?.status`, or ask `a != null` first",
            "E0313 `e` may be null, and so has no `status` @ \"e\" / write `e?.status`, or ask `e != null` first",
            "E0505 this `catch` is never reached @ \"never\" / put it last",
            "E0510 a `finally` returns nothing: it runs whatever came before @ \"return\" / return after the `try`, or in it",
            "E0505 this is never reached @ \"compensate\"",
            "E0510 `compensate` undoes what a `try` did, and stands in its `catch` or `finally` @ \"compensate\"",
        ],
    );
}

#[test]
fn loops_and_races_give_what_they_gave() {
    check(
        r#"
  repeat every -1s max 0 until poll.body.done {
    step poll: http_request { url = "x", output { done: bool } }
  }
  step a: log { message = poll.status }
  repeat max 3 until poll2.status { step poll2: http_request { url = "x" } }
  let all = for item in input.items keep going max -1 { yield item.qty }
  sleep all[0].ok
  step b: log { message = "${all[0].error?.code ?? "ok"}" }
  parallel any 3 of {
    step c: http_request { url = "x" }
    step d: http_request { url = "x" }
  }
  parallel first {
    branch one { step e: http_request { url = "x" } }
    step f: http_request { url = "x" }
  }
  step g: log { message = e.status }
"#,
        &[
            "E0402 `every` can't be negative @ \"-1s\"",
            "E0403 `max` must be at least 1, not 0 @ \"0\"",
            "E0304 `until` must be `bool`, and this is `int` @ \"poll2.status\"",
            "E0403 `max` can't be negative, and this is -1 @ \"-1\"",
            "E0313 `all[0].ok` may be null, and the length of a `sleep` must be `duration | number` @ \"all[0].ok\" / write `all[0].ok ?? …`, or ask `all[0].ok != null` first",
            "E0403 `any 3 of` 2 can't be @ \"3\" / each child wins once at most",
            "E0313 `e` may be null, and so has no `status` @ \"e\" / write `e?.status`, or ask `e != null` first",
        ],
    );
}

#[test]
fn a_match_narrows_what_it_matches() {
    check(
        r#"
  match input.note {
    null { fail "no note" }
    else { step a: http_request { url = input.note } }
  }
  step b: http_request { url = input.note }
  match input.state {
    "open" { if input.state == "paid" { sleep 1s } }
    "paid" { return }
    "sent" { fail "sent" }
  }
  match input.state { "open" { sleep 1s } else { sleep 2s } }
  match input.fast { true { return } false { return } }
  sleep 3s
"#,
        &[
            "E0314 this is always false @ \"input.state == \\\"paid\\\"\"",
            "E0505 this is never reached @ \"sleep 2s\"",
            "E0505 this is never reached @ \"sleep 3s\"",
        ],
    );
}

#[test]
fn statements_after_branches_that_all_end_are_never_reached() {
    check(
        r#"
  if input.fast { return } else if input.slow { fail "slow" } else { return }
  sleep 1s
"#,
        &["E0505 this is never reached @ \"sleep 1s\""],
    );
    check(
        r#"
  if input.fast { return } else if input.slow { fail "slow" }
  sleep 1s
  try { fail "x" } catch error { return }
  sleep 2s
"#,
        &["E0505 this is never reached @ \"sleep 2s\""],
    );
}

#[test]
fn policies_stand_where_they_mean_something() {
    check(
        r#"
  keep 0s
  concurrency key { a: input.id } limit 0 else wait
  priority 3
  step a: http_request {
    url = "x"
    priority 10
    heartbeat 0s
    rate "two words" 0/1s
    cache key input.note for 1
    irreversible
    undo http_request { url = "${a.status}", when true, retry 2 }
    keep 1d
  }
  step b: delay { duration = 1s, undo log { message = "x" } }
"#,
        &[
            "E0402 how long events are kept must be more than nothing @ \"0s\"",
            "E0403 the limit of `concurrency` is a whole number from 1, written out @ \"0\"",
            "E0305 `else` can't be `wait` @ \"wait\" / one of `queue`, `cancel`, `replace`, `fail`",
            "E0405 `priority` is a step's @ \"priority\" / write it in the step that it is for",
            "E0403 a priority is a whole number from 0 to 9 @ \"10\" / the higher goes first, and 5 is what a step has that says none",
            "E0402 a heartbeat must be more than nothing @ \"0s\"",
            "E0212 `two words` is no name of a rate @ \"\\\"two words\\\"\" / letters, digits, `_`, `-` and `.`, at most 64",
            "E0403 a rate is a whole number from 1, written out @ \"0\"",
            "E0313 `input.note` may be null, and the key of a cache must be `string | number | bool | duration | timestamp` @ \"input.note\" / write `input.note ?? …`, or ask `input.note != null` first",
            "E0402 how long an output is kept needs a unit @ \"1\" / write `1s`, `1m` or `1h`",
            "E0405 a step that is `irreversible` has no `undo` @ \"undo\" / keep one of them",
            "E0405 `when` is a step's, and not its undo's @ \"when\" / an undo has `timeout`, `retry`, `queue` and `idempotent`",
            "E0405 `keep` is a workflow's @ \"keep\" / write it in the workflow, outside of its steps",
            "E0406 `undo` does nothing here @ \"undo\" / leave it out",
        ],
    );
}

#[test]
fn a_workflow_that_is_not_waited_for_gives_its_id_and_whether_it_is_must_be_known() {
    check(
        r#"
  step go: workflow { name = "other", wait = false }
  step ask: workflow { name = "other", wait = input.fast }
  return { id: go.execution_id, more: go.output }
"#,
        &[
            "E0304 `wait` must be written out @ \"input.fast\" / write `true` or `false`",
            "E0203 unknown field `output` @ \"output\" / there is `execution_id`",
        ],
    );
}

#[test]
fn what_is_known_of_a_name_is_not_known_of_the_variable_that_hides_it() {
    check(
        r#"
  for item in input.items {
    if item.sku == input.id {
      let alike = input.items.filter(item, item.sku == input.id && item.qty > 1)
      step a: log { message = "${alike.size()}" }
    }
  }
"#,
        &[],
    );
    check(
        r#"
  for item in input.items {
    step a: http_request { url = "x", when item.qty > 1 }
    let given = input.items.filter(item, item.qty > 1 && a.status == 200)
    step b: log { message = "${given.size()}" }
  }
"#,
        &["E0313 `a` may be null, and so has no `status` @ \"a\" / write `a?.status`, or ask `a != null` first"],
    );
}

#[test]
fn an_if_of_many_arms_and_a_match_of_many_patterns_know_what_those_before_rule_out() {
    let arms: String = (0..200).map(|at| format!("  if input.count == {at} {{ fail \"x\" }}\n")).collect();
    check(&format!("  if input.note == null {{ fail \"none\" }}\n{arms}  step a: log {{ message = input.note }}"), &[]);
    let chain: String = (0..200).map(|at| format!("if input.count == {at} {{ fail \"x\" }}\n  else ")).collect();
    check(
        &format!("  {chain} if input.note == null {{ fail \"none\" }}\n  step a: log {{ message = input.note }}"),
        &[],
    );
    let patterns: String = (0..200).map(|at| format!("\"{at}\", ")).collect();
    check(
        &format!("  match input.id {{ {patterns} \"a\" {{ }} \"7\" {{ }} else {{ }} }}"),
        &["E0318 this value has an arm already @ \"\\\"7\\\"\""],
    );
}
