//! The workflows of the workloads.

use std::fmt::Write;

/// Steps of a sequence in W1 and W2.
pub const STEPS: usize = 10;

/// What goes into each step and comes out of it.
pub fn payload() -> String {
    "x".repeat(200)
}

/// A sequence of steps, each a task that goes through the queue, and reads what the one before it gave.
pub fn sequence(name: &str, steps: usize) -> String {
    let mut text = format!("workflow {name} {{\n  input payload: string\n");
    for at in 0..steps {
        let from = if at == 0 { "input.payload".to_owned() } else { format!("s{}.payload", at - 1) };
        writeln!(text, "  step s{at}: bench.echo {{ payload = {from} }}").unwrap();
    }
    text + "}\n"
}

/// As many tasks at once as is said, and a join.
pub const FAN: &str = "workflow fan {
  input n: int
  input payload: string
  output { joined: int }
  let sizes = for i in range(input.n) parallel 100000 {
    step s: bench.echo { payload = input.payload }
    yield s.payload.size()
  }
  return { joined: sizes.size() }
}
";

/// Starts, and sleeps.
pub const SLEEP: &str = "workflow asleep {
  sleep 1h
}
";

/// Starts, and waits for an event that nobody sends.
pub const WAIT: &str = "workflow waiting {
  wait never: \"bench.never\"
}
";

/// One task.
pub const ONE: &str = "workflow one {
  input payload: string
  step s: bench.echo { payload = input.payload }
}
";

/// Sleeps until a moment.
pub const ALARM: &str = "workflow alarm {
  input at: string
  sleep until timestamp(input.at)
}
";

/// Ten steps that never leave the engine.
pub const PURE: &str = "workflow pure {
  input n: int
  let a = input.n + 1
  step b: data_transform { value = { n: a, of: \"pure\" } }
  if b.n > 0 {
    let c = b.n * 2
  }
  step d: data_transform { value = { n: b.n + 3 } }
  let e = d.n * 2
  if e > 0 {
    let f = e + 4
  }
  step g: data_transform { value = { n: e, sum: a + e } }
  let h = g.n + g.sum
}
";
