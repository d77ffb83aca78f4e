//! W8: executions that ended long ago, W1 among them, and how long a list takes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, Statement};
use serde_json::json;

use crate::backend::{Bench, Stand};
use crate::flows::{ONE, STEPS, payload, sequence};
use crate::http::{Client, get, text_field};
use crate::load::{run_to_end, start_request};
use crate::process::Server;
use crate::raw::quantile;
use crate::report::{Goal, Point};
use crate::sequence::steps;

/// How many have ended before, and on the way there.
const ENDED: [usize; 3] = [20_000, 200_000, 2_000_000];

/// How many rows a statement makes.
const CHUNK: usize = 100_000;

/// How many clients W1 has.
const IN_FLIGHT: usize = 64;

/// How often each list is asked for, unless it takes too long.
const REQUESTS: usize = 300;

/// How long each list is asked for at most.
const PATIENCE: Duration = Duration::from_secs(5);

pub async fn run(bench: &mut Bench) {
    let stand = bench.stand(&[("ten", &sequence("ten", STEPS)), ("one", ONE)]).await;
    let server = Server::start(&stand).await;
    let mut client = Client::connect(server.address).await.unwrap();
    let template = run_to_end(&mut client, &start_request("one", &json!({ "payload": payload() }))).await.unwrap();
    let template = text_field(&template, "id").unwrap().to_owned();
    let alone = steps(&server, IN_FLIGHT, bench.options.time).await;
    server.stop();

    let (mut ended, mut ran, mut last) = (0, alone.done, alone.per_second());
    let mut points = vec![Point::of(0, &alone)];
    let most = bench.options.scaled(ENDED[ENDED.len() - 1]);
    for wanted in ENDED {
        let wanted = bench.options.scaled(wanted);
        fill(&stand, &template, ended, wanted).await;
        ended = wanted;
        let server = Server::start(&stand).await;
        let load =
            steps(&server, IN_FLIGHT, if wanted == most { bench.options.time } else { bench.options.short() }).await;
        points.push(Point::of(ended, &load));
        (ran, last) = (ran + load.done, load.per_second());
        if wanted == most {
            lists(bench, &server, &template).await;
        }
        server.stop();
    }
    let counted = stand.executions("completed").await;
    assert_eq!(counted, ended as u64 + ran / STEPS as u64 + 1, "what was put there and what ran");
    let on = bench.backend.title();
    let falls = (1.0 - last / alone.per_second()) * 100.0;
    let what = format!("W1 with {IN_FLIGHT} in flight falls by, with {ended} ended executions in the database");
    bench.report.row(on, "W8", what, falls, "%", Some(Goal::AtMost(10.0)));
    bench.report.curve(on, "ended executions", points);
}

/// Copies an execution that ran, and its steps, until there are so many, each with an id and a time of its own.
async fn fill(stand: &Stand, template: &str, from: usize, to: usize) {
    let database = stand.database().await;
    let sqlite = database.get_database_backend() == DbBackend::Sqlite;
    let hurry = if sqlite { "PRAGMA synchronous = OFF" } else { "SET synchronous_commit = off" };
    database.execute_unprepared(hurry).await.unwrap();
    let template = if sqlite { format!("x'{}'", template.replace('-', "")) } else { format!("'{template}'") };
    for (table, id) in [("workflow_executions", "id"), ("step_executions", "execution_id")] {
        let columns = columns(&database, table).await;
        let copy: Vec<String> = columns.iter().map(|column| copied(column, id, sqlite)).collect();
        for first in (from..to).step_by(CHUNK) {
            let last = to.min(first + CHUNK) - 1;
            let numbers = if sqlite {
                format!(
                    "(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT i FROM n)"
                )
            } else {
                format!("(SELECT generate_series({first}::bigint, {last}::bigint) AS i)")
            };
            let sql = format!(
                "INSERT INTO {table} ({}) SELECT {} FROM {numbers} AS n, {table} AS t WHERE t.{id} = {template}",
                columns.join(", "),
                copy.join(", ")
            );
            database.execute_unprepared(&sql).await.unwrap();
        }
    }
    let settle: &[&str] = if sqlite { &["PRAGMA wal_checkpoint(TRUNCATE)"] } else { &["VACUUM ANALYZE", "CHECKPOINT"] };
    for statement in settle {
        database.execute_unprepared(statement).await.unwrap();
    }
    stand.sync();
}

async fn columns(database: &DatabaseConnection, table: &str) -> Vec<String> {
    let backend = database.get_database_backend();
    let sql = match backend {
        DbBackend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
        _ => format!("SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = '{table}'"),
    };
    let rows = database.query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
    rows.iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

/// What a column of the copy of number `i` holds: a hundred executions a millisecond, the first of them a day ago.
fn copied(column: &str, id: &str, sqlite: bool) -> String {
    let day_ago = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 86_400 * 86_400 - 86_400;
    let millisecond = format!("({day_ago}000 + i / 100)");
    match column {
        _ if column == id && sqlite => format!("unhex(printf('%012x70008%015x', {millisecond}, i))"),
        _ if column == id => {
            format!("(lpad(to_hex({millisecond}), 12, '0') || '70008' || lpad(to_hex(i), 15, '0'))::uuid")
        }
        "created_at" | "started_at" => format!("{millisecond} * 1000"),
        "completed_at" => format!("{millisecond} * 1000 + 5000"),
        column => format!("t.{column}"),
    }
}

/// Where the second page of all executions begins.
async fn page_of(client: &mut Client) -> String {
    let page = client.send(&get("/api/v1/executions")).await.unwrap().good().unwrap();
    text_field(page, "next").unwrap().to_owned()
}

/// Asks for each list over and over.
async fn lists(bench: &mut Bench, server: &Server, template: &str) {
    let on = bench.backend.title();
    let mut client = Client::connect(server.address).await.unwrap();
    let mut worst = 0.0_f64;
    for path in [
        "/executions".to_owned(),
        "/executions?status=completed".to_owned(),
        "/executions?status=failed".to_owned(),
        "/executions?status=running".to_owned(),
        "/executions?workflow=one".to_owned(),
        "/executions?workflow=ten&status=completed".to_owned(),
        format!("/executions?cursor={}", page_of(&mut client).await),
        "/executions?offset=1000".to_owned(),
        "/executions?created_from=2020-01-01T00:00:00Z&created_to=2100-01-01T00:00:00Z".to_owned(),
        format!("/executions/{template}/steps"),
        format!("/executions/{template}/logs"),
        "/approvals".to_owned(),
        "/workflows".to_owned(),
    ] {
        let request = get(&format!("/api/v1{path}"));
        let (began, mut times) = (Instant::now(), Vec::new());
        while times.len() < REQUESTS && began.elapsed() < PATIENCE {
            let began = Instant::now();
            client.send(&request).await.unwrap().good().unwrap();
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let (asked, p50, p99) = (times.len(), quantile(&mut times, 0.5), quantile(&mut times, 0.99));
        let path = path.replace(template, "ID");
        bench.report.note(on, "W8", format!("`{path}`: p50 {p50:.2} ms, p99 {p99:.2} ms of {asked}"));
        worst = worst.max(p99);
    }
    let goal = Some(Goal::AtMost(10.0));
    bench.report.row(on, "W8", "the slowest list, p99", worst, "ms", goal);
}
