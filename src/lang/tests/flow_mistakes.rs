//! What the checker tells of mistakes in the flow language.

use super::{flow, told};
use crate::lang::MAX_DIAGNOSTICS;

/// The diagnostics of statements in a workflow with a few inputs.
fn check(body: &str, expected: &[&str]) {
    let text = format!(
        "workflow w {{\n  input id: string\n  input items: list<{{ sku: string }}>\n  setting url: string\n{body}\n}}\n"
    );
    assert_eq!(told(&text, &flow(&text)), expected, "{text}");
}

fn check_whole(text: &str, expected: &[&str]) {
    assert_eq!(told(text, &flow(text)), expected, "{text}");
}

#[test]
fn names_are_known_where_they_have_run() {
    check(
        r#"
  step a: log { message = later.status }
  for item in input.items {
    let inner = item.sku
    step each: http_request { url = inner }
    step own: log { message = own }
  }
  step b: log { message = each.status }
  step c: log { message = inner }
  step later: http_request { url = settings.url }
  step d: log { message = item.sku }
  if input.id == "" {
    let local = 1
    step e: http_request { url = settings.url }
  } else {
    step f: log { message = e.status }
  }
  step g: log { message = local + e.statsu }
"#,
        &[
            "E0208 `later` is a step that comes later @ \"later\"",
            "E0208 `own` can't be used in itself @ \"own\"",
            "E0207 `each` is a step of another block, and not known here @ \"each\"",
            "E0207 `inner` is a `let` of another block, and not known here @ \"inner\"",
            "E0207 `item` is a loop variable of another block, and not known here @ \"item\"",
            "E0207 `e` is a step of another block, and not known here @ \"e\"",
            "E0207 `local` is a `let` of another block, and not known here @ \"local\"",
            "E0313 `e` may be null, and so has no `statsu` @ \"e\" / write `e?.statsu`, or ask `e != null` first",
            "E0203 unknown field `statsu` @ \"statsu\" / did you mean `status`?",
        ],
    );
}

#[test]
fn branches_of_a_parallel_are_ordered_by_after_alone() {
    check(
        r#"
  parallel {
    step label: http_request { url = settings.url, output { id: string } }
    step notify: log { message = label.body.id }
    branch more {
      after label
      step sized: log { message = label.body.idd }
    }
    step last: log { message = sized, after more, lable }
    let x = 1
  }
  step done: log { message = more, after label }
  branch odd { sleep 1s }
"#,
        &[
            "E0208 `label` may not have run yet: nothing orders it before this @ \"label\" / add `after label`",
            "E0203 unknown field `idd` @ \"idd\" / did you mean `id`?",
            "E0501 unknown step `lable` @ \"lable\" / did you mean `label`?",
            "E0510 a child of `parallel` is a step or a branch @ \"let x = 1\" / put it into `branch NAME { … }`",
            "E0201 `more` is a branch, which has no value @ \"more\" / use the steps in it by their names",
            "E0503 `after` orders the children of a `parallel`, and this is none @ \"after\" / statements run in the order written: leave it out, or put the steps into `parallel { … }`",
            "E0510 the branch `odd` is not in a `parallel` @ \"odd\"",
        ],
    );
}

#[test]
fn loops_yield_once_at_their_own_level() {
    check(
        r#"
  yield 1
  let a = for item in input.items { yield item.sku yield 2 }
  let b = for item in input.items { step s1: log { message = item.skuu } }
  for item in input.id parallel 0 { sleep 1s }
  let c = for item in input.items {
    if item.sku == "x" { yield 1 }
    yield 2
  }
  for item in input.items { yield 3 }
"#,
        &[
            "E0504 `yield` stands in a `for`, not deeper @ \"yield 1\" / give a `let` its value in the loop, and yield that",
            "E0112 expected an operator or the end of the line, found `yield` @ \"yield\"",
            "E0203 unknown field `skuu` @ \"skuu\" / did you mean `sku`?",
            "E0304 what a `for` goes over must be `list<any>`, and this is `string` @ \"input.id\"",
            "E0403 `parallel` must be at least 1, not 0 @ \"0\"",
            "E0504 `yield` stands in a `for`, not deeper @ \"yield 1\" / give a `let` its value in the loop, and yield that",
            "E0504 what this loop yields has no name @ \"yield 3\" / write `let NAME = for …`",
        ],
    );
}

#[test]
fn what_comes_after_the_end_is_never_reached() {
    check(
        r#"
  if input.id == "" {
    fail "no id" code "NO_ID"
    sleep 1s
    sleep 2s
  }
  sleep -1s
  sleep "10m"
  sleep "soon"
  sleep until "tomorrow"
  return 1
  step a: log { message = "x" }
"#,
        &[
            "E0505 this is never reached @ \"sleep 1s\"",
            "E0402 the length of a `sleep` can't be negative @ \"-1s\"",
            "E0304 the length of a `sleep` must be `duration | number`, and this is text @ \"\\\"soon\\\"\"",
            "E0304 the moment of a `sleep` must be `timestamp`, and this is text @ \"\\\"tomorrow\\\"\" / write a moment such as `2030-01-31T12:00:00Z`",
            "E0505 this is never reached @ \"step a: log { message = \\\"x\\\" }\"",
        ],
    );
}

#[test]
fn names_are_each_there_once() {
    check(
        r#"
  input id: int
  setting url: string
  let a = 1
  step a: log { message = "x" }
  step b-c: log { message = "x" }
  let b_c = 2
  let data = 1
  for a in input.items { sleep 1s }
  for item in input.items { for item in input.items { sleep 1s } }
"#,
        &[
            "E0204 the input `id` is there twice @ \"id\"",
            "E0204 the setting `url` is there twice @ \"url\"",
            "E0204 the name `a` is taken @ \"a\"",
            "E0204 `b_c` and `b-c` are one name in expressions @ \"b_c\"",
            "E0205 `data` means something already, and can't name a `let` @ \"data\"",
            "E0204 the name `a` is taken @ \"a\"",
            "E0204 `item` is the variable of a loop around this one @ \"item\" / give it a name of its own",
        ],
    );
}

#[test]
fn configuration_is_held_to_its_type() {
    check(
        r#"
  step a: http_request { url = 12, method = input.id, headers = { a: [1] }, follow_redirects = "yes", max_response_bytes = 1.5 }
  step b: http_request { ulr = "x", auth = { bearer: 1 }, expect_status = [200, true] }
  step c: http_request { url = input.items, url = "y", query = "a=b" }
  step d: nothing { any = input.ix }
  step e: delay { seconds = 1, until = execution.started_at }
  step f: conditional { condition = input.id, then = ["d"] }
  step g: workflow { input = { a: 1 } }
  step h: log { message = "x", level = "warning" }
  step i: warehouse.reserve { sku = 1, qyt = 2 }
  step j: log { message = i.location + i.locaton }
}
task warehouse.reserve { config { sku: string, qty: int } output { location: string } }
workflow w {
"#,
        &[
            "E0304 `url` must be `string`, and this is a number @ \"12\"",
            "E0304 `a` of `headers` must be `string | number | bool`, and this is a list @ \"[1]\"",
            "E0304 `follow_redirects` must be `bool`, and this is text @ \"\\\"yes\\\"\"",
            "E0304 `max_response_bytes` must be `int`, and this is a number @ \"1.5\"",
            "E0302 unknown key `ulr` of `http_request` @ \"ulr\" / did you mean `url`?",
            "E0304 `auth` must be `{ bearer: string } | { basic: { username: string, password: string? } } | { type: \"bearer\", token: string } | { type: \"basic\", username: string, password: string? }`, and this is an object @ \"{ bearer: 1 }\"",
            "E0304 `[1]` of `expect_status`: expected `int | string`, found true @ \"[200, true]\"",
            "E0304 `url` must be `string`, and this is `list<{ sku: string }>` @ \"input.items\"",
            "E0210 `url` is there twice @ \"url\"",
            "E0304 `query` must be `map<any>`, and this is text @ \"\\\"a=b\\\"\"",
            "E0301 unknown task type `nothing` @ \"nothing\" / declare it: `task nothing { config { … } }`, or register it with the server: `PUT /api/v1/task-types/nothing`",
            "E0203 unknown field `ix` @ \"ix\" / did you mean `id`?",
            "E0308 only one of `seconds`, `duration`, `until` can be there @ \"until\"",
            "E0304 a condition must be `bool`, and this is `string` @ \"input.id\"",
            "E0302 `then` of a `conditional` is for the flat notation and JSON @ \"then\" / write `if … { … }` around the steps",
            "E0303 `g` needs `name` @ \"g\" / `name` of `workflow`: the workflow to run",
            "E0305 `level` can't be `warning` @ \"\\\"warning\\\"\" / one of `debug`, `info`, `warn`, `error`",
            "E0304 `sku` must be `string`, and this is a number @ \"1\"",
            "E0302 unknown key `qyt` of `warehouse.reserve` @ \"qyt\" / did you mean `qty`?",
            "E0203 unknown field `locaton` @ \"locaton\" / did you mean `location`?",
            "E0204 the workflow `w` is there twice @ \"w\"",
            "E0506 a workflow needs a step @ \"w\" / write `step NAME: TYPE { … }`",
        ],
    );
}

#[test]
fn the_workflow_itself_is_checked() {
    let text = r#"workflow w {
  descripton = "x"
  labels = { owner: input.id }
  input id: int = "three"
  input list: list<int> = [1, "a"]
  setting limit: duration = input.id
  output { receipt: string }
  timeout 0s
  queue "x"
  retries 3
  match input.id { 1 { } }
  step validate-order: http_request { url = "x", heartbeat 5s }
  if validate-order.body.ok { return { receit: "x" } }
  return { receipt: 5 }
}
workflow w { }
test "x" for w { }
"#;
    check_whole(
        text,
        &[
            "E0310 unknown key `descripton` of a workflow @ \"descripton\" / did you mean `description`?",
            "E0304 `labels` must be written out, and this reads a name @ \"{ owner: input.id }\"",
            "E0304 the default of `id` must be `int`, and this is text @ \"\\\"three\\\"\"",
            "E0304 an item of the default of `list` must be `int`, and this is text @ \"\\\"a\\\"\"",
            "E0304 the default of `limit` must be written out, and this reads a name @ \"input.id\"",
            "E0402 a time-out must be more than nothing @ \"0s\"",
            "E0405 `queue` is a step's @ \"queue\" / write it in the step that it is for",
            "E0113 unknown statement `retries` @ \"retries\"",
            "E0206 a `-` in an expression subtracts, and `validate-order` is a step @ \"validate-order\" / write `validate_order`",
            "E0302 unknown key `receit` of the output @ \"receit\" / did you mean `receipt`?",
            "E0304 `receipt` of the output must be `string`, and this is a number @ \"5\"",
            "E0204 the workflow `w` is there twice @ \"w\"",
            "E0506 a workflow needs a step @ \"w\" / write `step NAME: TYPE { … }`",
        ],
    );
}

#[test]
fn types_that_double_with_each_line_are_not_followed() {
    let doubled = |at: usize| format!("  let a{} = {{ l: a{at}, r: a{at} }}\n", at + 1);
    let lets: String = (0..200).map(doubled).collect();
    let maps = ".map(x, { l: x, r: x })".repeat(40);
    let text = format!(
        "workflow w {{\n  input items: list<string>\n  let a0 = {{ x: 1 }}\n{lets}  let b = input.items{maps}\n  step s: log {{ message = [a200.l, b] }}\n}}\n"
    );
    check_whole(&text, &[]);
}

#[test]
fn one_mistake_is_told_once() {
    check_whole(
        "workflow w {\n  step a: http_request { url: \"x\", retry = 3 }\n  return { x: 1\n}\n",
        &[
            "E0112 expected `=`, found `:` @ \":\"",
            "E0302 unknown key `retry` of `http_request` @ \"retry\" / `=` is for the handler, and `retry` is the engine's: write `retry …`",
            "E0106 `{` is never closed @ \"{\" / close it with `}`",
        ],
    );
}

#[test]
fn an_error_after_a_thousand_warnings_is_an_error() {
    let warned: String = (0..1_200).map(|_| "  for x in input.l { yield 1 }\n").collect();
    let found = flow(&format!("workflow w {{\n  input l: list<int>\n{warned}  step s: log {{ }}\n}}\n"));
    assert!(found.has_errors() && found.plans.is_empty());
    assert_eq!(found.diagnostics.len(), MAX_DIAGNOSTICS);
}

#[test]
fn of_thousands_of_mistakes_the_first_are_told() {
    let names: String = (0..3_000).map(|at| format!("  step s{at}: log {{ message = x{at}, k{at} = 1 }}\n")).collect();
    let text = format!("workflow w {{\n{names}}}\n");
    let found = flow(&text).diagnostics;
    assert_eq!(found.len(), MAX_DIAGNOSTICS);
    assert!(found.windows(2).all(|pair| pair[0].labels[0].span.start <= pair[1].labels[0].span.start));
}

#[test]
fn a_statement_that_is_not_read_excuses_the_names_in_it_alone() {
    check(
        r#"
  stpe ask-them: log { message = "x" }
  step tell: log { message = "${ask_them} ${nobody}" }
"#,
        &[
            "E0113 unknown statement `stpe` @ \"stpe\" / did you mean `step`?",
            "E0201 unknown name `nobody` @ \"nobody\"",
        ],
    );
}

#[test]
fn a_yield_after_the_end_is_never_reached() {
    check(
        r#"
  let all = for item in input.items {
    fail "no"
    yield item.sku
  }
  return all
"#,
        &["E0505 this is never reached @ \"yield item.sku\""],
    );
}

#[test]
fn to_ask_for_one_input_is_not_to_read_the_others() {
    check_whole(
        "workflow w {\n  input a: { b: int? }\n  input c: int\n  step s: log { message = \"${has(input.a)}\" }\n}",
        &["E0213 the input `c` is never read @ \"c\" / remove it, or read it"],
    );
}
