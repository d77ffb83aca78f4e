//! What is asked for on the command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::backend::Backend;

/// Every workload, in the order of a whole run.
const NAMES: [&str; 12] = ["w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8", "w9", "w10", "plans", "cores"];

/// What runs where it is named, and not among all.
const APART: [&str; 1] = ["soak"];

#[derive(Clone)]
pub struct Options {
    pub names: Vec<&'static str>,
    pub backends: Vec<Backend>,
    /// How long each run of a load takes whose rate has a goal.
    pub time: Duration,
    /// What every large number is multiplied with; the goals hold for 1.
    pub scale: f64,
    pub json: Option<PathBuf>,
    /// How long the soak takes.
    pub soak: Duration,
}

impl Options {
    pub fn parse(args: &[String]) -> Result<Self, String> {
        let mut options = Self {
            names: Vec::new(),
            backends: Vec::new(),
            time: Duration::from_secs(30),
            scale: 1.0,
            json: None,
            soak: Duration::from_mins(10),
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("`{arg}` wants a value"));
            match arg.as_str() {
                "--sqlite" => options.backends.push(Backend::Sqlite),
                "--postgres" => options.backends.push(Backend::Postgres),
                "--seconds" => options.time = Duration::from_secs_f64(number(arg, value()?)?),
                "--minutes" => options.soak = Duration::from_secs_f64(number(arg, value()?)? * 60.0),
                "--scale" => options.scale = number(arg, value()?)?,
                "--json" => options.json = Some(value()?.into()),
                // What cargo adds.
                "--bench" => {}
                name => options.names.push(known(name)?),
            }
        }
        if options.names.is_empty() {
            options.names = NAMES.to_vec();
        }
        if options.backends.is_empty() {
            options.backends = vec![Backend::Sqlite, Backend::Postgres];
        }
        Ok(options)
    }

    /// How long a run takes whose rate has no goal.
    pub fn short(&self) -> Duration {
        self.time / 3
    }

    /// A large number, at this scale.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    pub fn scaled(&self, number: usize) -> usize {
        ((number as f64 * self.scale) as usize).max(1)
    }

    /// Whether the goals are meant for this run.
    #[allow(clippy::float_cmp, reason = "1 is what nobody computed")]
    pub fn in_earnest(&self) -> bool {
        self.scale == 1.0 && !cfg!(debug_assertions)
    }
}

fn number(name: &str, text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("`{name}` wants a number above 0, not `{text}`"))
}

fn known(name: &str) -> Result<&'static str, String> {
    let found = NAMES.into_iter().chain(APART).find(|known| *known == name);
    found.ok_or_else(|| format!("no workload `{name}`; there are {}, {}", NAMES.join(", "), APART.join(", ")))
}
