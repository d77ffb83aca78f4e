//! Whether what is sampled stands still.

use std::time::Duration;

/// What the server takes at a moment.
pub struct Sample {
    pub at: Duration,
    pub memory_kib: u64,
    pub disk_bytes: u64,
}

#[allow(clippy::cast_precision_loss, reason = "sizes")]
impl Sample {
    pub fn disk(&self) -> f64 {
        self.disk_bytes as f64
    }

    pub fn memory(&self) -> f64 {
        self.memory_kib as f64
    }
}

/// By how much a value grows over the samples, in percent of its mean: along the line that fits them best.
#[allow(clippy::cast_precision_loss, reason = "a count")]
pub fn growth(samples: &[Sample], of: fn(&Sample) -> f64) -> f64 {
    let number = samples.len() as f64;
    let mean = |value: &dyn Fn(&Sample) -> f64| samples.iter().map(value).sum::<f64>() / number;
    let at = |sample: &Sample| sample.at.as_secs_f64();
    let (mid, level) = (mean(&at), mean(&of));
    let along: f64 = samples.iter().map(|sample| (at(sample) - mid) * (of(sample) - level)).sum();
    let spread: f64 = samples.iter().map(|sample| (at(sample) - mid).powi(2)).sum();
    let span = samples.last().map_or(0.0, at) - samples.first().map_or(0.0, at);
    if spread == 0.0 || level == 0.0 { 0.0 } else { along / spread * span / level * 100.0 }
}
