//! From end to end over HTTP, on the real binary: the same on SQLite alone, and on PostgreSQL, Redis and two workers.

/// Makes a test of a function for each back end.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod embedded { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                use crate::e2e::server::{Backend, TestServer};
                super::$name(TestServer::start(Backend::Embedded).await).await;
            }
        )* }
        mod servers { $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                use crate::e2e::server::{Backend, TestServer};
                super::$name(TestServer::start(Backend::Servers).await).await;
            }
        )* }
    };
}

mod batch;
mod children;
mod executions;
mod faults;
mod flow;
mod fused;
mod limits;
mod nodes;
mod nodes_controls;
mod nodes_definitions;
mod nodes_tasks;
mod nodes_watch;
mod patterns;
mod queues;
mod remote;
mod retention;
mod retries;
pub mod server;
mod times;
mod undos;
mod waits;
