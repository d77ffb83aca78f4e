//! What holds of leases in every queue: who gets what, and that a claim is its worker's for as long as its lease and no longer.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use stepwell::queue::{LocalQueue, RedisLeases};
use stepwell::service::ports::{AttemptKey, Dispatcher, Lease, Task, TaskLeases, TaskOutcome, Wanted};

use crate::queue::{Queue, all_partitions, claim, key, outcome, outcomes, receipts, task, waits};
use crate::support::redis::Redis;

fn of_type(n: u128, task_type: &str) -> Task {
    Task { task_type: task_type.into(), ..task(n) }
}

fn wants(task_types: &[&str]) -> Wanted {
    Wanted { task_types: task_types.iter().map(|name| (*name).to_owned()).collect(), ..Wanted::default() }
}

/// Both queues, each with two processes' sides of its workers elsewhere.
async fn each() -> [(Queue, [Arc<dyn TaskLeases>; 2]); 2] {
    let local = LocalQueue::new();
    let options = Redis::shared().options();
    let first = RedisLeases::connect(&options).await.unwrap();
    let second = RedisLeases::connect(&options).await.unwrap();
    [(Queue::Local(local.clone()), [local.clone(), local]), (Queue::redis(options).await, [first, second])]
}

async fn lease(leases: &dyn TaskLeases, wanted: &Wanted, seconds: u64) -> (Task, Lease) {
    let asked = async {
        loop {
            if let Some(one) = leases.lease(wanted, 1, seconds).await.unwrap().pop() {
                return one;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asked).await.expect("no task came")
}

/// Looks for lapsed claims, as the owner does, until there are some.
async fn lapsed(owner: &dyn Dispatcher) -> Vec<AttemptKey> {
    let looked = async {
        loop {
            let lapsed = owner.lapsed().await.unwrap();
            if !lapsed.is_empty() {
                return lapsed;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), looked).await.expect("nothing lapsed")
}

#[tokio::test]
async fn a_task_goes_to_those_who_can_do_it_and_to_nobody_else() {
    for (queue, [leases, _]) in each().await {
        let (ours, theirs) = (wants(&["http_request"]), wants(&["geo.lookup"]));
        queue.owner().dispatch(vec![of_type(1, "geo.lookup"), of_type(2, "http_request")]).await.unwrap();
        let worker = queue.worker_for(ours).await;
        assert_eq!(claim(&*worker, 1).await[0].task, of_type(2, "http_request"));
        assert!(waits(worker.claim(1)).await, "the other task is in its queue, and not of its type");
        assert_eq!(lease(&*leases, &theirs, 30).await.0, of_type(1, "geo.lookup"));
        assert!(waits(leases.lease(&theirs, 1, 30)).await);
    }
}

#[tokio::test]
async fn a_lease_names_its_queues_as_well() {
    for (queue, [leases, _]) in each().await {
        let near = Task { queue: "near".into(), ..of_type(1, "geo.lookup") };
        let far = Task { queue: "far".into(), ..of_type(2, "geo.lookup") };
        queue.owner().dispatch(vec![near.clone(), far]).await.unwrap();
        let wanted = Wanted { queues: vec!["near".to_owned()], ..wants(&["geo.lookup"]) };
        assert_eq!(lease(&*leases, &wanted, 30).await.0, near);
        assert!(waits(leases.lease(&wanted, 1, 30)).await);
    }
}

#[tokio::test]
async fn whoever_waits_hears_of_a_type_that_is_new() {
    for (queue, [leases, _]) in each().await {
        let wanted = wants(&["geo.lookup"]);
        let sent = async {
            tokio::task::yield_now().await;
            queue.owner().dispatch(vec![of_type(1, "geo.lookup")]).await.unwrap();
        };
        let (leased, ()) = tokio::join!(lease(&*leases, &wanted, 30), sent);
        assert_eq!(leased.0, of_type(1, "geo.lookup"));
    }
}

#[tokio::test]
async fn a_lease_can_be_spoken_for_at_any_process_and_is_settled_once() {
    for (queue, [here, there]) in each().await {
        queue.owner().dispatch(vec![of_type(1, "geo.lookup")]).await.unwrap();
        let (task, lease) = lease(&*here, &wants(&["geo.lookup"]), 30).await;
        assert_eq!(there.renew(std::slice::from_ref(&lease)).await.unwrap(), [true]);
        assert!(there.stands(&lease).await.unwrap());
        let result = vec![(outcome(&task), lease.clone())];
        assert_eq!(there.settle(result.clone()).await.unwrap(), [true]);
        assert_eq!(outcomes(queue.owner(), 1).await[0].outcome, outcome(&task));
        assert_eq!(here.settle(result).await.unwrap(), [false], "it was settled before");
        assert_eq!(here.renew(std::slice::from_ref(&lease)).await.unwrap(), [false]);
        assert!(!here.stands(&lease).await.unwrap());
    }
}

#[tokio::test]
async fn a_lease_that_nobody_speaks_for_lapses_and_is_then_nobodys() {
    for (queue, [leases, _]) in each().await {
        queue.owner().dispatch(vec![of_type(1, "geo.lookup"), of_type(2, "geo.lookup")]).await.unwrap();
        let wanted = wants(&["geo.lookup"]);
        let (task, short) = lease(&*leases, &wanted, 1).await;
        let (_, long) = lease(&*leases, &wanted, 600).await;
        assert_eq!(lapsed(queue.owner()).await, [key(&task)], "the one whose time is over alone");
        assert_eq!(leases.renew(&[short.clone(), long.clone()]).await.unwrap(), [false, true]);
        assert_eq!(leases.settle(vec![(outcome(&task), short)]).await.unwrap(), [false], "a late word changes nothing");
        let lost = outcomes(queue.owner(), 1).await;
        assert_eq!(lost[0].outcome, TaskOutcome::lost(key(&task)), "its owner is told once");
        assert!(waits(queue.owner().outcomes(1)).await);
        queue.owner().ack(receipts(&lost)).await.unwrap();
        assert_eq!(queue.owner().held(&all_partitions()).await.unwrap(), HashSet::from([long.key]));
    }
}

#[tokio::test]
async fn a_lease_that_is_renewed_outlives_its_length() {
    for (queue, [leases, _]) in each().await {
        queue.owner().dispatch(vec![of_type(1, "geo.lookup"), of_type(2, "geo.lookup")]).await.unwrap();
        let wanted = wants(&["geo.lookup"]);
        let (_, kept) = lease(&*leases, &wanted, 3).await;
        let (dropped, _) = lease(&*leases, &wanted, 3).await;
        let beats = async {
            loop {
                assert_eq!(leases.renew(std::slice::from_ref(&kept)).await.unwrap(), [true]);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = beats => {}
            found = lapsed(queue.owner()) => assert_eq!(found, [key(&dropped)]),
        }
    }
}

#[tokio::test]
async fn a_steps_heartbeat_makes_its_lease_shorter() {
    for (queue, [leases, _]) in each().await {
        let quick = Task { heartbeat_ms: Some(700), ..of_type(1, "geo.lookup") };
        queue.owner().dispatch(vec![quick.clone()]).await.unwrap();
        let (_, short) = lease(&*leases, &wants(&["geo.lookup"]), 600).await;
        assert_eq!(short.seconds, 1);
        assert_eq!(lapsed(queue.owner()).await, [key(&quick)]);
    }
}

#[tokio::test]
async fn a_poll_that_is_given_up_takes_nothing() {
    for (queue, [leases, other]) in each().await {
        let wanted = wants(&["geo.lookup"]);
        assert!(waits(leases.lease(&wanted, 1, 600)).await);
        queue.owner().dispatch(vec![of_type(1, "geo.lookup")]).await.unwrap();
        assert_eq!(lease(&*other, &wanted, 600).await.0, of_type(1, "geo.lookup"));
    }
}

#[tokio::test]
async fn a_receipt_of_a_process_before_is_not_taken_for_one_of_this_one() {
    for (queue, [leases, _]) in each().await {
        queue.owner().dispatch(vec![of_type(1, "geo.lookup")]).await.unwrap();
        let (_, lease) = lease(&*leases, &wants(&["geo.lookup"]), 30).await;
        let forged = Lease { receipt: stepwell::service::ports::Receipt("nonsense".into()), ..lease.clone() };
        assert_eq!(leases.renew(&[forged]).await.unwrap(), [false]);
        if matches!(queue, Queue::Local(_)) {
            // Its receipts are numbers, and begin again with each process.
            let before = Lease { key: key(&of_type(7, "geo.lookup")), ..lease };
            assert_eq!(leases.renew(&[before]).await.unwrap(), [false]);
        }
    }
}
