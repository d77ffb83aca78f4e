//! Takes the tasks of one claim from many lanes, in one call.

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Script};

use super::entry::Entry;
use super::keys::{GROUP, Keys};
use super::portions::Portions;

/// Takes up to ARGV[3] tasks from the streams that are the keys. ARGV[4] says of each priority in turn which queues it has, and
/// how far ahead these and their lanes are; in a queue the lane that is the least ahead comes first. Task by task the queue that
/// is the least ahead is next, and of it the lane that is: first that is reckoned, then each stream is read once for its part.
/// One that has less leaves the rest to the others, and so on until there is enough, or nothing. A stream that nobody has read
/// yet is given its group; another error is told when nothing was taken, since it would hide what was.
const FILL: &str = r"
local left, found, failed, at = tonumber(ARGV[3]), {}, false, 0

local function read(key, most)
  return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', most, 'STREAMS', key, '>')
end

local function taken(key, most)
  local reply = read(key, most)
  if reply and reply.err and string.find(reply.err, 'NOGROUP', 1, true) then
    redis.pcall('XGROUP', 'CREATE', key, ARGV[1], '0', 'MKSTREAM')
    reply = read(key, most)
  end
  if reply and reply.err then
    failed = reply
  elseif reply then
    found[#found + 1] = reply[1]
    return #reply[1][2]
  end
  return 0
end

local function next_queue(queues)
  local least
  for _, queue in ipairs(queues) do
    if queue.lanes[queue.first] and (not least or queue.ahead < least.ahead) then least = queue end
  end
  return least
end

-- Puts a lane behind those that are as far.
local function put(queue, lane)
  local lanes, n = queue.lanes, #queue.lanes + 1
  while n > queue.first and lanes[n - 1].ahead > lane.ahead do
    lanes[n], n = lanes[n - 1], n - 1
  end
  lanes[n] = lane
end

-- Takes a queue's part: from its first lanes, as many as get a task each once they are level.
local function serve(queue)
  local lanes, first, count, level, raise = queue.lanes, queue.first, 0, 0, 0
  while lanes[first + count] do
    local ahead = lanes[first + count].ahead
    local more = raise + (count > 0 and count * (ahead - level) or 0)
    if more + count >= queue.part then break end
    count, level, raise = count + 1, ahead, more
  end
  local each, rest = math.floor((queue.part - raise) / count), (queue.part - raise) % count
  queue.first, queue.part = first + count, 0
  for n = 1, count do
    local lane = lanes[first + n - 1]
    local most = level - lane.ahead + each + (n <= rest and 1 or 0)
    local got = taken(lane.key, most)
    left = left - got
    if got == most then
      lane.ahead = lane.ahead + most
      put(queue, lane)
    else
      queue.ahead = queue.ahead - (most - got) * queue.price
    end
  end
end

for _, queues in ipairs(cjson.decode(ARGV[4])) do
  for _, queue in ipairs(queues) do
    queue.first, queue.part = 1, 0
    for n, ahead in ipairs(queue.lanes) do
      at = at + 1
      queue.lanes[n] = { key = KEYS[at], ahead = ahead }
    end
  end
  while left > 0 and next_queue(queues) do
    for _ = 1, left do
      local queue = next_queue(queues)
      queue.part, queue.ahead = queue.part + 1, queue.ahead + queue.price
    end
    for _, queue in ipairs(queues) do
      if queue.part > 0 then serve(queue) end
    end
  end
end
if failed and #found == 0 then return failed end
return found
";

/// The script that fills a claim.
pub(super) struct Fill(Script);

impl Fill {
    pub(super) fn new() -> Self {
        Self(Script::new(FILL))
    }

    /// Claims up to `max` tasks for a consumer, parted as is said.
    pub(super) async fn take(
        &self,
        connection: &mut MultiplexedConnection,
        keys: &Keys,
        consumer: &str,
        max: usize,
        portions: &Portions,
    ) -> RedisResult<Vec<(String, Vec<Entry>)>> {
        let (lanes, levels) = portions.parts();
        // Numbers and lists of them: there is nothing that can't be written.
        let levels = serde_json::to_string(&levels).unwrap_or_default();
        let mut call = self.0.prepare_invoke();
        lanes.into_iter().for_each(|lane| {
            call.key(keys.tasks(lane));
        });
        call.arg(GROUP).arg(consumer).arg(max).arg(levels).invoke_async(connection).await
    }
}
