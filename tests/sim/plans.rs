//! The workflows of the simulation.

use std::sync::{Arc, OnceLock};

use stepwell::expr::{ObjectType, Type};
use stepwell::lang::{Notation, Source, builtin_task_types, compile};
use stepwell::plan::{Plan, Runs, TaskDefaults, TaskType, TaskTypes};

/// What they are, one of each shape.
const FLOWS: &str = r#"
workflow sequence {
  input n: int
  step a: work { value = input.n }
  let half = a.value
  step b: work { value = half }
  step say: log { message = "half way" }
  step c: work { value = b.value }
  step d: work { value = c.value }
  return { value: d.value }
}

workflow diamond {
  input n: int
  parallel {
    step left: work { value = input.n }
    step right: work { value = input.n + 10 }
    step join: work { value = left.value + right.value, after left, right }
  }
  return { value: join.value }
}

workflow loop {
  input n: int
  let picks = for item in [1, 2, 3, 4, 5] parallel 3 {
    step pick: work { value = item + input.n }
    step pack: work { value = pick.value }
    yield pack.value
  }
  return { picks: picks }
}

workflow tries {
  input n: int
  step first: flaky {
    value = input.n
    retry 5 backoff 1s..10s
  }
  step second: work { value = first.value }
  return { value: second.value }
}

workflow waits {
  input n: int
  sleep 2s
  step a: work { value = input.n }
  sleep 8s
  step b: work { value = a.value }
  return { value: b.value }
}

workflow parent {
  input n: int
  step one: workflow { name = "sequence", input = { n: input.n } }
  step two: work { value = input.n }
  return { one: one, two: two.value }
}

workflow fails {
  input n: int
  step a: work { value = input.n }
  step b: bad { value = a.value }
  return { value: 0 }
}

workflow asks {
  input n: int
  wait go: "go" where event.n == input.n timeout 30d
  approve word: "team" timeout 30d form { note: string? }
  match word.note {
    "well" { step a: work { value = go.n } }
    else { }
  }
  repeat every 1s max 10 until item.last {
    wait item: "item" timeout 30d
    step seen: work { value = item.n }
  }
  return { value: (a?.value ?? 0) + seen.value }
}

workflow undone {
  input n: int
  try {
    step a: work { value = input.n, undo work { value = a?.value } }
    let all = for item in [1, 2, 3] parallel 2 {
      step b: work { value = item, undo flaky { value = b?.value } }
      yield b.value
    }
    fail "no" code "NO"
  } finally {
    parallel {
      step clean: work { value = 1 }
      step sweep: work { value = 2 }
    }
  }
}

workflow caught {
  input n: int
  try {
    step a: work { value = input.n, undo log { message = "undo ${a?.value}" } }
    parallel {
      branch quick { sleep 3s
        fail "no" code "NO" }
      branch slow { try { sleep 1h } finally { step clean: work { value = 1 } } }
    }
  } catch error if error.code == "NO" {
    compensate
  } finally {
    step last: work { value = input.n }
  }
  return { last: last.value }
}

workflow races {
  input n: int
  parallel first {
    branch one { step fast: work { value = input.n } }
    branch two { step slow: work { value = input.n }
      sleep 1ms }
    branch three { fail "no" }
  }
  step after: work { value = fast?.value ?? slow?.value }
  return { value: after.value }
}

workflow keeps {
  input n: int
  let list = for item in [1, 2, 3, 4] parallel 3 keep going max 1 {
    sleep 1s
    if item == 2 { fail "no" code "NO" }
    yield item + input.n
  }
  step after: work { value = list.size() }
  return { list: list, value: after.value }
}

workflow returns {
  input n: int
  for item in [1, 2, 3] parallel 3 {
    try {
      sleep 1s
      if item == 2 { return { value: input.n } }
      sleep 1h
    } finally {
      step clean: work { value = item }
    }
  }
}
"#;

fn task_types() -> TaskTypes {
    let mut types = builtin_task_types();
    for name in ["work", "flaky", "bad"] {
        let config = ObjectType { fields: Vec::new(), open: true };
        let (description, output) = ("".into(), Type::Any);
        types.insert(TaskType {
            name: name.into(),
            description,
            config,
            output,
            runs: Runs::Worker,
            defaults: TaskDefaults::default(),
        });
    }
    types
}

/// The plans of a text.
pub fn compiled(text: &str) -> Vec<Arc<Plan>> {
    let source = Source { name: "sim.flow".into(), notation: Notation::Flow, text: text.into() };
    let compiled = compile(&source, &task_types());
    assert!(!compiled.has_errors(), "{:#?}", compiled.diagnostics);
    compiled.plans
}

/// All of them.
pub fn plans() -> &'static [Arc<Plan>] {
    static PLANS: OnceLock<Vec<Arc<Plan>>> = OnceLock::new();
    PLANS.get_or_init(|| compiled(FLOWS))
}
