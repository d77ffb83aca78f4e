//! The engine against a model: random workflows, run on the engine with the state thrown away after every event, and worked
//! out by a small interpreter of the meaning that shares no code with it.
//!
//! The model knows no execution retries and no pauses. What they come to is held by two rules: a pause of a workflow in which
//! nothing races changes nothing but times, and whatever is paused and retried comes to the same after a crash at every event.

mod grow;
mod meaning;
mod plans;
mod runs;
mod script;
mod tree;
