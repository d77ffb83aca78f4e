//! The engine against a model: random workflows, run on the engine with the state thrown away after every event, and worked
//! out by a small interpreter of the meaning that shares no code with it.

mod grow;
mod meaning;
mod plans;
mod runs;
mod script;
mod tree;
