//! Identities: what a workflow, an execution, a step and a partition are called, everywhere.
//!
//! Invariant: no I/O here, and no random source: fresh ids are made by the shell around the engine.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How many partitions executions are spread over, for the life of a database.
pub const PARTITIONS: u16 = 64;

/// The namespace of child executions' ids (UUIDv5).
const CHILD_NAMESPACE: Uuid = Uuid::from_u128(0x5d0e_6b7c_3f34_4d0a_9c1f_7a52_e0c4_11d3);

/// A workflow, over all of its versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkflowId(pub Uuid);

/// How many names of a child are tried: none of them falls in its parent's partition once in 10^28 times.
const CHILD_NAMES: u32 = 4_096;

/// One execution of one version of a workflow. UUIDv7, so that neighbours in time are neighbours in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExecutionId(pub Uuid);

impl ExecutionId {
    /// The partition that owns this execution: a hash of the id, the same in every process.
    pub fn partition(self) -> PartitionId {
        PartitionId::of_bytes(self.0.as_bytes())
    }

    /// The id of the child that the step at `path` starts: a function of both, so that starting it twice starts one. It falls
    /// in the partition of this execution, so that one process owns a family: of the names that could be meant it is the
    /// first that does.
    pub fn child(self, path: &StepPath) -> Self {
        let named = |name: String| Self(Uuid::new_v5(&CHILD_NAMESPACE, name.as_bytes()));
        let first = named(format!("{}/{path}", self.0));
        // No path holds a slash.
        let others = (1..CHILD_NAMES).map(|n| named(format!("{}/{path}/{n}", self.0)));
        let partition = self.partition();
        std::iter::once(first).chain(others).find(|child| child.partition() == partition).unwrap_or(first)
    }

    /// The `Idempotency-Key` that every attempt of the step at `path` sends: 32 hexadecimal digits, the same over
    /// attempts, execution retries and redelivery.
    pub fn idempotency_key(self, path: &StepPath) -> String {
        let mut hash = Sha256::new();
        hash.update(self.0.as_bytes());
        hash.update(path.as_str().as_bytes());
        hex(&hash.finalize()[..16])
    }
}

/// Bytes as hexadecimal digits, lower case.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)] as char, DIGITS[usize::from(byte & 15)] as char];
    bytes.iter().flat_map(digits).collect()
}

/// A slice of all executions, owned by one process at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PartitionId(pub u16);

impl PartitionId {
    /// Every partition, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PARTITIONS).map(Self)
    }

    /// The partition whose owner decides for a name of this kind, where one has to decide: a hash of both, the same in every
    /// process.
    pub fn of_name(kind: &str, name: &str) -> Self {
        Self::of_bytes(format!("{kind}:{name}").as_bytes())
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self(u16::from_be_bytes([digest[0], digest[1]]) % PARTITIONS)
    }
}

/// Counts the owners that a partition has had. A commit that proves an older epoch than the database's writes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

/// A step's place at run time: its name, with `[i]` for each enclosing loop item or pass: `pick[3]`.
///
/// `let`, `if`, `sleep` and the like are recorded under paths of their own, made from the node's stable id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepPath(Arc<str>);

impl StepPath {
    /// A path from its written form.
    pub fn new(path: impl Into<Arc<str>>) -> Self {
        Self(path.into())
    }

    /// The written form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The number of an attempt at a step, from 1. Numbers never start again, whatever retries the execution.
pub type Attempt = u32;

macro_rules! uuid_display {
    ($($id:ident),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
uuid_display!(WorkflowId, ExecutionId, PartitionId, Epoch);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_of_one_partition_and_each_of_its_members_has_an_id_of_its_own() {
        let parent = ExecutionId(Uuid::from_u128(7));
        let children: Vec<ExecutionId> = (0..50).map(|n| parent.child(&StepPath::new(format!("kid[{n}]")))).collect();
        assert!(children.iter().all(|child| child.partition() == parent.partition()));
        assert_eq!(children.iter().collect::<std::collections::BTreeSet<_>>().len(), 50);
        assert_eq!(children[3], parent.child(&StepPath::new("kid[3]")), "the same again");
    }
}
