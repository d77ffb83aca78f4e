//! The table and its JSON.

use serde_json::json;

use crate::load::Load;
use crate::options::Options;

/// The unit of the raw limit that rates are compared with.
pub const RAW: &str = "rows/s";

/// What a figure is to be.
#[derive(Clone, Copy)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
        }
    }

    fn shown(self) -> String {
        match self {
            Self::AtLeast(goal) => format!("at least {}", grouped(goal)),
            Self::AtMost(goal) => format!("at most {}", grouped(goal)),
        }
    }
}

/// A figure.
struct Row {
    on: &'static str,
    workload: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    goal: Option<Goal>,
}

/// W1, at one point of a curve.
pub struct Point {
    /// How many there are of what the curve is over.
    pub over: usize,
    pub per_second: f64,
    /// Processor time of the server and the databases a step, in microseconds.
    pub cpu_us: f64,
    pub p99_ms: f64,
}

impl Point {
    pub fn of(over: usize, load: &Load) -> Self {
        Self { over, per_second: load.per_second(), cpu_us: load.cpu_us(), p99_ms: load.p99_ms }
    }
}

struct Curve {
    on: &'static str,
    over: String,
    points: Vec<Point>,
}

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    curves: Vec<Curve>,
    notes: Vec<(&'static str, &'static str, String)>,
}

impl Report {
    pub fn row(
        &mut self,
        on: &'static str,
        workload: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        goal: Option<Goal>,
    ) {
        let row = Row { on, workload, what: what.into(), value, unit, goal };
        eprintln!("  {}: {} {}", row.what, grouped(value), unit);
        self.rows.push(row);
    }

    /// What a figure can't say.
    pub fn note(&mut self, on: &'static str, workload: &'static str, note: impl Into<String>) {
        let note = note.into();
        eprintln!("    {note}");
        self.notes.push((on, workload, note));
    }

    /// What a step costs over something that should not matter.
    pub fn curve(&mut self, on: &'static str, over: &str, points: Vec<Point>) {
        for point in &points {
            let (steps, cpu) = (grouped(point.per_second), grouped(point.cpu_us));
            eprintln!("    {} {over}: {steps} steps/s, {cpu} us a step", point.over);
        }
        self.curves.push(Curve { on, over: over.to_owned(), points });
    }

    pub fn print(&self, options: &Options) {
        println!("\n| on | | what | goal | measured | of the raw rows/s | |\n|---|---|---|---|---|---|---|");
        for row in &self.rows {
            let goal = row.goal.filter(|_| options.in_earnest());
            let mark = goal.map_or("", |goal| if goal.reached(row.value) { "reached" } else { "missed" });
            let goal = goal.map_or_else(String::new, Goal::shown);
            let value = grouped(row.value);
            let of_raw = self.of_raw(row).map_or_else(String::new, |ratio| format!("{:.0} %", ratio * 100.0));
            let Row { on, workload, what, unit, .. } = row;
            println!("| {on} | {workload} | {what} | {goal} | {value} {unit} | {of_raw} | {mark} |");
        }
        println!("\n| on | over | | steps/s | processor time a step | p99 |\n|---|---|---|---|---|---|");
        for Curve { on, over, points } in &self.curves {
            for Point { over: at, per_second, cpu_us, p99_ms } in points {
                let [rate, cpu, p99] = [per_second, cpu_us, p99_ms].map(|value| grouped(*value));
                println!("| {on} | {over} | {at} | {rate} | {cpu} us | {p99} ms |");
            }
        }
        println!();
        for (on, workload, note) in &self.notes {
            println!("- {on}, {workload}: {note}");
        }
    }

    /// How a rate of steps or starts stands to the rows that the store alone took a second, in the same run.
    fn of_raw(&self, row: &Row) -> Option<f64> {
        let raw = self.rows.iter().find(|raw| raw.on == row.on && raw.unit == RAW)?;
        ["steps/s", "starts/s"].contains(&row.unit).then_some(row.value / raw.value)
    }

    pub fn json(&self, options: &Options) -> String {
        let rows: Vec<_> = self.rows.iter().map(|row| row_json(row, self.of_raw(row), options)).collect();
        let curves = self.curves.iter().flat_map(|curve| curve.points.iter().map(|point| curve_json(curve, point)));
        let curves: Vec<_> = curves.collect();
        let notes = self.notes.iter();
        let notes: Vec<_> =
            notes.map(|(on, workload, note)| json!({ "on": on, "workload": workload, "note": note })).collect();
        let run = json!({
            "seconds": options.time.as_secs_f64(), "scale": options.scale, "release": !cfg!(debug_assertions),
            "processors": std::thread::available_parallelism().map_or(0, usize::from),
        });
        serde_json::to_string_pretty(&json!({ "run": run, "rows": rows, "curves": curves, "notes": notes })).unwrap()
    }
}

fn row_json(row: &Row, of_raw: Option<f64>, options: &Options) -> serde_json::Value {
    let goal = row.goal.filter(|_| options.in_earnest());
    let (at_least, at_most) = match goal {
        Some(Goal::AtLeast(goal)) => (Some(goal), None),
        Some(Goal::AtMost(goal)) => (None, Some(goal)),
        None => (None, None),
    };
    json!({
        "on": row.on, "workload": row.workload, "what": row.what, "value": row.value, "unit": row.unit,
        "of_raw": of_raw, "at_least": at_least, "at_most": at_most, "reached": goal.map(|goal| goal.reached(row.value)),
    })
}

fn curve_json(curve: &Curve, point: &Point) -> serde_json::Value {
    json!({
        "on": curve.on, "over": curve.over, "at": point.over, "steps_per_second": point.per_second,
        "cpu_us_per_step": point.cpu_us, "p99_ms": point.p99_ms,
    })
}

/// A number for people: no more than three digits that matter below a thousand, groups of three above.
fn grouped(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let groups: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    format!("{sign}{}{dot}{fraction}", groups.join(","))
}
