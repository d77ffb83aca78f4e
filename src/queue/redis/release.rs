//! Hands claims back: each goes to the end of its queue, unless it is no longer a claim.

use std::collections::BTreeMap;

use redis::Script;

use crate::service::ports::{Claimed, QueueError};

use super::entry::encode;
use super::keys::{GROUP, Keys};
use super::link::Link;
use super::options::unavailable;

/// ARGV: the group, then an entry's id and its new body, in turn. One that is not pending any more has lapsed, and its
/// owner knows.
const RELEASE: &str = r"
for i = 2, #ARGV, 2 do
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[i]) == 1 then
    redis.call('XDEL', KEYS[1], ARGV[i])
    redis.call('XADD', KEYS[1], '*', 'j', ARGV[i + 1])
  end
end
";

/// How many claims go in one script.
const BATCH: usize = 256;

/// Hands claims back.
pub(super) struct Releaser {
    link: Link,
    keys: Keys,
    script: Script,
}

impl Releaser {
    pub(super) fn new(link: Link, keys: Keys) -> Self {
        Self { link, keys, script: Script::new(RELEASE) }
    }

    /// Hands claims back.
    pub(super) async fn release(&self, claims: &[Claimed]) -> Result<(), QueueError> {
        let mut queues: BTreeMap<&str, Vec<(&str, Vec<u8>)>> = BTreeMap::new();
        for claimed in claims {
            let Some((id, queue)) = claimed.receipt.0.split_once(' ') else { continue };
            queues.entry(queue).or_default().push((id, encode(&claimed.task)?));
        }
        for (queue, entries) in queues {
            for some in entries.chunks(BATCH) {
                let mut args: Vec<&[u8]> = vec![GROUP.as_bytes()];
                args.extend(some.iter().flat_map(|(id, json)| [id.as_bytes(), json.as_slice()]));
                self.link.run::<()>(&self.script, &[&self.keys.tasks(queue)], &args).await.map_err(unavailable)?;
            }
        }
        Ok(())
    }
}
