//! Tests of workflows: executions on the real engine, in a world of their own.
//!
//! Invariant: pure. No file, clock or network: time passes because something is due, and what a worker would answer is said by
//! mocks. The same test gives the same verdict on every machine, however often it is run.

mod case;
mod coverage;
mod faults;
mod judge;
mod library;
mod life;
mod literal;
mod mocks;
mod names;
mod record;
mod response;
mod synth;
mod trace;
mod uses;
mod workers;
mod world;

pub use case::{Options, Verdict, run_test};
pub use coverage::{Coverage, Point, PointKind};
pub use faults::{Fault, FaultReport, FaultRun, Left, run_faults};
pub use library::{Known, Library};
pub use life::Life;
pub use literal::literal;
pub use record::{Recorded, RecordedRow, test_of};
pub use trace::{TraceLine, trace};
pub use workers::{Ending, Reply, Task, Trouble, Word, Workers};
pub use world::{Begin, World};
