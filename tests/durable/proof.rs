//! What must lie between the rows of an execution and an answer about it.

use uuid::Uuid;

use super::trace::{Call, asked};

/// An answer over HTTP: to the request that begins so, with this status.
#[derive(Clone, Debug)]
pub struct Answer {
    pub request: String,
    pub status: u16,
}

/// The calls of an answer: the end of the request's reading, and the first write of the answer.
struct Found {
    asked: usize,
    answer: Call,
}

impl Answer {
    fn find(&self, calls: &[Call]) -> Result<Found, String> {
        let asked = asked(calls, &self.request).ok_or("the request was never read")?;
        let sent = calls.iter().find(|call| call.is_sent() && call.file == asked.file && call.began > asked.ended);
        let answer = sent.ok_or("the request was never answered")?;
        if !answer.data.starts_with(format!("HTTP/1.1 {} ", self.status).as_bytes()) {
            return Err(format!("the answer is another: {}", String::from_utf8_lossy(&answer.data)));
        }
        Ok(Found { asked: asked.ended, answer: answer.clone() })
    }

    /// The same calls, but with the answer begun as soon as the request was read.
    pub fn told_early(&self, calls: &[Call]) -> Vec<Call> {
        let found = self.find(calls).unwrap();
        let mut calls = calls.to_vec();
        for call in calls.iter_mut().filter(|call| call.began == found.answer.began) {
            (call.began, call.ended) = (found.asked + 1, found.asked + 1);
        }
        calls
    }
}

/// Whether rows of the execution were written to SQLite's log after the request, and a sync of that log began after they and
/// the mark of their commit were written, and ended before the answer began.
pub fn synced_before(calls: &[Call], execution: Uuid, answer: &Answer) -> Result<(), String> {
    let Found { asked, answer } = answer.find(calls)?;
    let written = calls.iter().filter(|call| call.name == "pwrite64" && call.file.ends_with("-wal"));
    let log: Vec<&Call> = written.filter(|call| call.began > asked).collect();
    let rows = log.iter().rposition(|call| call.ended < answer.began && call.holds(execution.as_bytes()));
    let rows = rows.ok_or("no row of it was written before the answer")?;
    // Each page follows its header, and that of a commit's last page says so.
    let commit = (rows.saturating_sub(1)..log.len()).find(|at| is_mark_of_commit(log[*at])).ok_or("no commit")?;
    let last = log.get(commit + 1).ok_or("no commit")?;
    let synced = calls.iter().any(|call| {
        ["fsync", "fdatasync"].contains(&&*call.name)
            && call.file == last.file
            && call.result == 0
            && call.began > last.ended
            && call.ended < answer.began
    });
    if synced { Ok(()) } else { Err("no sync of the log lies between the commit and the answer".to_owned()) }
}

/// Whether it writes the header of a frame of SQLite's log that ends a commit: its second number, the size of the database
/// after the commit, is 0 in all others.
fn is_mark_of_commit(call: &Call) -> bool {
    call.data.len() == 24 && call.data[4..8] != [0; 4]
}

/// Whether rows of the execution were sent to PostgreSQL after the request, then a COMMIT, and the answer began after
/// PostgreSQL had said that it is complete.
pub fn completed_before(calls: &[Call], execution: Uuid, answer: &Answer) -> Result<(), String> {
    let Found { asked, answer } = answer.find(calls)?;
    let sent = calls.iter().filter(|call| call.is_sent() && call.began > asked && call.ended < answer.began);
    let mut of_it = sent.clone().filter(|call| call.holds(execution.as_bytes()));
    let rows = of_it.rfind(|call| !is_query(calls, call));
    let rows = rows.ok_or("no answer to a COMMIT: no row of it was sent before the answer")?;
    let commit = sent.clone().find(|call| call.file == rows.file && call.began >= rows.began && call.holds(b"COMMIT"));
    let commit = commit.ok_or("no answer to a COMMIT: none was sent before the answer")?;
    let complete = calls.iter().any(|call| {
        call.is_received()
            && call.file == commit.file
            && call.ended > commit.began
            && call.ended < answer.began
            && call.holds(b"COMMIT\0")
    });
    if complete { Ok(()) } else { Err("no answer to a COMMIT lies before the answer".to_owned()) }
}

/// Whether what was sent to PostgreSQL was answered as a query is, and so wrote nothing.
fn is_query(calls: &[Call], sent: &Call) -> bool {
    let later = calls.iter().filter(|call| call.file == sent.file && call.began > sent.ended);
    later.take_while(|call| !call.is_sent()).any(|call| call.holds(b"SELECT "))
}
