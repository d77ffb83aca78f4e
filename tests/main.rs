//! The tests: one binary, a module for each behaviour.

#![allow(clippy::unwrap_used, reason = "a test that panics fails, as it should")]

mod api;
mod api_bad_requests;
mod api_document;
mod api_operations;
mod cel;
mod cli;
mod convert;
mod custom_handler;
mod diagnostics;
mod diagnostics_data;
mod docs;
mod e2e;
mod engine;
mod examples;
mod expression_costs;
mod expressions;
mod functions_reference;
mod fuzz;
mod graph;
mod kill;
mod layout;
mod migrations;
mod model;
mod operations;
mod plans;
mod queue;
mod queue_redis;
mod runtime;
mod runtime_faults;
mod runtime_limits;
mod runtime_simulation;
mod schema;
mod sim;
mod store;
mod store_commit;
mod store_limits;
mod store_reads;
mod store_recovery;
mod store_workflows;
mod support;
mod trial;
mod watch;
mod worker;
mod worker_http;
