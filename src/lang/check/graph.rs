//! The graph that `after` draws between the children of a `parallel`.
//!
//! Invariant: no recursion: a chain may be as long as a plan.

use std::collections::HashMap;

/// What each node waits for, directly or not.
pub struct Reach {
    words: usize,
    bits: Vec<u64>,
}

impl Reach {
    /// Whether `node` waits for `other`.
    pub fn waits_for(&self, node: usize, other: usize) -> bool {
        self.bits.get(node * self.words + other / 64).is_some_and(|word| word >> (other % 64) & 1 == 1)
    }

    /// From the edges and an order in which each node comes after those that it waits for.
    pub fn of(edges: &[Vec<usize>], order: &[usize]) -> Self {
        let words = edges.len().div_ceil(64);
        let mut bits = vec![0_u64; words * edges.len()];
        for &node in order {
            for &before in &edges[node] {
                for word in 0..words {
                    bits[node * words + word] |= bits[before * words + word];
                }
                bits[node * words + before / 64] |= 1 << (before % 64);
            }
        }
        Self { words, bits }
    }
}

/// An order in which each node comes after those that it waits for. Nodes on a cycle, and those behind one, are left out.
pub fn ordered(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut waiting: Vec<usize> = edges.iter().map(Vec::len).collect();
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); edges.len()];
    for (node, before) in edges.iter().enumerate() {
        before.iter().for_each(|before| followers[*before].push(node));
    }
    let mut order: Vec<usize> = (0..edges.len()).filter(|node| waiting[*node] == 0).collect();
    let mut at = 0;
    while let Some(&node) = order.get(at) {
        at += 1;
        for &follower in &followers[node] {
            waiting[follower] -= 1;
            if waiting[follower] == 0 {
                order.push(follower);
            }
        }
    }
    order
}

/// The cycles among the nodes that `order` leaves out: each as the nodes that wait for each other, one after the other.
pub fn cycles(edges: &[Vec<usize>], order: &[usize]) -> Vec<Vec<usize>> {
    let mut open = vec![true; edges.len()];
    order.iter().for_each(|node| open[*node] = false);
    let mut found = Vec::new();
    for start in 0..edges.len() {
        let mut path = Vec::new();
        let mut place = HashMap::new();
        let mut at = start;
        // Each open node waits for another open one, or for one that a walk before this has been through.
        while open[at] && !place.contains_key(&at) {
            place.insert(at, path.len());
            path.push(at);
            match edges[at].iter().find(|next| open[**next]) {
                Some(next) => at = *next,
                None => break,
            }
        }
        if let Some(first) = place.get(&at).copied()
            && edges[path[path.len() - 1]].contains(&at)
        {
            found.push(path[first..].to_vec());
        }
        path.iter().for_each(|node| open[*node] = false);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_ordered_and_reached() {
        let edges = vec![vec![1], vec![2], vec![], vec![0]];
        let order = ordered(&edges);
        assert_eq!(order, [2, 1, 0, 3]);
        let reach = Reach::of(&edges, &order);
        assert!(reach.waits_for(3, 2) && reach.waits_for(0, 1) && !reach.waits_for(2, 0) && !reach.waits_for(0, 3));
    }

    #[test]
    fn each_cycle_is_found_once_and_what_hangs_on_it_is_none() {
        let edges = vec![vec![1], vec![0], vec![0], vec![4], vec![5], vec![3], vec![]];
        let order = ordered(&edges);
        assert_eq!(order, [6]);
        assert_eq!(cycles(&edges, &order), [vec![0, 1], vec![3, 4, 5]]);
        assert_eq!(cycles(&[vec![0]], &[]), [vec![0]]);
    }
}
