//! What test blocks say, and what is told of one that fails.

use super::suite::{Suite, failures, pass};

const ORDER: &str = r#"
workflow order {
  input n: int
  setting rate: int = 2
  output { total: int }
  step price: http_request { url = "https://x/${input.n}", output { cents: int }, undo work { n = 1 } }
  if input.n > 10 { step big: work { n = input.n } }
  return { total: price.body.cents * settings.rate }
}
"#;

#[test]
fn a_test_passes_where_all_came_true() {
    pass(&format!(
        r#"{ORDER}
test "a small order" for order {{
  given {{ n: 3 }}
  mock price = {{ body: {{ cents: input.n * 100 }} }}
  expect completed output {{ total: 600 }}
  expect ran price times 1
  expect not ran big
  expect that output.total == price.body.cents * 2 && status == "completed"
}}
test "settings differ" for order {{
  given {{ n: 11 }}
  settings {{ rate: 3 }}
  mock price = {{ body: {{ cents: 1 }} }}
  mock big = config.n
  expect completed output {{ total: 3 }}
  expect ran big
  expect that big == 11
}}
"#
    ));
}

#[test]
fn what_did_not_come_true_is_told_with_what_was_found() {
    let text = format!(
        r#"{ORDER}
test "wrong" for order {{
  given {{ n: 3 }}
  mock price = {{ body: {{ cents: 1 }} }}
  expect completed output {{ total: 600 }}
  expect failed code "X"
  expect cancelled
  expect ran big
  expect ran price times 2
  expect not ran price
  expect undone price
  expect that output.total > 2
}}"#
    );
    assert_eq!(
        failures(&text),
        [
            "T001: the output is another [`output.total` is 2, expected 600]",
            "T001: the execution was expected to fail, and it completed",
            "T001: the execution was expected to be cancelled, and it completed",
            "T001: `big` was expected to run, and did not",
            "T001: `price` was expected to run 2 times, and ran once",
            "T001: `price` was expected not to run, and ran once",
            "T001: `price` was expected to be undone, and was not",
            "T001: this does not hold [here: 2]",
        ]
    );
}

#[test]
fn an_effect_without_a_mock_fails_the_test_and_its_mock_is_ready_to_paste() {
    let text = format!("{ORDER}\ntest \"bare\" for order {{\n given {{ n: 3 }}\n expect completed\n}}");
    let wanted = "T002: `price` (`http_request`) was reached and is not mocked \
                  (add `mock price = { status: 1, headers: {}, body: { cents: 1 } }`)";
    assert_eq!(failures(&text), [wanted]);
    let verdict = Suite::of(&text).only();
    assert!(verdict.trace.is_empty(), "nothing but the dispatch happened: {:?}", verdict.trace);
}

#[test]
fn a_mock_that_has_no_value_is_told() {
    let mock = "mock price = { body: { cents: config.nothing } }";
    let text = format!("{ORDER}\ntest \"bad\" for order {{\n given {{ n: 1 }}\n {mock}\n expect completed\n}}");
    let told = failures(&text);
    assert!(matches!(&told[..], [one] if one.starts_with("T003: ") && one.contains("nothing")), "{told:?}");
}

#[test]
fn a_secret_is_a_placeholder() {
    pass(
        r#"workflow w {
  secret key
  step call: http_request { url = "https://x", headers = { authorization: "Bearer ${secrets.key}" } }
  return call.body
}
test "a secret" for w {
  mock call = { body: config.headers.authorization }
  expect completed output "Bearer ***key***"
}"#,
    );
}

#[test]
fn mocks_answer_one_after_the_other_and_the_last_goes_on() {
    pass(
        r#"workflow w {
  let out = for n in [1, 2, 3, 4] {
    step pick: work { n = n, retry 2 backoff 1s..1s jitter none }
    yield pick
  }
  return out
}
test "in turn" for w {
  mock pick fails "BUSY" status 503
  mock pick = config.n * 10 times 2
  mock pick = config.n
  expect completed output [10, 20, 3, 4]
  expect ran pick times 5
  expect that elapsed == 1s
}
test "by item" for w {
  mock pick = 0
  mock pick[2] = "third"
  expect completed output [0, 0, "third", 0]
}
test "used up" for w {
  mock pick fails "BUSY" fatal
  expect failed code "BUSY"
  expect ran pick times 1
}"#,
    );
    let text = r#"workflow w { for n in [1, 2] { step pick: work { n = n } }
  return 1 }
test "used up" for w { mock pick = 1 times 1
  expect completed }"#;
    let wanted = "T002: attempt 1 of `pick[1]` has no mock: those of `pick` are used up \
                  (add `mock pick = \"pick\"`, or leave out `times`)";
    assert_eq!(failures(text), [wanted]);
}

#[test]
fn time_is_virtual() {
    pass(
        r#"workflow w {
  step slow: work { timeout 10m, retry 1 backoff 5m..5m jitter none }
  sleep 2d
  return execution.started_at
}
test "two days" for w {
  at "2030-01-31T08:00:00Z"
  mock slow times out
  mock slow after 1m = 1
  expect completed output "2030-01-31T08:00:00Z"
  expect that elapsed == 2d + 10m + 5m + 1m
}
test "slower than its timeout" for w {
  mock slow after 11m = 1
  expect failed code "TIMEOUT"
}
test "cancelled meanwhile" for w {
  mock slow = 1
  cancel after 1d
  expect cancelled
  expect that elapsed == 1d
}"#,
    );
}

#[test]
fn a_lost_attempt_is_made_again() {
    pass(
        r#"workflow w { step a: work { }
  return a }
test "lost" for w {
  mock a lost
  mock a = 7
  expect completed output 7
  expect ran a times 2
}"#,
    );
}

#[test]
fn a_child_runs_where_its_workflow_is_there_and_may_be_mocked() {
    pass(
        r#"workflow inner { input n: int
  step work: work { n = input.n }
  return work * 2 }
workflow outer { step call: workflow { name = "inner", input = { n: 21 } }
  return call }
test "it runs" for outer {
  mock work = config.n
  expect completed output 42
}
test "it is mocked" for outer {
  mock call = config.input.n
  expect completed output 21
  expect ran call times 1
}
test "it fails" for outer {
  mock work fails "NO" fatal
  expect failed code "CHILD_FAILED"
}"#,
    );
}

#[test]
fn the_tests_of_the_documentation_pass() {
    let page = include_str!("../../docs/testing.md");
    let block = page.split("```flow\n").nth(1).unwrap().split("```").next().unwrap();
    pass(block);
}

const REVIEWED: &str = r#"
workflow reviewed {
  input order: string
  step charge: http_request {
    method = "POST"
    url    = "https://pay/charges"
    output { id: string }
    undo http_request { method = "POST", url = "https://pay/refunds/${charge.body.id}" }
  }
  approve risk: "risk-team" timeout 4h form { note: string? }
  wait accepted: "carrier.accepted" where event.order == input.order timeout 1d
  return { note: risk.note, carrier: accepted.carrier }
}
"#;

#[test]
fn people_decide_events_come_and_undos_are_mocked() {
    pass(&format!(
        r#"{REVIEWED}
test "all goes well" for reviewed {{
  given {{ order: "o1" }}
  mock charge = {{ body: {{ id: "c1" }} }}
  approve risk with {{ note: "fine" }} after 1h
  send "carrier.accepted" with {{ order: "o2", carrier: "bike" }} after 2h
  send "carrier.accepted" with {{ order: "o1", carrier: "post" }} after 3h
  expect completed output {{ note: "fine", carrier: "post" }}
  expect that elapsed == 3h
  expect not undone charge
}}
test "a refusal refunds" for reviewed {{
  given {{ order: "o1" }}
  mock charge = {{ body: {{ id: "c1" }} }}
  mock charge undo after 1m = {{ status: config.url == "https://pay/refunds/c1" ? 200 : 500 }}
  refuse risk with "no" after 1h
  expect failed code "APPROVAL_REFUSED"
  expect undone charge
  expect that elapsed == 1h + 1m
}}
test "nobody decides" for reviewed {{
  given {{ order: "o1" }}
  mock charge = {{ body: {{ id: "c1" }} }}
  mock charge undo = {{ status: 200 }}
  expect failed code "TIMEOUT"
  expect that elapsed == 4h
}}
test "held for a day" for reviewed {{
  given {{ order: "o1" }}
  mock charge = {{ body: {{ id: "c1" }} }}
  approve risk
  pause after 1h
  resume after 10h
  send "carrier.accepted" with {{ order: "o1", carrier: "post" }} after 2h
  expect completed
  expect that elapsed == 10h
}}"#
    ));
    let text = format!(
        r#"{REVIEWED}
test "the undo is not mocked" for reviewed {{
  given {{ order: "o1" }}
  mock charge = {{ body: {{ id: "c1" }} }}
  refuse risk
  expect failed
}}"#
    );
    let told = failures(&text);
    assert!(told[0].starts_with("T002: the undo of `charge` (`http_request`) was reached"), "{told:?}");
}
