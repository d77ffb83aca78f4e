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

#[test]
fn the_plan_says_what_its_task_types_were_known_to_give() {
    let outputs = |text: &str| -> Vec<String> {
        let outputs = &compiled(text).plans[0].task_outputs;
        outputs.iter().map(|(name, ty)| format!("{name}: {ty}")).collect()
    };
    let known = "geo.lookup: { country: string, city: string? }";
    assert_eq!(outputs(&workflow("ip = \"192.0.2.7\"", "place.country")), [known]);
    // What the source declares of it holds, as it does for the checker.
    let declared = format!("task geo.lookup {{ config {{ ip: string }} output {{ country: \"PT\" }} }}\n{WITH}");
    assert_eq!(outputs(&declared.replace("POLICY", "")), ["geo.lookup: { country: \"PT\" }"]);
    // Of a step that declares its own it says nothing, nor of what is this program's own or gives anything.
    assert!(outputs(&WITH.replace("POLICY", "output { country: string }")).is_empty());
    let others = "task any.thing { }\nworkflow w {\n  step a: http_request { url = \"https://x\" }\n  step b: any.thing { }\n  step c: log { message = \"x\" }\n}\n";
    assert!(outputs(others).is_empty());
    // What undoes a step is read by nothing.
    let undo = WITH.replace("POLICY", "output { country: string }, undo geo.lookup { ip = \"192.0.2.7\" }");
    assert!(outputs(&undo).is_empty());
}

/// A step of `geo.lookup` with a policy of its own.
const WITH: &str = "workflow w {\n  step place: geo.lookup { ip = \"192.0.2.7\", POLICY }\n  return place.country\n}\n";

#[test]
fn a_schema_and_its_words_make_one_plan_in_either_notation() {
    let schema = |doc: &str| {
        serde_json::json!({
            "type": "object",
            "properties": { "country": { "type": "string", "description": doc }, "zone": { "x-unit": "utc" } },
            "required": ["country"],
        })
    };
    let plan = |notation, text: &str, doc: &str| {
        let mut types = builtin_task_types();
        let output = crate::expr::type_from_schema(&schema(doc));
        let config = crate::expr::ObjectType { fields: Vec::new(), open: true };
        let defaults = TaskDefaults::default();
        let (name, description) = ("geo.lookup".into(), "".into());
        types.insert(TaskType { name, description, config, output, runs: Runs::Remote, defaults });
        let compiled = compile(&Source { name: "test".into(), notation, text: text.into() }, &types);
        assert!(!compiled.has_errors(), "{:#?}", compiled.diagnostics);
        compiled.plans[0].clone()
    };
    let flow = "workflow w { step place: geo.lookup { ip = \"192.0.2.7\" } }";
    let toml = "name = \"w\"\n[[step]]\nname = \"place\"\ntask = \"geo.lookup\"\nwith = { ip = \"192.0.2.7\" }\n";
    let one = plan(Notation::Flow, flow, "where it is");
    assert_eq!(one.task_outputs["geo.lookup"].to_string(), "{ country: string, zone: any }");
    assert_eq!(plan(Notation::Toml, toml, "").task_outputs, one.task_outputs);
    assert_eq!(plan(Notation::Flow, flow, "the country, as it is called there").hash(), one.hash());
}

#[test]
fn an_output_of_a_step_that_its_task_type_never_gives_is_an_error() {
    let check_own =
        |output: &str, expected: &[&str]| check(&WITH.replace("POLICY", &format!("output {output}")), expected);
    check_own("{ country: \"PT\" | \"ES\" }", &[]);
    check_own(
        "{ country: int }",
        &[
            "E0319 `geo.lookup` gives `{ country: string, city: string? }`, and not `{ country: int }` @ \"{ country: int }\" / declare `output { country: string, city: string? }`, or leave it out",
        ],
    );
    let response =
        "workflow w {\n  step a: http_request { url = \"https://x\", output list<int> }\n  return a.body\n}\n";
    check(response, &[]);
}
