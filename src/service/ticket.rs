//! What names a leased task to its worker: opaque to it, and whole to whichever process it comes to.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::expr::Timestamp;

use super::ports::Lease;

/// How many bytes of its hash stand before a ticket: one that was cut or mistyped is not taken for another.
const CHECK: usize = 6;

/// A leased task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ticket {
    /// The claim.
    pub lease: Lease,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// How long the attempt may take from then, in milliseconds.
    pub timeout_ms: u64,
}

impl Ticket {
    /// As a word that can stand in a path.
    pub fn encode(&self) -> String {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let mut bytes = check(&json).to_vec();
        bytes.extend(json);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// From that word; none where it is no such word.
    pub fn decode(word: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(word).ok()?;
        let (given, json) = bytes.split_at_checked(CHECK)?;
        if given != check(json) {
            return None;
        }
        serde_json::from_slice(json).ok()
    }

    /// When the attempt's time is over.
    pub fn deadline(&self) -> Timestamp {
        self.claimed_at.plus_ms(self.timeout_ms)
    }
}

fn check(json: &[u8]) -> [u8; CHECK] {
    let hash = Sha256::digest(json);
    std::array::from_fn(|at| hash.get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ExecutionId, StepPath};
    use crate::service::ports::{AttemptKey, Receipt};

    #[test]
    fn a_ticket_comes_back_whole_and_a_broken_one_not_at_all() {
        let key = AttemptKey { execution: ExecutionId(uuid::Uuid::nil()), path: StepPath::new("pick[3]"), attempt: 2 };
        let lease = Lease { key, receipt: Receipt("1-2 default/geo.lookup".into()), seconds: 30 };
        let ticket = Ticket { lease, claimed_at: Timestamp(5), timeout_ms: 1_000 };
        let word = ticket.encode();
        assert!(word.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_')), "{word}");
        assert_eq!(Ticket::decode(&word).unwrap(), ticket);
        assert_eq!(Ticket::decode(&word[..word.len() - 2]), None);
        let other = if word.starts_with('A') { "B" } else { "A" };
        assert_eq!(Ticket::decode(&format!("{other}{}", &word[1..])), None);
        assert_eq!(Ticket::decode(""), None);
    }
}
