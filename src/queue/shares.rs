//! The shares of a worker's queues: while all of them have tasks it takes from each as often as its weight says, and while only
//! some have, from those alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Whose turn it is, among queues with weights.
#[derive(Debug, Default)]
pub(super) struct Shares {
    /// How far each is behind.
    behind: Mutex<HashMap<Arc<str>, i64>>,
}

impl Shares {
    /// Which of these queues, all of which have something, is to be taken from next; its place among them. Each gains its
    /// weight, the one that is furthest behind is chosen, and pays what all have gained: so they come evenly mixed.
    pub fn next(&self, queues: &[Arc<str>], weight: impl Fn(&str) -> u32) -> Option<usize> {
        if queues.len() < 2 {
            return (!queues.is_empty()).then_some(0);
        }
        let mut behind = self.behind.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut total, mut chosen, mut most) = (0, 0, i64::MIN);
        for (at, queue) in queues.iter().enumerate() {
            let gained = i64::from(weight(queue));
            let of = behind.entry(queue.clone()).or_default();
            *of += gained;
            total += gained;
            if *of > most {
                (chosen, most) = (at, *of);
            }
        }
        if let Some(of) = queues.get(chosen).and_then(|queue| behind.get_mut(queue)) {
            *of -= total;
        }
        Some(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(shares: &Shares, queues: &[&str], times: usize) -> String {
        let queues: Vec<Arc<str>> = queues.iter().map(|queue| Arc::from(*queue)).collect();
        let weight = |queue: &str| if queue == "fast" { 3 } else { 1 };
        let next = || shares.next(&queues, weight).map(|at| &queues[at][..1]);
        std::iter::repeat_with(next).take(times).map(Option::unwrap).collect()
    }

    #[test]
    fn queues_are_served_by_their_weights_evenly_mixed() {
        let shares = Shares::default();
        assert_eq!(served(&shares, &["fast", "slow"], 8), "ffsfffsf");
        assert_eq!(served(&shares, &["slow"], 2), "ss", "what is alone has it all");
        assert_eq!(served(&shares, &["fast", "slow"], 8), "ffsfffsf", "and owes nothing for it");
        assert_eq!(served(&Shares::default(), &["a", "b", "c"], 6), "abcabc");
    }
}
