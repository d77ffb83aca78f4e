//! Task types that are known beside the source, and what a source declares of them.

use super::told;
use crate::expr::Type;
use crate::lang::{Compiled, Notation, Source, builtin_task_types, compile, parse_type};
use crate::plan::{Runs, TaskDefaults, TaskType};

fn ty(text: &str) -> Type {
    parse_type(text, 0).0.unwrap()
}

fn object(text: &str) -> crate::expr::ObjectType {
    match ty(text) {
        Type::Object(object) => object,
        other => panic!("{other}"),
    }
}

/// Compiles with `geo.lookup` known.
fn compiled(text: &str) -> Compiled {
    let mut types = builtin_task_types();
    types.insert(TaskType {
        name: "geo.lookup".into(),
        description: "says where an address is".into(),
        config: object("{ ip: string, zone: \"eu\" | \"us\"? }"),
        output: ty("{ country: string, city: string? }"),
        runs: Runs::Remote,
        defaults: TaskDefaults { queue: Some("near".into()), timeout_ms: Some(7_000), idempotent: true },
    });
    compile(&Source { name: "test.flow".into(), notation: Notation::Flow, text: text.into() }, &types)
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(told(text, &compiled(text)), expected, "{text}");
}

fn workflow(step: &str, output: &str) -> String {
    format!("workflow w {{\n  step place: geo.lookup {{ {step} }}\n  return {output}\n}}\n")
}

#[test]
fn a_registered_type_is_checked_like_any_other() {
    check(&workflow("ip = \"192.0.2.7\"", "place.country"), &[]);
    check(&workflow("ip = 7", "place.country"), &["E0304 `ip` must be `string`, and this is a number @ \"7\""]);
    check(
        &workflow("ipp = \"192.0.2.7\"", "place.country"),
        &["E0302 unknown key `ipp` of `geo.lookup` @ \"ipp\" / did you mean `ip`?"],
    );
    check(
        &workflow("ip = \"192.0.2.7\"", "place.contry"),
        &["E0203 unknown field `contry` @ \"contry\" / did you mean `country`?"],
    );
}

#[test]
fn what_a_step_leaves_out_is_what_the_type_says() {
    let step = |text: &str| compiled(&workflow(text, "place.country")).plans[0].steps().next().unwrap().1.clone();
    let plain = step("ip = \"192.0.2.7\"");
    assert_eq!((&*plain.queue, plain.timeout_ms, plain.rarely.idempotent), ("near", 7_000, true));
    let own = step("ip = \"192.0.2.7\"\n  queue \"far\"\n  timeout 1s");
    assert_eq!((&*own.queue, own.timeout_ms), ("far", 1_000));
}

#[test]
fn a_declaration_that_agrees_holds_and_keeps_what_the_type_says_beside() {
    let declared = "task geo.lookup {\n  config { ip: string }\n  output { country: \"PT\" | \"ES\" }\n}\n";
    let text = format!("{declared}{}", workflow("ip = \"192.0.2.7\"", "place.country"));
    check(&text, &[]);
    assert_eq!(&*compiled(&text).plans[0].steps().next().unwrap().1.queue, "near");
    // What it leaves out is not there, as in a check without a server.
    let text = format!("{declared}{}", workflow("ip = \"192.0.2.7\"\n  zone = \"eu\"", "place.country"));
    check(&text, &["E0302 unknown key `zone` of `geo.lookup` @ \"zone\" / there is `ip`"]);
}

#[test]
fn a_declaration_that_says_otherwise_is_an_error() {
    let with =
        |declared: &str| format!("task geo.lookup {{ {declared} }}\n{}", workflow("ip = \"192.0.2.7\"", "place"));
    check(
        &with("config { ip: int }").replace("\"192.0.2.7\"", "7"),
        &["E0319 `ip` of `geo.lookup` is `string`, and not `int` @ \"{ ip: int }\" / declare it as `ip: string`"],
    );
    check(
        &with("config { ip: string, port: int? }"),
        &[
            "E0319 `geo.lookup` takes no `port` @ \"{ ip: string, port: int? }\" / it takes `{ ip: string, zone: \"eu\" | \"us\" | null }`",
        ],
    );
    check(
        &with("config { zone: \"eu\" | \"us\"? }").replace("ip =", "zone =").replace("192.0.2.7", "eu"),
        &["E0319 `geo.lookup` needs `ip` @ \"{ zone: \\\"eu\\\" | \\\"us\\\"? }\" / declare it: `ip: string`"],
    );
    check(
        &with("config { ip: string } output list<string>"),
        &[
            "E0319 `geo.lookup` gives `{ country: string, city: string? }`, and not `list<string>` @ \"list<string>\" / declare `output { country: string, city: string? }`, or leave it out",
        ],
    );
}
