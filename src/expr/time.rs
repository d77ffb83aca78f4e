//! Moments, as data. Nothing here reads a clock.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970 in UTC. What is stored is cut to microseconds, which both databases keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        let micros = i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1_000);
        Self(self.0.saturating_add(micros))
    }

    /// Milliseconds from `earlier` to this; nothing where it is not earlier.
    pub fn since_ms(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0) / 1_000).unwrap_or(0)
    }

    /// As chrono has it. Moments past what chrono can hold become its limit.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }

    /// From chrono's, cut to microseconds.
    pub fn from_chrono(at: DateTime<Utc>) -> Self {
        Self(at.timestamp_micros())
    }
}

/// A moment in microseconds since 1970, from its text in RFC 3339; finer digits are cut. None where the text is something
/// else, or the year is not one of 1 to 9999.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let micros = DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros();
    super::ops::TIMESTAMPS.contains(&micros).then_some(micros)
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with as many digits of the second as it needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}
