//! What comes of each attempt: a function of the seed, the path and the attempt, so that no two things take equally long.

use crate::sim::rng::Rng;

/// How long an attempt takes before it counts as timed out. Longer than any other takes.
pub const TIMEOUT_MS: u64 = 3_000_000_000;

/// What comes of an attempt, after so many milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempted {
    pub after_ms: u64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Gives(i64),
    Fails { code: &'static str, retryable: bool },
    TimesOut,
    Lost,
}

/// The codes that steps fail with.
pub const CODES: [&str; 3] = ["RED", "GREEN", "BLUE"];

/// What comes of an attempt at a step.
pub fn attempted(seed: u64, path: &str, attempt: u32) -> Attempted {
    let rng = Rng::new(hash(seed, path, attempt));
    let after_ms = 1 + rng.below(1_000_000_000);
    let what = match rng.below(100) {
        0..72 => What::Gives(i64::try_from(rng.below(1_000_000)).unwrap()),
        72..92 => What::Fails { code: CODES[rng.below(3) as usize], retryable: rng.chance(600) },
        92..96 => What::TimesOut,
        _ => What::Lost,
    };
    // What times out takes as long as it may.
    Attempted { after_ms: if what == What::TimesOut { TIMEOUT_MS } else { after_ms }, what }
}

/// The signals of a name, in order: when each comes, and its number.
pub fn signals(seed: u64, name: &str) -> Vec<(u64, i64)> {
    let rng = Rng::new(hash(seed, name, 0));
    let signal = |_| (1 + rng.below(4_000_000_000), i64::try_from(rng.below(1_000)).unwrap());
    let mut signals: Vec<_> = (0..rng.below(4)).map(signal).collect();
    signals.sort_unstable();
    signals
}

/// The first of the signals of a name that a wait takes.
pub fn first_signal(seed: u64, name: &str, even: bool) -> Option<(u64, i64)> {
    signals(seed, name).into_iter().find(|(_, number)| !even || number % 2 == 0)
}

/// What a person who is asked says after how long: yes or no. Nothing, where nobody is there.
pub fn word(seed: u64, name: &str) -> Option<(u64, bool)> {
    let rng = Rng::new(hash(seed, name, 0));
    rng.chance(800).then(|| (1 + rng.below(1_000_000_000), rng.chance(700)))
}

/// How long an undo takes, and whether it works.
pub fn undone(seed: u64, path: &str) -> (u64, bool) {
    let rng = Rng::new(hash(seed, path, 0));
    (1 + rng.below(1_000_000_000), !rng.chance(100))
}

/// The wait before another attempt.
pub fn backoff_ms(seed: u64, name: &str) -> u64 {
    1 + hash(seed, name, 7) % 3_000_000
}

fn hash(seed: u64, path: &str, attempt: u32) -> u64 {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in path.bytes().chain(attempt.to_be_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    Rng::new(hash).next()
}
