//! Pictures of plans: what is drawn, and that it holds together, whatever a workflow says.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use regex::Regex;
use stepwell::lang::{Graph, Notation, Source, builtin_task_types, lower, parse_flow, parse_toml};
use stepwell::plan::Plan;

fn plan(notation: Notation, text: &str) -> Plan {
    let source = Source { name: "x".into(), notation, text: text.into() };
    let (file, found) = match notation {
        Notation::Flow => parse_flow(&source),
        Notation::Toml => parse_toml(&source),
    };
    assert!(found.is_empty(), "{found:?}");
    lower(&file.workflows[0], &builtin_task_types())
}

fn drawn(text: &str) -> Graph {
    Graph::of(&plan(Notation::Flow, text))
}

/// The lines of a picture in Mermaid without what stands in every one.
fn mermaid(text: &str) -> Vec<String> {
    let drawn = drawn(text).mermaid();
    let lines = drawn.lines().skip(4).filter(|line| !line.contains("classDef"));
    lines.map(|line| line.strip_prefix("  ").unwrap().to_owned()).collect()
}

/// A workflow of every kind of statement.
const EVERYTHING: &str = r#"
workflow everything {
  input items: list<string> = []
  input kind: "a" | "b" = "a"
  let n = input.items.size()
  step first: log { message = "one" }
  if n > 3 { step many: log { message = "many" } } else if n == 0 { return "none" }
  match input.kind {
    "a" { step a: log { message = "a" } }
    else { fail "no \"b\"" code "B" }
  }
  try {
    step charge: http_request { url = "https://a.internal", undo http_request { url = "https://b.internal" } }
    let picks = for item in input.items parallel 8 keep going max 2 {
      step pick: log { message = item }
      yield item
    }
    parallel any 2 of {
      step x: log { message = "x" }
      step y: log { message = "y" }
      branch z { sleep 1s }
    }
    parallel first { branch e { } }
  } catch error if error.code == "X" {
    compensate
  } catch other {
  } finally {
    step audit: workflow { name = "audit" }
  }
  wait accepted: "carrier.accepted" where event.order == "o" timeout 1d
  approve risk: "risk-team" timeout 4h
  repeat every 30s max 20 until poll.body.done {
    step poll: http_request { url = "https://c.internal", when n > 1 }
  }
  for item in input.items { }
  sleep until execution.started_at
  return { n: n }
}
"#;

/// The names that stand at the ends of arrows, and those of boxes, each checked to be there once.
fn assert_whole(graph: &Graph, what: &str) {
    let mermaid = graph.mermaid();
    let boxes =
        Regex::new(r#"^ +(n\d+)(\(\[|\[\[|\[/|\[|\{\{|\{|\(\()"([^"]*)"(\]\)|\]\]|/\]|\]|\}\}|\}|\)\))(:::\w+)?$"#);
    let arrows = Regex::new(r#"^  (n\d+) (-->|-\.->)(\|"[^"]+"\|)? (n\d+)$"#).unwrap();
    let frames = Regex::new(r#"^ +(subgraph f\d+ \["[^"]+"\]|end)$"#).unwrap();
    let (boxes, mut there, mut named) = (boxes.unwrap(), HashSet::new(), Vec::new());
    for line in mermaid.lines().skip(4).filter(|line| !line.contains("classDef")) {
        if let Some(found) = boxes.captures(line) {
            assert!(there.insert(found[1].to_owned()), "{what}: {line} twice");
        } else if let Some(found) = arrows.captures(line) {
            named.extend([found[1].to_owned(), found[4].to_owned()]);
        } else {
            assert!(frames.is_match(line), "{what}: {line}");
        }
    }
    assert!(named.iter().all(|name| there.contains(name)), "{what}\n{mermaid}");
    assert_eq!(mermaid.matches("subgraph").count(), mermaid.lines().filter(|line| line.trim() == "end").count());
    assert_dot(&graph.dot(), there.len(), named.len() / 2);
}

/// The same number of boxes and arrows in the other notation, and each of its lines whole.
fn assert_dot(dot: &str, boxes: usize, arrows: usize) {
    let text = r#""([^"\\]|\\.)*""#;
    let value = format!(r"\w+=({text}|\w+)");
    let figure = Regex::new(&format!(r"^ +n\d+ \[{value}(, {value})*\]$")).unwrap();
    let arrow = Regex::new(&format!(r"^  n\d+ -> n\d+( \[{value}(, {value})*\])?$")).unwrap();
    let rest = Regex::new(&format!(
        r"^(digraph {text} \{{| +subgraph cluster_\d+ \{{| +label={text}| *\}}|  (graph|node|edge) \[.*\])$"
    ));
    let rest = rest.unwrap();
    let count = |pattern: &Regex| dot.lines().filter(|line| pattern.is_match(line)).count();
    assert_eq!((count(&figure), count(&arrow)), (boxes, arrows), "{dot}");
    assert_eq!(count(&figure) + count(&arrow) + count(&rest), dot.lines().count(), "{dot}");
    assert_eq!(dot.matches(" {\n").count(), dot.lines().filter(|line| line.trim() == "}").count());
}

#[test]
fn every_kind_of_node_is_drawn() {
    let graph = drawn(EVERYTHING);
    assert_whole(&graph, "everything");
    let dot = graph.dot();
    for wanted in [
        r#"digraph "everything""#,
        r#"label="n = input.items.size()", shape=plaintext"#,
        r#"label="first\nlog"]"#,
        r#"[label="n > 3"]"#,
        r#"[label="n == 0"]"#,
        r#"[label="else"]"#,
        r#"label="match input.kind", shape=diamond"#,
        r#"label="fail \"no \\\"b\\\"\"\ncode \"B\"", shape=oval"#,
        r#"label="try""#,
        r#"[label="undo", style=dashed]"#,
        r#"label="charge.undo\nhttp_request""#,
        r#"label="picks = for item in input.items, parallel 8, keep going max 2""#,
        r#"label="parallel any 2 of""#,
        r#"label="any 2", shape=diamond"#,
        r#"label="parallel first""#,
        r#"label="z""#,
        r#"label="catch error""#,
        r#"[label="if error.code == \"X\"", style=dashed]"#,
        r#"label="compensate""#,
        r#"label="catch other""#,
        r#"label="finally""#,
        r#"[label="not caught", style=dashed]"#,
        r#"label="audit\nworkflow", shape=component"#,
        r#"label="wait accepted: carrier.accepted\nwhere event.order == \"o\"\ntimeout 1d", shape=hexagon"#,
        r#"label="approve risk: risk-team\ntimeout 4h", shape=hexagon"#,
        r#"label="repeat, at most 20""#,
        r#"[label="again after 30s", style=dashed]"#,
        r#"label="until poll.body.done", shape=diamond"#,
        r#"[label="when n > 1"]"#,
        r#"label="sleep until execution.started_at""#,
        r#"label="return\n{ n: n }", shape=oval"#,
    ] {
        assert!(dot.contains(wanted), "{wanted}\n{dot}");
    }
}

#[test]
fn ways_part_and_meet_again() {
    let text = "workflow w {\n input a: bool\n if input.a {\n step x: log { message = \"x\" }\n }\n step y: log { message = \"y\" }\n}\n";
    let wanted = [
        "n1([\"start\"])",
        "n2{\"if\"}",
        "n3[\"x<br>log\"]",
        "n4[\"y<br>log\"]",
        "n5([\"end\"])",
        "n1 --> n2",
        "n2 -->|\"input.a\"| n3",
        "n3 --> n4",
        "n2 -->|\"else\"| n4",
        "n4 --> n5",
    ];
    assert_eq!(mermaid(text), wanted);
}

#[test]
fn after_draws_the_arrows_of_a_parallel_whatever_the_order() {
    let text = "workflow w {\n parallel {\n step c: log { message = \"c\", after a, b }\n step a: log { message = \"a\" }\n \
        branch b {\n sleep 1s\n }\n }\n}\n";
    let wanted = [
        "n1([\"start\"])",
        "subgraph f2 [\"parallel\"]",
        "  n3((\" \"))",
        "  n4[\"a<br>log\"]",
        "  subgraph f5 [\"b\"]",
        "    n6{{\"sleep 1s\"}}",
        "  end",
        "  n7[\"c<br>log\"]",
        "end",
        "n8([\"end\"])",
        "n1 --> n3",
        "n3 --> n4",
        "n3 --> n6",
        "n4 --> n7",
        "n6 --> n7",
        "n7 --> n8",
    ];
    assert_eq!(mermaid(text), wanted);
}

#[test]
fn nothing_follows_on_an_end() {
    let text = "workflow w {\n input a: bool\n if input.a {\n return 1\n } else {\n fail \"no\"\n }\n}\n";
    let lines = mermaid(text);
    assert!(!lines.iter().any(|line| line.contains("\"end\"")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("return<br>1")), "{lines:?}");
}

#[test]
fn no_text_breaks_a_picture() {
    let said = r#"]\"; }} --> <b>`x` #35; | %% \\ \n end "#;
    let text = format!("workflow w {{\n fail \"{said}\" code \"{said}\"\n}}\n");
    assert_whole(&drawn(&text), said);
    let long = format!("workflow w {{\n fail \"{}\"\n}}\n", "é".repeat(1000));
    assert!(drawn(&long).mermaid().len() < 1000);
}

#[test]
fn every_example_is_drawn() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Some(notation) = Notation::of_file_name(&path.to_string_lossy()) else { continue };
        let plan = Arc::new(plan(notation, &fs::read_to_string(&path).unwrap()));
        let graph = Graph::of(&plan);
        assert_whole(&graph, &plan.workflow);
        for (_, step) in plan.steps() {
            assert!(graph.dot().contains(&format!("label=\"{}\\n{}\"", step.name, step.task_type)), "{}", step.name);
        }
        seen += 1;
    }
    assert!(seen >= 8, "only {seen}");
}
