//! Draws ids of executions that fall in partitions which this node serves.

use std::sync::Arc;

use uuid::Uuid;

use crate::expr::Timestamp;
use crate::ids::ExecutionId;
use crate::service::ports::Entropy;

use super::shared::Shared;

/// How often an id is drawn again: with one partition of 64, all of these miss it once in 10^28 times.
const DRAWS: usize = 4_096;

/// The node's own ids.
pub(super) struct OwnIds {
    pub shared: Arc<Shared>,
}

impl Entropy for OwnIds {
    /// Where no partition is served the id is another's, and its start is refused.
    fn execution_id(&self, now: Timestamp) -> ExecutionId {
        let Shared { ownership, ports, .. } = &*self.shared;
        let mut drawn = ports.entropy.execution_id(now);
        for draw in 0..DRAWS {
            let is_served = ownership.epoch(drawn.partition()).is_some();
            if is_served || (draw == 0 && ownership.served().is_empty()) {
                break;
            }
            drawn = ports.entropy.execution_id(now);
        }
        drawn
    }

    fn uuid(&self) -> Uuid {
        self.shared.ports.entropy.uuid()
    }
}
