//! The queue over Redis Streams: any number of workers in any number of processes.
//!
//! A task is an entry of its queue's stream until its outcome is an entry of its partition's stream: one transaction swaps
//! them. The owner deletes the outcome after the commit that records it. So at each moment what Redis holds is what is not
//! recorded, and nothing is held that no one will ask for.
//!
//! Invariant: never MAXLEN, and nothing expires: an entry goes when it is done with, and the length is the back-pressure.

mod dispatcher;
mod entry;
mod fill;
mod keys;
mod leases;
mod link;
mod notices;
mod nudges;
mod options;
mod outcomes;
mod patience;
mod portions;
mod read;
mod release;
mod source;
mod swap;
mod sweep;

pub use dispatcher::RedisQueue;
pub use leases::RedisLeases;
pub use nudges::RedisNudges;
pub use options::RedisOptions;
pub use source::RedisSource;
