//! Whose turn it is among the lanes of a worker: of each priority its queues by their weights, of a queue its lanes equally.
//!
//! What was taken is booked, so that it comes out even over many small claims as over a large one. Who has nothing waiting
//! saves nothing up by it: when something comes, it is as far as those who are served then.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::keys::Lane;

/// What a queue of weight 1 pays for a task: the weights up to ten divide it evenly.
const PRICE: u64 = 2_520 * 100;

/// What was taken from the lanes that are read from, by priority, the highest first.
#[derive(Default)]
pub(super) struct Portions(BTreeMap<Reverse<u8>, Level>);

/// What is of one priority.
#[derive(Default)]
struct Level {
    /// What the one had paid who was served last.
    now: u64,
    queues: BTreeMap<String, Queue>,
}

struct Queue {
    price: u64,
    paid: u64,
    now: u64,
    /// What each lane has paid: 1 for a task.
    lanes: BTreeMap<String, u64>,
}

/// A queue as the script sees it: how far ahead of the others it and each of its lanes is.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Portion {
    price: u64,
    ahead: u64,
    lanes: Vec<u64>,
}

impl Portions {
    /// Of these lanes, which have what others of their names have paid.
    pub(super) fn of(lanes: Vec<String>, weight: impl Fn(&str) -> u32, before: &Self) -> Self {
        let mut portions = Self::default();
        for lane in lanes {
            let Lane { queue, priority, .. } = Lane::parse(&lane);
            let level_before = before.0.get(&Reverse(priority));
            let queue_before = level_before.and_then(|level| level.queues.get(queue));
            let paid = queue_before.and_then(|queue| queue.lanes.get(&lane)).copied().unwrap_or(0);
            let level = portions.0.entry(Reverse(priority)).or_default();
            level.now = level_before.map_or(0, |level| level.now);
            let of = level.queues.entry(queue.to_owned()).or_insert_with(|| Queue {
                price: PRICE / u64::from(weight(queue).max(1)),
                paid: queue_before.map_or(0, |queue| queue.paid),
                now: queue_before.map_or(0, |queue| queue.now),
                lanes: BTreeMap::new(),
            });
            of.lanes.insert(lane, paid);
        }
        portions
    }

    /// Whether there is no lane.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The lanes, by priority, queue and name.
    pub(super) fn lanes(&self) -> impl Iterator<Item = &String> {
        self.0.values().flat_map(|level| level.queues.values()).flat_map(|queue| queue.lanes.keys())
    }

    /// How a claim is to be parted: of each priority the queues; and the lanes in that order, of each queue the one that is
    /// the least ahead first.
    pub(super) fn parts(&self) -> (Vec<&String>, Vec<Vec<Portion>>) {
        let mut order = Vec::new();
        let mut levels = Vec::new();
        for level in self.0.values() {
            let mut portions = Vec::new();
            for queue in level.queues.values() {
                let ahead = queue.lanes.iter().map(|(lane, paid)| (paid.saturating_sub(queue.now), lane));
                let mut lanes: Vec<(u64, &String)> = ahead.collect();
                lanes.sort_unstable();
                order.extend(lanes.iter().map(|(_, lane)| *lane));
                let lanes = lanes.into_iter().map(|(ahead, _)| ahead).collect();
                portions.push(Portion { price: queue.price, ahead: queue.paid.saturating_sub(level.now), lanes });
            }
            levels.push(portions);
        }
        (order, levels)
    }

    /// Books what one claim took, by lane.
    pub(super) fn took(&mut self, taken: &HashMap<&str, u64>) {
        for level in self.0.values_mut() {
            let mut now = level.now;
            for queue in level.queues.values_mut() {
                let tasks = queue.took(taken);
                if tasks > 0 {
                    queue.paid = queue.paid.max(level.now) + tasks * queue.price;
                    now = now.max(queue.paid - queue.price);
                }
            }
            level.now = now;
        }
    }
}

impl Queue {
    /// Books what was taken from its lanes, and gives how much that was.
    fn took(&mut self, taken: &HashMap<&str, u64>) -> u64 {
        let (mut all, mut now) = (0, self.now);
        for (lane, paid) in &mut self.lanes {
            let tasks = taken.get(lane.as_str()).copied().unwrap_or(0);
            if tasks > 0 {
                *paid = (*paid).max(self.now) + tasks;
                now = now.max(*paid - 1);
                all += tasks;
            }
        }
        self.now = now;
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lanes: &[&str]) -> Portions {
        let lanes = lanes.iter().map(|lane| (*lane).to_owned()).collect();
        Portions::of(lanes, |queue| if queue == "fast" { 3 } else { 1 }, &Portions::default())
    }

    /// How far ahead each queue is, in thirds of the price of a task, and each of its lanes.
    fn ahead(portions: &Portions) -> Vec<Vec<(u64, Vec<u64>)>> {
        let shown = |portion: Portion| (portion.ahead / (PRICE / 3), portion.lanes);
        portions.parts().1.into_iter().map(|level| level.into_iter().map(shown).collect()).collect()
    }

    #[test]
    fn the_higher_priority_comes_first_and_lanes_stand_with_their_queue() {
        let portions = of(&["slow/log#1", "fast/log#2", "fast/log@7#1", "fast/log#1"]);
        assert_eq!(portions.parts().0, ["fast/log@7#1", "fast/log#1", "fast/log#2", "slow/log#1"]);
        assert_eq!(ahead(&portions), [vec![(0, vec![0])], vec![(0, vec![0, 0]), (0, vec![0])]]);
    }

    #[test]
    fn a_queue_pays_by_its_weight_and_a_lane_for_each_task() {
        let mut portions = of(&["fast/log#1", "fast/log#2", "slow/log#1"]);
        portions.took(&HashMap::from([("fast/log#1", 2), ("fast/log#2", 1), ("slow/log#1", 1)]));
        // Both queues have paid three thirds; the last task of the fast one was begun after two.
        assert_eq!(ahead(&portions), [vec![(1, vec![0, 1]), (1, vec![1])]]);
        assert_eq!(portions.parts().0, ["fast/log#2", "fast/log#1", "slow/log#1"], "the least ahead comes first");
    }

    #[test]
    fn who_had_nothing_waiting_has_saved_nothing_up() {
        let mut portions = of(&["slow/log#1", "slow/log#2"]);
        portions.took(&HashMap::from([("slow/log#1", 100)]));
        assert_eq!(ahead(&portions), [[(3, vec![0, 1])]]);
        portions.took(&HashMap::from([("slow/log#1", 1), ("slow/log#2", 1)]));
        assert_eq!(portions.parts().0, ["slow/log#2", "slow/log#1"]);
        assert_eq!(ahead(&portions), [[(3, vec![0, 1])]]);
    }

    #[test]
    fn a_lane_that_is_new_stands_where_the_others_do() {
        let mut portions = of(&["slow/log#1"]);
        portions.took(&HashMap::from([("slow/log#1", 100)]));
        let lanes = ["slow/log#1", "slow/log#2"].map(str::to_owned).to_vec();
        let more = Portions::of(lanes, |_| 1, &portions);
        assert_eq!(more.parts().0, ["slow/log#2", "slow/log#1"]);
        assert_eq!(ahead(&more), [[(3, vec![0, 1])]]);
    }
}
