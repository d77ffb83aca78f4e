//! How large a value is.

use super::fault::Fault;
use super::{Value, canonical::escaped_len};

/// How deep lists and objects may be in one another. Readers of JSON stop at 128, and rows wrap values in a few levels more.
pub const MAX_VALUE_DEPTH: usize = 100;

impl Value {
    /// The length of its JSON text in bytes, roughly. Parts that are shared count each time they stand in the value.
    ///
    /// Counting stops past `usize::MAX / 2`; use [`Value::fits`] on values that are not known to be small.
    pub fn approx_bytes(&self) -> usize {
        let mut meter = Meter { left: usize::MAX / 2, too_deep: false };
        meter.add(self, 0);
        usize::MAX / 2 - meter.left
    }

    /// Whether its JSON text is at most `bytes` long, roughly, and it is nested at most [`MAX_VALUE_DEPTH`] deep. Looks at
    /// no more than `bytes` of it.
    pub fn fits(&self, bytes: usize) -> bool {
        check_result(self, bytes).is_ok()
    }
}

/// Whether JSON is nested deeper than [`MAX_VALUE_DEPTH`]: no value is made of that, since its row could not be read again.
pub fn is_too_deep(json: &serde_json::Value) -> bool {
    fn deeper(json: &serde_json::Value, left: usize) -> bool {
        let inside = |json| deeper(json, left - 1);
        match json {
            serde_json::Value::Array(items) => left == 0 || items.iter().any(inside),
            serde_json::Value::Object(entries) => left == 0 || entries.values().any(inside),
            _ => false,
        }
    }
    deeper(json, MAX_VALUE_DEPTH)
}

/// The rough size of a value, which must be within the limits.
pub(super) fn check_result(value: &Value, max_bytes: usize) -> Result<usize, Fault> {
    let mut meter = Meter { left: max_bytes, too_deep: false };
    if meter.add(value, 0) {
        return Ok(max_bytes - meter.left);
    }
    Err(if meter.too_deep {
        Fault::limit(format!("the value is nested more than {MAX_VALUE_DEPTH} deep"))
    } else {
        Fault::limit(format!("the value is larger than the limit of {max_bytes} bytes"))
    })
}

struct Meter {
    left: usize,
    too_deep: bool,
}

impl Meter {
    /// Takes the value's size off what is left; false where that is not enough.
    fn add(&mut self, value: &Value, depth: usize) -> bool {
        if depth > MAX_VALUE_DEPTH {
            self.too_deep = true;
            return false;
        }
        match value {
            Value::Null | Value::Bool(_) => self.take(5),
            Value::Int(_) => self.take(8),
            Value::Num(_) => self.take(12),
            Value::Str(text) => self.take(escaped_len(text) + 2),
            Value::Duration(_) => self.take(8),
            Value::Timestamp(_) => self.take(29),
            Value::List(items) => self.take(2) && items.iter().all(|item| self.take(1) && self.add(item, depth + 1)),
            Value::Map(map) => {
                let mut entries = map.iter();
                self.take(2)
                    && entries.all(|(key, value)| self.take(escaped_len(key) + 4) && self.add(value, depth + 1))
            }
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}
