//! What a step costs by the size of its plan, and W1 on one processor and on two.

use serde_json::json;

use crate::backend::Bench;
use crate::flows::{payload, sequence};
use crate::http::Client;
use crate::load::{closed_loop, run_to_end, start_request};
use crate::process::{How, Server};
use crate::report::Point;
use crate::sequence::{stand, steps};

/// Steps of a sequence.
const PLANS: [usize; 4] = [10, 100, 1_000, 5_000];

/// How many of these run at once: few, since all that were begun are waited for.
const IN_FLIGHT: usize = 16;

pub async fn plans(bench: &mut Bench) {
    let mut points = Vec::new();
    for number in PLANS {
        let number = if number == PLANS[0] { number } else { bench.options.scaled(number) };
        let stand = bench.stand(&[("long", &sequence("long", number))]).await;
        let server = Server::start(&stand).await;
        let start = start_request("long", &json!({ "payload": payload() }));
        let work = async |client: &mut Client| run_to_end(client, &start).await.map(|_| number as u64);
        let load = closed_loop(&server, IN_FLIGHT, bench.options.short(), work).await;
        server.stop();
        assert_eq!(stand.completed_steps().await, load.done, "every step that was acknowledged is a row");
        points.push(Point::of(number, &load));
    }
    bench.report.curve(bench.backend.title(), "steps in the plan", points);
}

pub async fn cores(bench: &mut Bench) {
    let on = bench.backend.title();
    for in_flight in [64, 512] {
        let mut points = Vec::new();
        for (number, cores) in [(1, "0"), (2, "0,1")] {
            let stand = stand(bench).await;
            let server = Server::start_as(&stand, How { cores: Some(cores), ..How::default() }).await;
            points.push(Point::of(number, &steps(&server, in_flight, bench.options.short()).await));
            server.stop();
        }
        let more = points[1].per_second / points[0].per_second;
        let what = format!("W1 with {in_flight} in flight: two processors for the server against one");
        bench.report.row(on, "cores", what, more, "times", None);
        bench.report.curve(on, &format!("processors of the server, {in_flight} in flight"), points);
    }
}
