//! Many seeds, everything at once, over several nodes: nodes that die, leave, join, are cut off or superseded, failing commits,
//! workers that die and repeat themselves. Whatever happens, every execution ends as it would have.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use stepwell::ids::ExecutionId;
use stepwell::runtime::Node;
use stepwell::service::ports::{Clock, Runtime, RuntimeError};
use tokio::time::Instant;

use crate::sim::queue::QueueFaults;
use crate::sim::rng::Rng;
use crate::sim::store::StoreFaults;
use crate::sim::world::{Crashes, Endings, World, asked_of, simulate};

const LEASE: Duration = Duration::from_secs(3);
const NODES: usize = 3;
const BLOWS: usize = 8;
const SEEDS: u64 = 6;

/// Those that need nobody outside.
const WORKFLOWS: [&str; 12] = [
    "sequence", "diamond", "loop", "tries", "waits", "parent", "fails", "undone", "caught", "races", "keeps", "returns",
];

/// Nodes over one world.
struct Cluster<'a> {
    world: &'a World,
    rng: &'a Rng,
    nodes: Vec<(String, Arc<Node>)>,
    joined: usize,
}

impl<'a> Cluster<'a> {
    async fn new(world: &'a World, rng: &'a Rng) -> Self {
        let mut cluster = Self { world, rng, nodes: Vec::new(), joined: 0 };
        while cluster.nodes.len() < NODES {
            cluster.join().await;
        }
        cluster
    }

    async fn join(&mut self) {
        self.joined += 1;
        let name = format!("node {}", self.joined);
        self.nodes.push((name.clone(), self.world.join(&name, LEASE).await));
    }

    fn any(&self) -> usize {
        self.rng.below(self.nodes.len() as u64) as usize
    }

    /// Starts an execution at any node, and again where it is told to.
    async fn start(&self, key: &str, workflow: &str, n: i64) -> ExecutionId {
        loop {
            let (_, node) = &self.nodes[self.any()];
            let (mut execution, plan) = self.world.execution(workflow, n, Some(key));
            execution.id = node.entropy().execution_id(self.world.clock.now());
            match node.start(execution, plan).await {
                Ok(started) => return started.execution().id,
                Err(RuntimeError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Something happens to a node, or to all of them.
    async fn blow(&mut self) {
        let at = self.any();
        match self.rng.below(4) {
            0 => {
                self.nodes.remove(at).1.kill();
                self.join().await;
            }
            1 => {
                let (_, leaving) = self.nodes.remove(at);
                leaving.drain(Duration::from_secs(60)).await;
                self.join().await;
            }
            2 => {
                self.world.store.set_away(true);
                tokio::time::sleep(Duration::from_millis(self.rng.below(6_000))).await;
                self.world.store.set_away(false);
            }
            _ => drop(self.world.store.rows().nodes.insert(self.nodes[at].0.clone(), Instant::now())),
        }
    }

    /// Waits until all have ended, and does what a person would.
    async fn all_end(&self) {
        let began = Instant::now();
        loop {
            let (ended, asked) = {
                let rows = self.world.store.rows();
                let ended = rows.executions.values().all(|one| one.status.is_terminal() && asked_of(one).is_none());
                let asked = rows.executions.values().filter_map(|one| Some((one.id, asked_of(one)?)));
                (ended, asked.collect::<Vec<_>>())
            };
            if ended {
                return;
            }
            for (id, control) in asked {
                for (_, node) in &self.nodes {
                    let _ = node.control(id, control.clone()).await;
                }
            }
            assert!(began.elapsed() < Duration::from_secs(7_200), "not all ended:\n{}", self.world.describe());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn jobs() -> impl Iterator<Item = (String, &'static str, i64)> {
    (0_i64..).zip(WORKFLOWS.iter().cycle()).take(24).map(|(n, workflow)| (format!("job {n}"), *workflow, n))
}

/// How the jobs end over nodes that all of this happens to.
fn run(seed: u64, blows: usize) -> Endings {
    simulate(async {
        let rng = Rng::new(seed);
        let world = World::new(seed, true, Crashes::Never);
        if blows > 0 {
            world.store.set_faults(StoreFaults { failing: rng.below(40), slowness: 500 + rng.below(5_000) });
            world.queue.set_faults(QueueFaults {
                losses: rng.below(30),
                duplicates: rng.below(200),
                long: rng.below(200),
                refusals: rng.below(100),
            });
        }
        let mut cluster = Cluster::new(&world, &rng).await;
        let mut started = BTreeMap::new();
        for (key, workflow, n) in jobs() {
            let id = cluster.start(&key, workflow, n).await;
            started.insert(key, id);
        }
        for _ in 0..blows {
            tokio::time::sleep(Duration::from_millis(rng.below(1_500))).await;
            cluster.blow().await;
        }
        cluster.all_end().await;
        world.check();
        world.endings(&started)
    })
}

#[test]
fn whatever_happens_to_nodes_every_execution_ends_as_it_would_have() {
    let expected = run(0, 0);
    for seed in 1..=SEEDS {
        assert_eq!(run(seed, BLOWS), expected, "seed {seed}");
    }
}
