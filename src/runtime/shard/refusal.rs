//! What becomes of a job that can't be done.

use crate::ids::{Epoch, ExecutionId};
use crate::service::ports::RuntimeError;

use super::super::message::{Cause, Job, Turn, What};
use super::Shard;

impl Shard {
    /// A job for an execution that is not there. An outcome is acknowledged, in its turn.
    pub(super) fn drop_job(&mut self, id: ExecutionId, epoch: Epoch, job: Job) {
        match job {
            Job { what: What::Outcome(delivered), permit, .. } => {
                let turn = Turn::bare(id, epoch, "".into(), Cause::Outcome(delivered));
                self.send_bare(Turn { permit, ..turn });
            }
            job => self.turn_away(id, epoch, job, RuntimeError::NotFound(id)),
        }
    }

    /// Answers a job that can't be done, in its turn: a message that asked for it is done with that. An outcome is not
    /// acknowledged.
    pub(super) fn turn_away(&mut self, id: ExecutionId, epoch: Epoch, job: Job, why: RuntimeError) {
        let Job { what, permit, received, .. } = job;
        let answer = match what {
            What::Control { answer, .. } => answer,
            What::Offer(offer) => offer.answer,
            What::Ask { answer, .. } => {
                let _ = answer.send(false);
                return;
            }
            What::Outcome(_) | What::Event(_) | What::Due(_) => return,
        };
        let verdict = Err(why);
        let settled = received.map(|received| received.settled(id, &verdict));
        let turn = Turn::bare(id, epoch, "".into(), Cause::Control { answer, verdict });
        self.send_bare(Turn { permit, settled, ..turn });
    }
}

/// Answers a job that can't be done. An outcome is not acknowledged: it is for whoever can.
pub(super) fn refuse(job: Job, why: impl Fn() -> RuntimeError) {
    match job.what {
        What::Control { answer, .. } => drop(answer.send(Err(why()))),
        What::Offer(offer) => drop(offer.answer.send(Err(why()))),
        What::Ask { answer, .. } => drop(answer.send(false)),
        What::Outcome(_) | What::Event(_) | What::Due(_) => {}
    }
}

pub(super) fn unreadable(id: ExecutionId) -> RuntimeError {
    RuntimeError::Unavailable(format!("the rows of execution {id} can't be made sense of; see the server's log"))
}

/// What a caller is told of an execution whose partition was lost.
pub(in crate::runtime) fn moved() -> RuntimeError {
    RuntimeError::Unavailable("another process has taken over this execution; try again".to_owned())
}
