//! Many seeds, everything at once: crashes at any point, failing commits, workers that die, a queue that forgets.

use stepwell::service::ports::CrashPoint;

use crate::sim::queue::QueueFaults;
use crate::sim::rng::Rng;
use crate::sim::store::StoreFaults;
use crate::sim::world::{Crashes, Endings, World, expected, jobs, simulate};

const JOBS: i64 = 14;
const SEEDS: u64 = 100;

struct Run {
    endings: Endings,
    lives: u64,
    trace: Vec<String>,
}

fn run(seed: u64) -> Run {
    simulate(async {
        let rng = Rng::new(seed);
        let mut world =
            World::new(seed, rng.chance(500), Crashes::random(rng.next(), 15 + rng.below(30), 1 + rng.below(8)));
        world.store.set_faults(StoreFaults { failing: rng.below(60), slowness: 500 + rng.below(5_000) });
        world.queue.set_faults(QueueFaults {
            losses: rng.below(40),
            duplicates: rng.below(200),
            long: rng.below(100),
            refusals: rng.below(100),
        });
        let endings = world.run(&jobs(JOBS)).await;
        world.check();
        let trace = world.store.rows().trace.clone();
        Run { endings, lives: world.lives, trace }
    })
}

#[test]
fn whatever_happens_every_execution_ends_as_it_would_have() {
    let expected = expected(JOBS);
    let mut lives = 0;
    for seed in 0..SEEDS {
        let run = run(seed);
        assert_eq!(run.endings, expected, "seed {seed}, {} lives", run.lives);
        lives += run.lives;
    }
    assert!(lives > 3 * SEEDS, "only {lives} lives: the simulation crashes too seldom to show anything");
}

#[test]
fn one_seed_is_one_run() {
    for seed in [3, 14, 15] {
        assert_eq!(run(seed).trace, run(seed).trace, "seed {seed}");
    }
}

#[test]
fn crashes_come_at_every_point() {
    use stepwell::service::ports::Faults;
    let crashes = Crashes::at(CrashPoint::AfterAck, 2);
    assert!(!crashes.crash(CrashPoint::AfterAck));
    assert!(!crashes.crash(CrashPoint::BeforeCommit));
    assert!(crashes.crash(CrashPoint::AfterAck));
    assert!(!crashes.crash(CrashPoint::AfterAck));
}
