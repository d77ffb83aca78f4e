//! Several servers and two processes of workers over one PostgreSQL and one Redis, under load: one is killed, one stands still,
//! one joins, one leaves. Every execution ends, each of its steps is recorded once, and the rest take over in time.

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::DatabaseConnection;

use super::load::{STEPS, progress, publish, start_at};
use super::record::{Record, get, rows};
use super::stub::Stub;
use crate::e2e::server::{Backend, Program, Setup, TestServer};

/// How many executions there are.
const EXECUTIONS: usize = 60;

/// How soon the rest are to have taken over from a server that dies, in microseconds.
const SOON: i64 = 5_000_000;

/// Servers under load.
struct Cluster {
    stub: Stub,
    server: TestServer,
    others: Vec<(Program, String)>,
    database: DatabaseConnection,
    ids: Vec<String>,
}

impl Cluster {
    /// This many servers that share the partitions, and executions that run, some started at each.
    async fn start(servers: usize) -> Self {
        let (stub, server) = (Stub::start(), Setup::on(Backend::Servers).concurrency(EXECUTIONS).start().await);
        let others = (1..servers).map(|_| server.start_another()).collect();
        let database = server.database().await;
        let mut cluster = Self { stub, server, others, database, ids: Vec::new() };
        cluster.shared_by(servers).await;
        publish(&cluster.server).await;
        let first = cluster.server.url("");
        let bases =
            std::iter::once(first).chain(cluster.others.iter().map(|(_, base)| base.clone())).collect::<Vec<_>>();
        for base in &bases {
            cluster.server.talk_to(base);
            cluster.ids.extend(start_at(&cluster.server, &cluster.stub, EXECUTIONS / servers).await);
        }
        cluster.server.talk_to(&bases[0]);
        cluster
    }

    /// Waits until this many servers have their share of the partitions.
    async fn shared_by(&self, servers: usize) {
        let share = 64 / servers - 2..=64_usize.div_ceil(servers);
        let look = async |_: &TestServer| {
            let shares = shares(&self.database).await;
            (shares.len() == servers && shares.values().all(|held| share.contains(held))).then_some(())
        };
        self.server.until("the partitions are shared", look).await;
    }

    /// Waits until every execution has done a step more than it had by this record.
    async fn progress(&self, since: &Record) {
        progress(&self.server, &self.ids, since, EXECUTIONS).await;
    }

    /// Waits until every execution has ended, and holds that each of its steps is recorded once.
    async fn all_end(&self) -> Record {
        let left = "SELECT COUNT(*) AS number FROM workflow_executions WHERE status <> 'completed'";
        let look = async |_: &TestServer| {
            let number: i64 = get(&rows(&self.database, left).await[0], "number");
            (number == 0).then_some(())
        };
        self.server.until("every execution completes", look).await;
        let end = Record::read(&self.database).await;
        end.assert_each_step_once(&self.ids, STEPS, &self.stub.keys());
        end
    }
}

/// How many partitions each node holds, by its name.
async fn shares(database: &DatabaseConnection) -> BTreeMap<String, usize> {
    let held = "SELECT owner, COUNT(*) AS held FROM partitions WHERE owner <> '' GROUP BY owner";
    let shares = rows(database, held).await;
    shares.iter().map(|row| (get(row, "owner"), get::<i64>(row, "held") as usize)).collect()
}

/// What a server's node is called.
async fn node_of(database: &DatabaseConnection, program: &Program) -> String {
    let all: Vec<String> = rows(database, "SELECT id FROM nodes").await.iter().map(|row| get(row, "id")).collect();
    let mark = format!("-{}-", program.pid());
    all.into_iter().find(|name| name.contains(&mark)).expect("it has joined")
}

/// Waits until a node holds nothing; how long after it was last heard of the last of its partitions was taken, by the
/// database's clock, in microseconds.
async fn taken_over(server: &TestServer, database: &DatabaseConnection, node: &str) -> i64 {
    let held = rows(database, &format!("SELECT id FROM partitions WHERE owner = '{node}'")).await;
    let held: Vec<String> = held.iter().map(|row| get::<i16>(row, "id").to_string()).collect();
    assert!(!held.is_empty(), "{node} held nothing");
    let held = held.join(", ");
    let look = async |_: &TestServer| {
        let left = format!("SELECT id FROM partitions WHERE id IN ({held}) AND owner IN ('', '{node}')");
        rows(database, &left).await.is_empty().then_some(())
    };
    server.until("the rest take over", look).await;
    let late = format!(
        "SELECT (SELECT MAX(taken_at) FROM partitions WHERE id IN ({held})) - renewed_at AS late FROM nodes WHERE id = '{node}'"
    );
    get(&rows(database, &late).await[0], "late")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rest_take_over_from_a_server_that_is_killed() {
    let mut cluster = Cluster::start(3).await;
    cluster.progress(&Record::default()).await;
    let (killed, _) = cluster.others.remove(0);
    let node = node_of(&cluster.database, &killed).await;
    killed.signal("KILL");
    let late = taken_over(&cluster.server, &cluster.database, &node).await;
    assert!(late <= SOON, "it took {late} \u{b5}s");
    let before = Record::read(&cluster.database).await;
    assert!(before.done() < EXECUTIONS * STEPS, "the kill came too late");
    let end = cluster.all_end().await;
    assert_eq!(before.changed_in(&end), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stood_still_writes_nothing_stale_and_joins_again() {
    let mut cluster = Cluster::start(3).await;
    cluster.progress(&Record::default()).await;
    let (frozen, _) = cluster.others.remove(0);
    let node = node_of(&cluster.database, &frozen).await;
    frozen.signal("STOP");
    taken_over(&cluster.server, &cluster.database, &node).await;
    cluster.progress(&Record::read(&cluster.database).await).await;
    let before = Record::read(&cluster.database).await;
    frozen.signal("CONT");
    cluster.shared_by(3).await;
    assert!(shares(&cluster.database).await.contains_key(&node), "it joined again");
    let end = cluster.all_end().await;
    assert_eq!(before.changed_in(&end), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_joins_gets_its_share_and_one_that_leaves_hands_over_at_once_and_nothing_is_made_again() {
    let mut cluster = Cluster::start(2).await;
    cluster.progress(&Record::default()).await;
    let joined = cluster.server.start_another();
    cluster.shared_by(3).await;
    cluster.ids.extend(start_at(&cluster.server, &cluster.stub, EXECUTIONS).await);
    cluster.progress(&Record::read(&cluster.database).await).await;
    let (leaving, _) = cluster.others.remove(0);
    let node = node_of(&cluster.database, &leaving).await;
    leaving.signal("TERM");
    let ended = tokio::task::spawn_blocking(move || leaving.wait());
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends").unwrap(), 0);
    assert_eq!(shares(&cluster.database).await.get(&node), None, "it gave everything back before it was gone");
    cluster.shared_by(2).await;
    let end = cluster.all_end().await;
    assert!(end.0.keys().all(|(.., attempt)| *attempt == 1), "an attempt was lost");
    drop(joined);
}
