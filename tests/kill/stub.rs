//! An endpoint in this process, which no test kills: it answers after 50 to 500 ms, by a seed, and never the same twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use poem::http::HeaderMap;
use poem::listener::TcpAcceptor;
use poem::web::{Data, Json};
use poem::{EndpointExt, Route, Server, handler};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

/// What the answers' times begin from.
const SEED: u64 = 0x5EED;

/// The endpoint, until it is dropped.
pub struct Stub {
    /// Its address.
    pub url: String,
    calls: Arc<Calls>,
    serving: AbortHandle,
}

/// The `Idempotency-Key` of each call, in their order: the number of a call is its nonce.
#[derive(Default)]
struct Calls(Mutex<Vec<String>>);

impl Stub {
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/answer", listener.local_addr().unwrap());
        let calls = Arc::new(Calls::default());
        let app = Route::new().at("/answer", answer.data(calls.clone()));
        let server = Server::new_with_acceptor(TcpAcceptor::from_std(listener).unwrap());
        let serving = tokio::spawn(async move { server.run(app).await.unwrap() }).abort_handle();
        Self { url, calls, serving }
    }

    /// The key that the call of each nonce came with.
    pub fn keys(&self) -> HashMap<u64, String> {
        (0..).zip(self.calls.0.lock().unwrap().iter().cloned()).collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[handler]
async fn answer(Data(calls): Data<&Arc<Calls>>, headers: &HeaderMap) -> Json<Value> {
    let key = headers.get("idempotency-key").unwrap().to_str().unwrap().to_owned();
    let nonce = {
        let mut calls = calls.0.lock().unwrap();
        calls.push(key);
        calls.len() as u64 - 1
    };
    tokio::time::sleep(Duration::from_millis(50 + mixed(SEED ^ nonce) % 451)).await;
    Json(json!({ "nonce": nonce }))
}

/// A number that is a function of another, and looks like none.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
