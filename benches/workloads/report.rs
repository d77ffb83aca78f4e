//! The table and its JSON.

use serde_json::json;

/// A figure and its goal.
pub struct Row {
    backend: &'static str,
    title: String,
    value: f64,
    unit: &'static str,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

impl Row {
    pub fn new(backend: &'static str, title: &str, value: f64, unit: &'static str) -> Self {
        Self { backend, title: title.to_owned(), value, unit, at_least: None, at_most: None }
    }

    pub fn at_least(mut self, goal: Option<f64>) -> Self {
        self.at_least = goal;
        self
    }

    pub fn at_most(mut self, goal: Option<f64>) -> Self {
        self.at_most = goal;
        self
    }

    fn goal(&self) -> String {
        match (self.at_least, self.at_most) {
            (Some(goal), _) => format!("at least {goal}"),
            (_, Some(goal)) => format!("at most {goal}"),
            _ => String::new(),
        }
    }

    fn reached(&self) -> Option<bool> {
        self.at_least.map(|goal| self.value >= goal).or(self.at_most.map(|goal| self.value <= goal))
    }
}

#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
    notes: Vec<(&'static str, String)>,
    started: u64,
}

impl Report {
    pub fn row(&mut self, row: Row) {
        eprintln!("{}: {} {:.2} {}", row.backend, row.title, row.value, row.unit);
        self.rows.push(row);
    }

    pub fn note(&mut self, backend: &'static str, note: &str) {
        eprintln!("{backend}: {note}");
        self.notes.push((backend, note.to_owned()));
    }

    pub fn started(&mut self, executions: u64) {
        self.started += executions;
    }

    pub fn take_started(&mut self) -> u64 {
        std::mem::take(&mut self.started)
    }

    pub fn print(&self) {
        println!("\n| on | what | goal | measured |\n|---|---|---|---|");
        for row in &self.rows {
            let mark = match row.reached() {
                Some(true) => " (reached)",
                Some(false) => " (missed)",
                None => "",
            };
            println!("| {} | {} | {} | {:.2} {}{mark} |", row.backend, row.title, row.goal(), row.value, row.unit);
        }
        for (backend, note) in &self.notes {
            println!("- {backend}: {note}");
        }
    }

    pub fn json(&self) -> String {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "on": row.backend, "what": row.title, "value": row.value, "unit": row.unit,
                    "at_least": row.at_least, "at_most": row.at_most, "reached": row.reached(),
                })
            })
            .collect();
        let notes: Vec<_> = self.notes.iter().map(|(on, note)| json!({ "on": on, "note": note })).collect();
        serde_json::to_string_pretty(&json!({ "rows": rows, "notes": notes })).unwrap()
    }
}
