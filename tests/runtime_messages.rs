//! Two nodes over one database, in virtual time: whatever is asked of either is done by the one whose it is, once.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use stepwell::engine::{Control, ExecutionStatus};
use stepwell::expr::Value;
use stepwell::ids::ExecutionId;
use stepwell::plan::{Concurrency, NodeKind, Overflow, Plan, RatePolicy};
use stepwell::runtime::{Node, Options, Ports};
use stepwell::service::inbox::event_partition;
use stepwell::service::ports::{
    Clock, CrashPoint, Faults, LeaseStore, NoFaults, NoNudges, Runtime, RuntimeError, SlotGroup,
};

use crate::sim::plans::compiled;
use crate::sim::store::StoreFaults;
use crate::sim::world::{Crashes, World, simulate};

const LEASE: Duration = Duration::from_secs(3);

const TEXT: &str = r#"
workflow listens {
  input n: int
  wait told: "told" where event.n == input.n
  return { told: told.n }
}
workflow hears {
  input n: int
  wait heard: "news" where event.least <= input.n
  return { heard: heard.what }
}
workflow limited {
  input n: int
  sleep 2s
}
workflow one {
  input n: int
  step a: work { value = input.n }
}
"#;

fn limited(limit: u32) -> impl Fn(&mut Plan) {
    move |plan| {
        let key = stepwell::lang::parse_expr("input.n % 2 == 0", 0).0.unwrap();
        plan.concurrency = Some(Concurrency { key, limit, otherwise: Overflow::Queue });
    }
}

fn rated(count: u32) -> impl Fn(&mut Plan) {
    move |plan| {
        let step = plan.nodes.iter_mut().find_map(|node| match &mut node.kind {
            NodeKind::Step(step) => Some(step),
            _ => None,
        });
        if let Some(step) = step {
            step.rarely.rate = Some(RatePolicy { name: "calls".into(), count, per_ms: 10_000 });
        }
    }
}

/// A world of two nodes.
struct Pair {
    world: World,
    nodes: [Arc<Node>; 2],
}

impl Pair {
    async fn start(change: impl Fn(&mut Plan)) -> Self {
        Self::with(World::new(1, true, Crashes::Never), Arc::new(NoFaults), change).await
    }

    /// Two nodes that don't nudge each other.
    async fn deaf() -> Self {
        let world = World::new(1, true, Crashes::Never);
        compiled(TEXT).iter().for_each(|plan| world.store.publish(plan));
        let ports = || Ports { nudges: Arc::new(NoNudges), ..world.ports() };
        let first = join("first", world.options(), ports()).await;
        let second = join("second", world.options(), ports()).await;
        Self { world, nodes: [first, second] }.shared().await
    }

    /// The second node suffers faults of its own.
    async fn with(world: World, faults: Arc<dyn Faults>, change: impl Fn(&mut Plan)) -> Self {
        for plan in compiled(TEXT) {
            let mut plan = (*plan).clone();
            if matches!(&*plan.workflow, "limited" | "one") {
                change(&mut plan);
            }
            world.store.publish(&Arc::new(plan));
        }
        let first = join("first", world.options(), Ports { faults: Arc::new(NoFaults), ..world.ports() }).await;
        let second = join("second", world.options(), Ports { faults, ..world.ports() }).await;
        Self { world, nodes: [first, second] }.shared().await
    }

    /// Waits until each node has its share.
    async fn shared(self) -> Self {
        self.until("each has its share", || self.owned("first") == 32 && self.owned("second") == 32).await;
        self
    }

    fn owned(&self, node: &str) -> usize {
        self.world.shares().get(node).copied().unwrap_or(0)
    }

    async fn until(&self, what: &str, is: impl Fn() -> bool) {
        for _ in 0..6_000 {
            if is() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("waited in vain: {what}");
    }

    /// Starts an execution at a node: it is that one's.
    async fn run(&self, node: usize, workflow: &str, n: i64) -> ExecutionId {
        self.world.start_at(&self.nodes[node], workflow, n).await
    }

    fn status(&self, id: ExecutionId) -> ExecutionStatus {
        self.world.find(id).unwrap().status
    }

    fn controls(&self, id: ExecutionId) -> usize {
        self.world.store.rows().controls.keys().filter(|(of, _)| *of == id).count()
    }

    async fn all_end(&self, node: usize, ids: &[ExecutionId]) {
        for id in ids {
            let ended = self.nodes[node].wait_ended(*id, Duration::from_secs(600)).await.unwrap().has_ended();
            assert!(ended, "{:?}", self.world.find(*id));
        }
    }

    /// The most of these that ran at once.
    fn most_at_once(&self, ids: &[ExecutionId]) -> usize {
        let spans: Vec<_> = ids
            .iter()
            .map(|id| {
                let execution = self.world.find(*id).unwrap();
                (execution.started_at.unwrap(), execution.completed_at.unwrap())
            })
            .collect();
        let at = |moment| spans.iter().filter(|(from, to)| *from <= moment && moment < *to).count();
        spans.iter().map(|(from, _)| at(*from)).max().unwrap_or(0)
    }
}

fn is_dead(node: &Node) -> bool {
    node.stopped().now_or_never().is_some()
}

async fn join(owner: &str, options: Options, ports: Ports) -> Arc<Node> {
    Node::start(Options { owner: owner.to_owned(), lease: Some(LEASE), ..options }, ports).await.unwrap()
}

fn told(n: i64) -> Control {
    let data = Value::object([("n", Value::Int(n))]);
    Control::Signal { id: format!("told {n}").into(), name: "told".into(), data }
}

fn cancel() -> Control {
    Control::Cancel { reason: "enough".into(), undo: true }
}

fn free(_: &mut Plan) {}

#[test]
fn what_is_asked_of_one_node_is_done_by_the_other_and_told_to_who_asked() {
    simulate(async {
        let pair = Pair::start(free).await;
        let [_, other] = &pair.nodes;
        let ids = [pair.run(0, "listens", 1).await, pair.run(0, "listens", 2).await];
        other.control(ids[0], Control::Pause).await.unwrap();
        assert_eq!(pair.status(ids[0]), ExecutionStatus::Paused, "it is written when it is answered");
        let refused = other.control(ids[0], Control::Pause).await.unwrap_err();
        assert!(
            matches!(&refused, RuntimeError::Refused(refusal) if refusal.to_string().contains("paused")),
            "{refused}"
        );
        other.control(ids[0], Control::Resume).await.unwrap();
        other.control(ids[0], told(1)).await.unwrap();
        let ended = other.wait_ended(ids[0], Duration::from_secs(5)).await.unwrap().has_ended();
        assert!(ended, "{:?}", pair.world.store.rows().history(ids[0]));
        assert_eq!(pair.status(ids[0]), ExecutionStatus::Completed);
        other.control(ids[1], cancel()).await.unwrap();
        assert!(other.wait_ended(ids[1], Duration::from_secs(5)).await.unwrap().has_ended());
        assert_eq!(pair.status(ids[1]), ExecutionStatus::Cancelled);
        let nobody = pair.nodes[0].entropy().execution_id(pair.world.clock.now());
        let unknown = other.control(nobody, cancel()).await.unwrap_err();
        assert!(matches!(unknown, RuntimeError::NotFound(id) if id == nobody), "{unknown}");
        assert!(pair.world.store.rows().inbox.is_empty(), "replies are taken");
        pair.world.check();
    });
}

#[test]
fn without_a_nudge_a_message_is_found_within_a_second() {
    simulate(async {
        let pair = Pair::deaf().await;
        let id = pair.run(0, "listens", 1).await;
        let began = pair.world.clock.now();
        pair.nodes[1].control(id, cancel()).await.unwrap();
        let took = pair.world.clock.now().since_ms(began);
        assert!(took < 1_500, "it took {took} ms");
        assert_eq!(pair.status(id), ExecutionStatus::Cancelled);
    });
}

#[test]
fn an_event_sent_to_either_node_is_taken_once_wherever_the_wait_is() {
    simulate(async {
        let pair = Pair::start(free).await;
        let mut ids = Vec::new();
        for (node, n) in [(0, 5), (1, 5), (0, 1), (1, 9)] {
            ids.push(pair.run(node, "hears", n).await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let news = |what: &str| Value::object([("what", Value::str(what)), ("least", Value::Int(5))]);
        let mut taken = Vec::new();
        for (node, id) in [(0, "a"), (1, "b"), (1, "c"), (0, "a"), (1, "a")] {
            taken.extend(pair.world.send(&pair.nodes[node], "news", id, news(id)).await);
        }
        let took: Vec<ExecutionId> = taken.iter().map(|delivery| delivery.execution).collect();
        assert_eq!(took, [ids[0], ids[1], ids[3]], "the oldest that fits, whichever node it is on");
        pair.all_end(0, &[ids[0], ids[1], ids[3]]).await;
        // What nobody takes is kept for a wait that opens at either node.
        pair.world.send(&pair.nodes[0], "news", "d", news("d")).await;
        pair.world.send(&pair.nodes[0], "news", "e", news("e")).await;
        let late = [pair.run(0, "hears", 7).await, pair.run(1, "hears", 7).await];
        pair.all_end(1, &late).await;
        assert_eq!(pair.status(ids[2]), ExecutionStatus::Running);
        pair.world.check();
    });
}

#[test]
fn a_limit_holds_over_both_nodes_and_everybody_gets_a_turn() {
    for (limit, most) in [(1, 1), (2, 2), (100, 8)] {
        simulate(async {
            let pair = Pair::start(limited(limit)).await;
            let mut ids = Vec::new();
            for n in 0..8 {
                ids.push(pair.run(n % 2, "limited", 2 * n as i64).await);
            }
            pair.all_end(0, &ids).await;
            assert_eq!(pair.most_at_once(&ids), most, "limit {limit}");
            pair.world.check();
        });
    }
}

#[test]
fn a_limit_holds_while_its_group_changes_hands() {
    for seed in 0..12 {
        simulate(async {
            let world = World::new(seed, true, Crashes::Never);
            world.store.set_faults(StoreFaults { failing: 50, slowness: 5_000 });
            let crashes = Arc::new(Crashes::random(seed, 20, 1));
            let pair = Pair::with(world, crashes, limited(1)).await;
            let mut ids = Vec::new();
            for n in 0..8 {
                let node = if is_dead(&pair.nodes[1]) { 0 } else { n % 2 };
                let start = pair.run(node, "limited", 2 * n as i64);
                match tokio::time::timeout(Duration::from_secs(2), start).await {
                    Ok(id) => ids.push(id),
                    Err(_) => assert!(is_dead(&pair.nodes[1])),
                }
                if n == 4 {
                    pair.nodes[1].kill();
                }
            }
            pair.all_end(0, &ids).await;
            assert_eq!(pair.most_at_once(&ids), 1, "seed {seed}");
            pair.world.check();
        });
    }
}

#[test]
fn never_more_are_dispatched_by_both_nodes_than_the_rate_allows() {
    for (count, most) in [(3, 3), (100, 8)] {
        simulate(async {
            let pair = Pair::start(rated(count)).await;
            let mut ids = Vec::new();
            for n in 0..8 {
                ids.push(pair.run(n % 2, "one", n as i64).await);
            }
            tokio::time::sleep(Duration::from_secs(9)).await;
            assert_eq!(pair.world.queue.dispatched().len(), most, "of {count}");
            pair.all_end(0, &ids).await;
            pair.world.check();
        });
    }
}

#[test]
fn a_message_outlives_the_node_that_it_was_for_and_is_done_once() {
    // Before anything is read of it, before its commit, and after.
    let points = [None, Some(CrashPoint::BeforeCommit), Some(CrashPoint::AfterCommit), Some(CrashPoint::AfterAck)];
    for point in points {
        simulate(async {
            let crash = Arc::new(Later::default());
            let pair = Pair::with(World::new(1, true, Crashes::Never), crash.clone(), free).await;
            let id = pair.run(1, "listens", 1).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            match point {
                None => pair.nodes[1].kill(),
                Some(point) => crash.arm(point),
            }
            pair.nodes[0].control(id, Control::Pause).await.unwrap();
            assert!(is_dead(&pair.nodes[1]));
            pair.until("the first node has taken over", || pair.owned("first") == 64).await;
            assert_eq!((pair.status(id), pair.controls(id)), (ExecutionStatus::Paused, 1), "{point:?}");
            pair.nodes[0].control(id, Control::Resume).await.unwrap();
            pair.nodes[0].control(id, told(1)).await.unwrap();
            pair.all_end(0, &[id]).await;
            assert!(pair.world.store.rows().inbox.is_empty());
            pair.world.check();
        });
    }
}

#[test]
fn an_event_outlives_the_node_of_its_name() {
    simulate(async {
        let pair = Pair::start(free).await;
        let id = pair.run(0, "hears", 5).await;
        // Of two names one is the second node's, or the test says nothing.
        let owner = pair.world.store.rows().owners[&event_partition("news")].clone();
        let (left, gone) = if owner == "second" { (0, 1) } else { (1, 0) };
        pair.nodes[gone].kill();
        let data = Value::object([("what", Value::str("it")), ("least", Value::Int(0))]);
        let taken = pair.world.send(&pair.nodes[left], "news", "a", data).await;
        assert_eq!(taken.len(), 1, "the one that is left takes the name over, and the wait");
        pair.all_end(left, &[id]).await;
        pair.world.check();
    });
}

#[test]
fn a_slot_that_is_left_at_one_node_is_taken_at_the_other_after_its_group_moved() {
    simulate(async {
        let pair = Pair::start(limited(1)).await;
        let (_, version) = pair.world.store.workflow("limited");
        let group = SlotGroup { workflow: pair.world.store.workflow("limited").0.id, key: "true".into() };
        assert!(version.plan.concurrency.is_some());
        let owner = pair.world.store.rows().owners[&group.partition()].clone();
        let (left, gone) = if owner == "second" { (0, 1) } else { (1, 0) };
        let mut ids = Vec::new();
        for n in 0..4 {
            ids.push(pair.run(left, "limited", 2 * n).await);
        }
        pair.nodes[gone].kill();
        pair.all_end(left, &ids).await;
        assert_eq!(pair.most_at_once(&ids), 1);
        pair.world.check();
    });
}

#[test]
fn what_nobody_answers_in_time_is_taken_back_and_never_done() {
    simulate(async {
        let pair = Pair::start(free).await;
        let id = pair.run(1, "listens", 1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        // The node is dead, and still its leases don't lapse.
        pair.nodes[1].kill();
        pair.world.store.node_renew("second", Duration::from_secs(3_600)).await.unwrap();
        let error = pair.nodes[0].control(id, cancel()).await.unwrap_err();
        assert!(error.to_string().contains("nothing was done"), "{error}");
        assert!(pair.world.store.rows().inbox.is_empty());
        assert_eq!(pair.controls(id), 0);
    });
}

/// A crash that is armed while the node runs.
#[derive(Default)]
struct Later(std::sync::Mutex<Option<CrashPoint>>);

impl Later {
    fn arm(&self, point: CrashPoint) {
        *self.0.lock().unwrap() = Some(point);
    }
}

impl Faults for Later {
    fn crash(&self, at: CrashPoint) -> bool {
        self.0.lock().unwrap().take_if(|point| *point == at).is_some()
    }
}
