//! What the checker tells of all that stands around a workflow's steps: triggers, secrets, other workflows, tests.

use super::{flow, told};
use crate::lang::{CompileOptions, Notation, Source, builtin_task_types, compile_with, parse_flow};

fn check(text: &str, expected: &[&str]) {
    assert_eq!(told(text, &flow(text)), expected, "{text}");
}

#[test]
fn triggers_give_what_the_workflow_takes() {
    check(
        r#"
workflow w {
  input id: string
  input note: string?
  input count: int = 1
  setting region: string = "eu"
  secret hook
  on cron "0 6 * * 1-5" timezone "Europe/Paris" catch up late overlap skip
  on event "order placed" where event.region == settings.region with { id: event.id }
  on event "order.paid" where input.id == "x" with { id: 5, cuont: 2 }
  on webhook "orders/new" hmac hok dedupe body.id with { id: body.id, note: headers.origin }
  on webhook "/orders/new" hmac hook with { id: secrets.hook }
  return "${input.id}${input.note ?? ""}${input.count}"
}
"#,
        &[
            "E0303 this starts the workflow without `id` @ \"\\\"0 6 * * 1-5\\\"\" / write `with { … }`, or give the input a default",
            "E0305 `catch up` can't be `late` @ \"late\" / one of `none`, `last`, `all`",
            "E0212 `order placed` is no name of an event @ \"\\\"order placed\\\"\" / identifiers joined by dots, such as `order.placed`",
            "E0201 `input` is not known in the trigger of an event @ \"input\" / there is `settings`, `event`",
            "E0304 `id` of `with` must be `string`, and this is a number @ \"5\"",
            "E0302 unknown key `cuont` of `with` @ \"cuont\" / did you mean `count`?",
            "E0201 unknown secret `hok` @ \"hok\" / did you mean `hook`?",
            "E0204 the webhook `/orders/new` is there twice @ \"\\\"/orders/new\\\"\"",
            "E0201 `secrets` is not known in the trigger of a webhook @ \"secrets\" / there is `settings`, `body`, `headers`",
        ],
    );
}

#[test]
fn a_secret_is_followed_to_where_it_would_be_seen() {
    check(
        r#"
workflow w {
  secret key
  let pair = { name: "x", value: secrets.key }
  let list = for part in [pair, pair] { yield part.value }
  step ok: http_request {
    url = "x"
    headers = { a: pair.value }
    body = list
    cache key sha256(secrets.key) for 1m
    undo http_request { url = "x", headers = { a: secrets.key } }
  }
  step a: log { message = list.join("-") }
  step b: data_transform { value = { k: pair.value.size() } }
  step c: workflow { name = "other", input = { k: "${pair.name}" } }
  step d: log { message = "there: ${secrets.key != null} ${ok.status}", when secrets.key != null }
  if pair.value.size() > 3 { sleep 1s }
  wait e: "x" where event.k == secrets.key
  match secrets.key { "a" { sleep 1s } else { sleep 2s } }
  step f: log { message = [1, 2].map(key, key) }
  return e
}
"#,
        &[
            "E0315 `secrets.key` would reach the key of a cache @ \"secrets.key\" / a secret may be part of a request, and is never recorded",
            "E0315 `secrets.key` would reach a log @ \"list\" / a secret may be part of a request, and is never recorded",
            "E0315 `secrets.key` would reach the output of a `data_transform` @ \"pair\" / a secret may be part of a request, and is never recorded",
            "E0315 `secrets.key` would reach the input of another workflow, which is recorded @ \"pair\" / a secret may be part of a request, and is never recorded",
            "E0315 `secrets.key` would reach the record of a decision @ \"pair\" / a secret may be part of a request, and is never recorded",
            "E0315 `secrets.key` would reach the record of a decision @ \"secrets.key\" / a secret may be part of a request, and is never recorded",
            "E0315 `secrets.key` would reach the record of a decision @ \"secrets.key\" / a secret may be part of a request, and is never recorded",
        ],
    );
}

#[test]
fn a_workflow_that_is_run_is_given_what_it_takes() {
    check(
        r#"
workflow child {
  input id: string
  input count: int = 1
  output { total: int }
  return { total: input.count + input.id.size() }
}
workflow parent {
  step a: workflow { name = "child" }
  step b: workflow { name = "child", input = { id: 5, cont: 1 } }
  step c: workflow { name = "child", input = { id: "x" } }
  step d: workflow { name = "elsewhere", input = { anything: 1 } }
  step e: log { message = "${c.totl} ${d.totl}" }
}
"#,
        &[
            "E0303 `a` needs `input`: `child` takes `id` @ \"a\" / write `input = { … }`",
            "E0304 `id` of the input of `child` must be `string`, and this is a number @ \"5\"",
            "E0302 unknown key `cont` of the input of `child` @ \"cont\" / did you mean `count`?",
            "E0203 unknown field `totl` @ \"totl\" / did you mean `total`?",
        ],
    );
}

const TESTED: &str = r#"
workflow order {
  input id: string
  input count: int = 1
  output { id: string }
  setting url: string = "x"
  step charge: http_request {
    url = settings.url
    output { id: string, state: "ok" | "review" }
    undo http_request { url = settings.url }
  }
  for part in range(input.count) {
    step pick: http_request { url = "x/${part}/${input.id}" }
  }
  approve risk: "risk-team" form { note: string? }
  return { id: charge.body.id }
}
"#;

#[test]
fn tests_name_and_give_what_the_workflow_has() {
    let text = format!(
        r#"{TESTED}
test "right" for order {{
  given {{ id: "o1" }}
  settings {{ url: "y" }}
  at "2030-01-31T12:00:00Z"
  mock charge = {{ status: 200, body: {{ id: "c", state: "ok" }} }} times 2
  mock charge undo = {{ status: 200 }}
  mock pick[0] fails "HTTP_500" message "no" status 500 fatal
  approve risk with {{ note: "fine" }} after 1h
  expect completed output {{ id: "c" }}
  expect ran charge times 1
  expect that charge.body.state == "ok" && elapsed > 1h && output.id == "c" && error.code != "X"
}}
test "wrong" for order {{
  given {{ count: "x" }}
  settings {{ ulr: "y" }}
  at "soon"
  mock charge = {{ status: 200, body: {{ id: "c", state: "okay" }} }} times 0
  mock charge[0] lost
  mock pick undo fails 5
  refuse risk with 5 after "1h"
  approve risks
  expect completed output {{ id: 5 }}
  expect not undone pick
  expect that charge.body.stat == "ok" && input.id
}}
test "wrong" for order {{ expect failed }}
"#
    );
    check(
        &text,
        &[
            "E0303 `given` needs `id` @ \"{ count: \\\"x\\\" }\" / it is of type `string`",
            "E0304 `count` of `given` must be `int`, and this is text @ \"\\\"x\\\"\"",
            "E0302 unknown key `ulr` of `settings` @ \"ulr\" / did you mean `url`?",
            "E0304 `at` must be `timestamp`, and this is text @ \"\\\"soon\\\"\" / write a moment such as `2030-01-31T12:00:00Z`",
            "E0305 `state` of `body` of the output of `charge` can't be `okay` @ \"\\\"okay\\\"\" / one of `ok`, `review`",
            "E0403 `times` must be at least 1, not 0 @ \"0\"",
            "E0802 `charge` is in no loop, and has no items @ \"charge\"",
            "E0802 `pick` has no `undo` @ \"pick\"",
            "E0304 the code of an error must be `string`, and this is a number @ \"5\"",
            "E0304 the reason of a refusal must be `string`, and this is a number @ \"5\"",
            "E0801 unknown approval `risks` @ \"risks\" / did you mean `risk`?",
            "E0304 `id` of the output must be `string`, and this is a number @ \"5\"",
            "E0802 `pick` has no `undo` @ \"pick\"",
            "E0203 unknown field `stat` @ \"stat\" / did you mean `state`?",
            "E0311 `&&` takes true or false @ \"input.id\"",
            "E0204 the test `wrong` is there twice @ \"\\\"wrong\\\"\"",
            "E0303 `order` needs an input: `id` @ \"\\\"wrong\\\"\" / write `given { … }`",
        ],
    );
}

#[test]
fn tests_of_their_own_file_know_the_workflows_beside_them() {
    let source = |name: &str, text: &str| Source { name: name.into(), notation: Notation::Flow, text: text.into() };
    let (beside, _) = parse_flow(&source("order.flow", TESTED));
    let text = "test \"x\" for order {\n  given { id: \"o\" }\n  mock chrage = { status: 200 }\n}\n";
    let options = CompileOptions { strict: false, beside: &[beside] };
    let compiled = compile_with(&source("order.test.flow", text), &builtin_task_types(), &options);
    assert_eq!(told(text, &compiled), ["E0801 `order` has no step `chrage` @ \"chrage\" / did you mean `charge`?"]);
}

#[test]
fn a_strict_check_lists_what_is_not_known() {
    let text = r#"
workflow w {
  input known: { a: int }
  step fetch: http_request { url = "x" }
  let a = fetch.body.total + 1
  let b = fetch.body.name.upper()
  let c = fetch.body.map(i, i.x > 1)
  step say: log { message = "${a} ${b} ${c} ${fetch.status} ${input.known.a + 1}" }
  if fetch.body { sleep fetch.headers.wait }
}
"#;
    let source = Source { name: "w.flow".into(), notation: Notation::Flow, text: text.into() };
    let options = CompileOptions { strict: true, beside: &[] };
    let compiled = compile_with(&source, &builtin_task_types(), &options);
    let help = "a step's `output` and a task's `output` declare what comes back";
    let lines = [
        "`total` is read of it @ \"fetch.body\"",
        "`name` is read of it @ \"fetch.body\"",
        "this goes over it @ \"fetch.body\"",
        "`x` is read of it @ \"i\"",
        "the condition of an `if` must be `bool` @ \"fetch.body\"",
    ];
    let wanted: Vec<_> =
        lines.iter().map(|line| format!("E0316 the type of this is not known, and {line} / {help}")).collect();
    assert_eq!(told(text, &compiled), wanted);
    assert!(!compiled.has_errors());
}
