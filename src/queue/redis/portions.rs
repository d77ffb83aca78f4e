//! In which order the lanes are read from for a claim, and by which weights they part it.

use std::collections::BTreeMap;

use super::keys::Lane;

/// A lane as a claim sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Portion {
    /// The lane's name.
    pub lane: String,
    /// Its queue's number among those of its priority.
    pub queue: usize,
    /// Its queue's weight.
    pub weight: u32,
}

/// The lanes of each priority, the highest first. Within one, the queues come first as often as their weights say, and the
/// lanes of a queue take turns.
pub(super) fn portions(lanes: &[String], weight: impl Fn(&str) -> u32, turn: usize) -> Vec<Vec<Portion>> {
    let mut levels: BTreeMap<u8, BTreeMap<&str, Vec<&str>>> = BTreeMap::new();
    for lane in lanes {
        let Lane { queue, priority, .. } = Lane::parse(lane);
        levels.entry(priority).or_default().entry(queue).or_default().push(lane);
    }
    levels.into_values().rev().map(|queues| level(queues, &weight, turn)).collect()
}

/// The lanes of a queue.
struct Queue<'a> {
    weight: u32,
    lanes: Vec<&'a str>,
}

fn level(queues: BTreeMap<&str, Vec<&str>>, weight: impl Fn(&str) -> u32, turn: usize) -> Vec<Portion> {
    let queue = |(name, lanes)| Queue { weight: weight(name), lanes };
    let mut queues: Vec<Queue<'_>> = queues.into_iter().map(queue).collect();
    let (first, its_turn) = first(&queues, turn);
    queues.rotate_left(first);
    let mut portions = Vec::new();
    for (number, Queue { weight, mut lanes }) in queues.into_iter().enumerate() {
        lanes.sort_unstable();
        let turns = if number == 0 { its_turn } else { turn };
        let next = turns.checked_rem(lanes.len()).unwrap_or(0);
        lanes.rotate_left(next);
        portions.extend(lanes.into_iter().map(|lane| Portion { lane: lane.to_owned(), queue: number, weight }));
    }
    portions
}

/// Which of the queues is the first one this turn, and how often it was before: what its lanes take turns by.
fn first(queues: &[Queue<'_>], turn: usize) -> (usize, usize) {
    let weight = |queue: &Queue<'_>| usize::try_from(queue.weight).unwrap_or(1);
    let total = queues.iter().map(weight).sum::<usize>().max(1);
    let (rounds, mut place) = (turn / total, turn % total);
    for (at, queue) in queues.iter().enumerate() {
        match place.checked_sub(weight(queue)) {
            Some(rest) => place = rest,
            None => return (at, rounds * weight(queue) + place),
        }
    }
    (0, turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portions_at(turn: usize) -> Vec<Vec<Portion>> {
        let lanes = ["fast/log#1", "fast/log#2", "slow/log#1", "fast/log@7#1"].map(str::to_owned);
        portions(&lanes, |queue| if queue == "fast" { 3 } else { 1 }, turn)
    }

    #[test]
    fn the_higher_priority_comes_first_and_a_lane_has_the_weight_of_its_queue() {
        let told = |portion: &Portion| (portion.lane.clone(), portion.queue, portion.weight);
        let levels: Vec<Vec<_>> = portions_at(0).iter().map(|level| level.iter().map(told).collect()).collect();
        let lane = |name: &str, queue, weight| (name.to_owned(), queue, weight);
        let usual = vec![lane("fast/log#1", 0, 3), lane("fast/log#2", 0, 3), lane("slow/log#1", 1, 1)];
        assert_eq!(levels, [vec![lane("fast/log@7#1", 0, 3)], usual]);
    }

    #[test]
    fn queues_are_first_by_their_weights_and_their_lanes_in_turn() {
        let firsts: Vec<String> = (0..8).map(|turn| portions_at(turn)[1][0].lane.clone()).collect();
        assert_eq!(
            firsts,
            [
                "fast/log#1",
                "fast/log#2",
                "fast/log#1",
                "slow/log#1",
                "fast/log#2",
                "fast/log#1",
                "fast/log#2",
                "slow/log#1"
            ]
        );
    }
}
