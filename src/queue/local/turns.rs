//! What waits in a lane, each belonging to somebody: they take turns, so that one who has much does not keep the others
//! waiting. What belongs to one keeps its order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// A lane whose owners take turns. To put in and to take out cost the same however much waits.
#[derive(Debug)]
pub(super) struct Turns<T> {
    of: HashMap<Arc<str>, VecDeque<T>>,
    /// Those that have something, in the order of their turns.
    order: VecDeque<Arc<str>>,
    len: usize,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { of: HashMap::new(), order: VecDeque::new(), len: 0 }
    }
}

impl<T> Turns<T> {
    /// Puts something behind what its owner has. An owner who had nothing comes last.
    pub fn push_back(&mut self, owner: &Arc<str>, item: T) {
        self.lane(owner).push_back(item);
    }

    /// Puts something before what its owner has.
    pub fn push_front(&mut self, owner: &Arc<str>, item: T) {
        self.lane(owner).push_front(item);
    }

    fn lane(&mut self, owner: &Arc<str>) -> &mut VecDeque<T> {
        self.len += 1;
        let order = &mut self.order;
        self.of.entry(owner.clone()).or_insert_with(|| {
            order.push_back(owner.clone());
            VecDeque::new()
        })
    }

    /// The first of the owner whose turn it is.
    pub fn pop(&mut self) -> Option<T> {
        let owner = self.order.pop_front()?;
        let lane = self.of.get_mut(&owner)?;
        let item = lane.pop_front()?;
        self.len -= 1;
        if lane.is_empty() {
            self.of.remove(&owner);
        } else {
            self.order.push_back(owner);
        }
        Some(item)
    }

    /// Takes out what is not to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.of.retain(|_, lane| {
            lane.retain(&mut keep);
            !lane.is_empty()
        });
        let of = &self.of;
        self.order.retain(|owner| of.contains_key(owner));
        self.len = self.of.values().map(VecDeque::len).sum();
    }

    /// How much waits.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first of each owner.
    pub fn firsts(&self) -> impl Iterator<Item = &T> {
        self.of.values().filter_map(VecDeque::front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(items: &[(&str, u32)]) -> Turns<u32> {
        let mut turns = Turns::default();
        items.iter().for_each(|(owner, item)| turns.push_back(&Arc::from(*owner), *item));
        turns
    }

    fn all(mut turns: Turns<u32>) -> Vec<u32> {
        let all = std::iter::from_fn(|| turns.pop()).collect();
        assert!(turns.is_empty() && turns.of.is_empty() && turns.order.is_empty());
        all
    }

    #[test]
    fn owners_take_turns_and_each_keeps_its_order() {
        assert_eq!(all(turns(&[("a", 1), ("a", 2), ("a", 3), ("b", 10), ("c", 20), ("b", 11)])), [1, 10, 20, 2, 11, 3]);
    }

    #[test]
    fn who_comes_while_another_has_much_waits_for_one_turn() {
        let mut turns = turns(&[("a", 1), ("a", 2), ("a", 3), ("a", 4)]);
        assert_eq!(turns.pop(), Some(1));
        turns.push_back(&"b".into(), 10);
        turns.push_front(&"a".into(), 1);
        assert_eq!(turns.len(), 5);
        assert_eq!(all(turns), [1, 10, 2, 3, 4]);
    }

    #[test]
    fn what_is_taken_out_leaves_no_turn_behind() {
        let mut turns = turns(&[("a", 1), ("b", 10), ("b", 11)]);
        turns.retain(|item| *item > 10);
        assert_eq!((turns.len(), turns.firsts().copied().collect::<Vec<_>>()), (1, vec![11]));
        assert_eq!(all(turns), [11]);
    }
}
